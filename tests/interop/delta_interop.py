#!/usr/bin/env python3
"""delta-rs reads what Waybill writes, writes to it, and Waybill reads that.

Usage: delta_interop.py LAKE_TOOL    (needs the packages deltalake and pyarrow)
Ends in one line "N passed, N failed".
"""

import datetime
import glob
import os
import subprocess
import sys
import tempfile

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

import cases

TOOL = sys.argv[1]
ROOT = tempfile.mkdtemp(prefix="delta-interop-")
COLUMNS = "id bigint not null, name string, day date, at timestamp, weight double, ok boolean, n integer"
ROW = (
    "SELECT i AS id, 'näme ' || i AS name, DATE '2026-01-01' + CAST(i % 3 AS INTEGER) AS day, "
    "TIMESTAMPTZ '2026-01-01 00:00:00.123456+00' + to_seconds(i) AS at, i * 0.5 AS weight, "
    "CASE WHEN i % 4 > 0 THEN i % 2 = 0 END AS ok, CAST(i % 7 AS INTEGER) AS n FROM range({}, {}) AS r(i)"
)


def tool(*arguments):
    done = subprocess.run([TOOL, ROOT, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"lake_tool {arguments}: {done.stderr}")
    return done.stdout


def rows(table):
    return sorted((tuple(r.values()) for r in table.to_pylist()), key=repr)


def by_waybill(name, version=None):
    out = os.path.join(ROOT, "out.parquet")
    tool("read", name, out, *([] if version is None else [version]))
    return pq.read_table(out)


def by_delta_rs(name, version=None):
    return DeltaTable(os.path.join(ROOT, name), version=version).to_pyarrow_table()


def assert_same(name, count, version=None):
    mine, theirs = by_waybill(name, version), by_delta_rs(name, version)
    theirs = theirs.select(mine.column_names)
    assert theirs.num_rows == count, f"delta-rs reads {theirs.num_rows} rows, not {count}"
    assert rows(mine) == rows(theirs), "rows differ"


def create(name, *partition):
    tool("create", name, COLUMNS, *partition)


def drop_log_below_checkpoint(name):
    log = os.path.join(ROOT, name, "_delta_log")
    newest = max(glob.glob(log + "/*.checkpoint.parquet"))
    version = os.path.basename(newest).split(".")[0]
    for path in glob.glob(log + "/*.json"):
        if os.path.basename(path).split(".")[0] < version:
            os.remove(path)
    return int(version)


def appended():
    create("appended")
    tool("append", "appended", ROW.format(0, 10))
    tool("append", "appended", ROW.format(10, 25))
    assert_same("appended", 25)
    assert_same("appended", 10, version=1)


def partitioned_and_overwritten():
    create("parted", "day")
    tool("append", "parted", ROW.format(0, 30))
    tool("replace", "parted", "day", "2026-01-02", "SELECT * FROM (" + ROW.format(100, 109) + ") WHERE day = DATE '2026-01-02'")
    assert_same("parted", 23)
    table = DeltaTable(os.path.join(ROOT, "parted"))
    one = table.to_pyarrow_table(filters=[("day", "=", datetime.date(2026, 1, 2))])
    assert one.num_rows == 3, one.num_rows


def strange_partition_values():
    tool("create", "strange", "id bigint, city string, seen timestamp", "city,seen")
    tool("append", "strange",
         "SELECT * FROM (VALUES (1, 'a b/c=%', TIMESTAMPTZ '2026-01-01 10:00:00.5+00'), "
         "(2, NULL, NULL), (3, 'é?#[x]*', TIMESTAMPTZ '1969-01-01 00:00:00+00')) AS v(id, city, seen)")
    assert_same("strange", 3)


def upserted():
    create("upserted")
    tool("append", "upserted", ROW.format(0, 20))
    assert tool("upsert", "upserted", "id", "SELECT * REPLACE ('new' AS name) FROM (" + ROW.format(15, 30) + ")") == "inserted 10 updated 5\n"
    assert_same("upserted", 30)
    names = [r["name"] for r in by_delta_rs("upserted").to_pylist()]
    assert names.count("new") == 15


def checkpointed():
    create("checkpointed", "day")
    for i in range(14):
        tool("append", "checkpointed", ROW.format(i * 3, i * 3 + 3))
    version = drop_log_below_checkpoint("checkpointed")
    assert version >= 10, version
    assert_same("checkpointed", 42)
    table = DeltaTable(os.path.join(ROOT, "checkpointed"))
    assert table.version() == 14
    assert table.protocol().min_reader_version == 1 and table.protocol().min_writer_version == 2


def compacted():
    create("compacted")
    for i in range(6):
        tool("append", "compacted", ROW.format(i * 3, i * 3 + 3))
    assert tool("compact", "compacted") == "replaced 6\n"
    assert_same("compacted", 18)
    assert len(DeltaTable(os.path.join(ROOT, "compacted")).file_uris()) == 1


def skipping_by_statistics():
    create("skipped")
    for i in range(4):
        tool("append", "skipped", ROW.format(i * 10, i * 10 + 10))
    table = DeltaTable(os.path.join(ROOT, "skipped"))
    actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    assert sorted(a["min.id"] for a in actions) == [0, 10, 20, 30], actions[0]
    assert sorted(a["max.id"] for a in actions) == [9, 19, 29, 39]
    assert all(a["num_records"] == 10 for a in actions)
    found = table.to_pyarrow_dataset().to_table(filter=pc.field("id") == 25)
    assert found.num_rows == 1


def delta_rs_appends_and_waybill_reads():
    for name, partition in (("both", []), ("both_parted", ["day"])):
        create(name, *partition)
        tool("append", name, ROW.format(0, 10))
        more = by_waybill(name).slice(0, 5)
        more = more.set_column(0, pa.field("id", pa.int64(), nullable=False), pa.array(range(100, 105), pa.int64()))
        write_deltalake(os.path.join(ROOT, name), more, mode="append")
        assert_same(name, 15)
        tool("append", name, ROW.format(200, 203))
        assert_same(name, 18)
        tool("upsert", name, "id,day", ROW.format(0, 4))
        assert_same(name, 18)


def delta_rs_deletes_checkpoints_and_optimizes():
    create("kept", "day")
    for i in range(4):
        tool("append", "kept", ROW.format(i * 10, i * 10 + 10))
    table = DeltaTable(os.path.join(ROOT, "kept"))
    table.delete("id >= 5 AND id < 15")
    assert_same("kept", 30)
    table = DeltaTable(os.path.join(ROOT, "kept"))
    table.optimize.compact()
    assert_same("kept", 30)
    DeltaTable(os.path.join(ROOT, "kept")).create_checkpoint()
    drop_log_below_checkpoint("kept")
    assert_same("kept", 30)
    tool("append", "kept", ROW.format(50, 60))
    assert_same("kept", 40)


def delta_rs_creates_and_waybill_writes():
    path = os.path.join(ROOT, "theirs")
    data = pa.table({"id": pa.array([1, 2], pa.int64()), "p": ["x", "y z"], "w": pa.array([1.5, None], pa.float64())})
    write_deltalake(path, data, partition_by=["p"])
    assert_same("theirs", 2)
    tool("append", "theirs", "SELECT 3 AS id, NULL AS p, 2.5 AS w")
    assert_same("theirs", 3)
    tool("overwrite", "theirs", "SELECT 4 AS id, 'x' AS p, 2.5 AS w")
    assert_same("theirs", 1)


def delta_rs_adds_a_column():
    create("wider")
    tool("append", "wider", ROW.format(0, 3))
    more = by_waybill("wider").slice(0, 1).append_column("extra", pa.array(["x"]))
    write_deltalake(os.path.join(ROOT, "wider"), more, mode="append", schema_mode="merge")
    assert_same("wider", 4)
    tool("append", "wider", "SELECT *, 'y' AS extra FROM (" + ROW.format(7, 9) + ")")
    assert_same("wider", 6)


def delta_rs_restores_and_vacuums_nothing_needed():
    create("restored")
    tool("append", "restored", ROW.format(0, 3))
    tool("overwrite", "restored", ROW.format(10, 15))
    DeltaTable(os.path.join(ROOT, "restored")).restore(1)
    assert_same("restored", 3)
    DeltaTable(os.path.join(ROOT, "restored")).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert_same("restored", 3)
    assert tool("vacuum", "restored", 0) == "deleted 0\n"


CASES = [
    appended, partitioned_and_overwritten, strange_partition_values, upserted, checkpointed, compacted,
    skipping_by_statistics, delta_rs_appends_and_waybill_reads, delta_rs_deletes_checkpoints_and_optimizes,
    delta_rs_creates_and_waybill_writes, delta_rs_adds_a_column, delta_rs_restores_and_vacuums_nothing_needed,
]


if __name__ == "__main__":
    sys.exit(cases.run(CASES))
