#!/usr/bin/env python3
"""Every kind of table that Waybill writes, changed in every way, read by other engines; tables of
theirs, read and changed by Waybill; and all of them on one table at once.

Usage: lake_interop.py LAKE_TOOL [--seconds N] [--spark]
Needs deltalake, pyarrow, duckdb and duckdb-ext-delta; --spark also pyspark and delta-spark's jars in
the folder SPARK_JARS, by default ~/.cache/waybill-peers/lake/spark-jars (lake_pom.xml brings them).
Ends in one line "N passed, N failed".
"""

import argparse
import glob
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder, write_deltalake

PARSER = argparse.ArgumentParser()
PARSER.add_argument("tool")
PARSER.add_argument("--seconds", type=int, default=60, help="of writing one table together")
PARSER.add_argument("--spark", action="store_true")
ARGUMENTS = PARSER.parse_args()
ROOT = tempfile.mkdtemp(prefix="lake-interop-")
COLUMNS = "id bigint, p string, v bigint"
KINDS = {
    "plain": ("", []),
    "partitioned": ("p", []),
    "constrained": ("", ["delta.constraints.positive=v >= 0"]),
    "feed": ("p", ["delta.enableChangeDataFeed=true"]),
    "mapped_name": ("p", ["delta.columnMapping.mode=name"]),
    "mapped_id": ("", ["delta.columnMapping.mode=id"]),
    "vectors": ("p", ["delta.enableDeletionVectors=true"]),
    "mapped_vectors": ("", ["delta.columnMapping.mode=name", "delta.enableDeletionVectors=true"]),
}


MAPPED_AND_PARTITIONED = ("mapped_name", "spark_mapped", "spark_id", "spark_all")


def rows_sql(first, last):
    return f"SELECT i AS id, 'p' || (i % 3) AS p, i * 10 AS v FROM range({first}, {last}) AS r(i)"


def path(name):
    return os.path.join(ROOT, name)


def tool(*arguments):
    done = subprocess.run([ARGUMENTS.tool, ROOT, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"lake_tool {arguments}: {done.stderr}")
    return done.stdout


def in_order(table):
    return sorted((row["id"], row["p"], row["v"]) for row in table.to_pylist())


def by_waybill(name):
    out = os.path.join(ROOT, f"out-{threading.get_ident()}.parquet")
    tool("read", name, out)
    return in_order(pq.read_table(out))


def by_delta_rs(name):
    builder = QueryBuilder().register("t", DeltaTable(path(name)))
    return in_order(pa.table(builder.execute("SELECT id, p, v FROM t").read_all()))


DUCKDB = None


def by_duckdb(name):
    global DUCKDB
    import duckdb

    if DUCKDB is None:
        folder = os.path.join(os.path.dirname(os.path.dirname(duckdb.__file__)), "duckdb_ext")
        extension = glob.glob(folder + "/extensions/*/*/delta.duckdb_extension")[0]
        DUCKDB = duckdb.connect()
        DUCKDB.execute(f"LOAD '{extension}'")
    return sorted(DUCKDB.execute(f"SELECT id, p, v FROM delta_scan('{path(name)}')").fetchall())


SPARK = None


def spark():
    global SPARK
    if SPARK is None:
        from pyspark.sql import SparkSession

        folder = os.environ.get("SPARK_JARS", os.path.expanduser("~/.cache/waybill-peers/lake/spark-jars"))
        # Spark brings the rest of their dependencies.
        jars = ",".join(glob.glob(folder + "/delta-*.jar") + glob.glob(folder + "/unitycatalog-*.jar"))
        builder = (
            SparkSession.builder.master("local[2]").appName("lake-interop")
            .config("spark.jars", jars).config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2").config("spark.databricks.delta.snapshotPartitions", "2").config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
            .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
        )
        SPARK = builder.getOrCreate()
        SPARK.sparkContext.setLogLevel("ERROR")
    return SPARK


def by_spark(name):
    found = spark().sql(f"SELECT id, p, v FROM delta.`{path(name)}`").collect()
    return sorted((row.id, row.p, row.v) for row in found)


READERS = {"delta-rs": by_delta_rs, "DuckDB": by_duckdb}
if ARGUMENTS.spark:
    READERS["Spark"] = by_spark


def assert_same(name, wanted, last=True):
    """Spark takes seconds for each: it reads what stands at the end."""
    assert by_waybill(name) == wanted, "Waybill reads other rows"
    for reader, read in READERS.items():
        if reader == "Spark" and not last:
            continue
        found = read(name)
        # DuckDB's extension gives null for partition columns of tables with column mapping; delta-rs reads the same tables right.
        if reader == "DuckDB" and name in MAPPED_AND_PARTITIONED:
            assert [(i, v) for i, _, v in found] == [(i, v) for i, _, v in wanted], "DuckDB reads other rows"
        else:
            assert found == wanted, f"{reader} reads other rows than Waybill"


class Model:
    """What the table should hold: rows by id."""

    def __init__(self):
        self.rows = {}

    def put(self, first, last):
        for i in range(first, last):
            self.rows[i] = (i, f"p{i % 3}", i * 10)

    def wanted(self):
        return sorted(self.rows.values())


def every_change(kind):
    partition, properties = KINDS[kind]
    model = Model()
    tool("create", kind, COLUMNS, partition, *properties)
    tool("append", kind, rows_sql(0, 30))
    tool("append", kind, rows_sql(30, 50))
    model.put(0, 50)
    assert_same(kind, model.wanted(), last=False)
    tool("delete", kind, "id % 7 = 3")
    model.rows = {i: row for i, row in model.rows.items() if i % 7 != 3}
    assert_same(kind, model.wanted(), last=False)
    tool("update", kind, "v", "v + 1", "id BETWEEN 10 AND 40 AND p <> 'p1'")
    model.rows = {i: (i, p, v + 1) if 10 <= i <= 40 and p != "p1" else (i, p, v) for i, p, v in model.rows.values()}
    assert_same(kind, model.wanted(), last=False)
    tool("merge", kind, rows_sql(45, 60), "target.id = source.id")
    model.put(45, 60)
    assert_same(kind, model.wanted(), last=False)
    tool("replace-where", kind, "id < 5", rows_sql(0, 3))
    model.rows = {i: row for i, row in model.rows.items() if i >= 5}
    model.put(0, 3)
    assert_same(kind, model.wanted(), last=False)
    before, version = model.wanted(), DeltaTable(path(kind)).version()
    tool("zorder", kind, "id,v")
    assert_same(kind, before, last=False)
    tool("overwrite", kind, rows_sql(100, 105))
    tool("restore", kind, version)
    assert_same(kind, before, last=False)
    for i in range(4):  # a checkpoint comes at the tenth version
        tool("append", kind, rows_sql(200 + i, 201 + i))
        model.put(200 + i, 201 + i)
    assert any("checkpoint.parquet" in f for f in os.listdir(path(kind) + "/_delta_log"))
    assert_same(kind, model.wanted())


def delta_rs_changes_what_waybill_wrote():
    for kind in ("plain", "partitioned", "constrained"):
        name = "rs_" + kind
        partition, properties = KINDS[kind]
        model = Model()
        tool("create", name, COLUMNS, partition, *properties)
        tool("append", name, rows_sql(0, 30))
        model.put(0, 30)
        DeltaTable(path(name)).delete("id % 5 = 0")
        model.rows = {i: row for i, row in model.rows.items() if i % 5}
        assert_same(name, model.wanted(), last=False)
        DeltaTable(path(name)).update(updates={"v": "v + 2"}, predicate="id < 10")
        model.rows = {i: (i, p, v + 2 if i < 10 else v) for i, p, v in model.rows.values()}
        assert_same(name, model.wanted(), last=False)
        source = pa.table({"id": [1, 77], "p": ["p1", "p2"], "v": [5, 6]})
        (DeltaTable(path(name)).merge(source, "t.id = s.id", source_alias="s", target_alias="t")
         .when_matched_update_all().when_not_matched_insert_all().execute())
        model.rows[1], model.rows[77] = (1, "p1", 5), (77, "p2", 6)
        assert_same(name, model.wanted(), last=False)
        tool("update", name, "v", "v * 2", "id > 20")
        model.rows = {i: (i, p, v * 2 if i > 20 else v) for i, p, v in model.rows.values()}
        assert_same(name, model.wanted(), last=False)


def a_constraint_of_ours_binds_delta_rs():
    tool("create", "bound", COLUMNS, "", "delta.constraints.positive=v >= 0")
    bad = pa.table({"id": [1], "p": ["x"], "v": [-1]})
    try:
        write_deltalake(path("bound"), bad, mode="append")
    except Exception:
        return
    raise AssertionError("delta-rs wrote a row that breaks the constraint")


def together():
    """Appends and merges of both engines, and both compacting, on one table."""
    tool("create", "together", COLUMNS)
    end = time.monotonic() + ARGUMENTS.seconds
    acknowledged, lock, problems = set(), threading.Lock(), []

    def work(first, write):
        number = first
        while time.monotonic() < end:
            number += 1
            try:
                write(number)
            except Exception as error:  # delta-rs gives up after its retries: not acknowledged
                if "lake_tool" in str(error) and "may or may not" not in str(error):
                    problems.append(str(error)[:300])
                continue
            with lock:
                acknowledged.add(number)

    def maintain(run):
        while time.monotonic() < end:
            try:
                run()
            except Exception as error:
                if "lake_tool" in str(error) and "version" not in str(error):
                    problems.append(str(error)[:300])
            time.sleep(1)

    def rs_append(n):
        write_deltalake(path("together"), pa.table({"id": [n], "p": ["rs"], "v": [n]}), mode="append")

    one = "SELECT {0} AS id, 'w' AS p, {0} AS v"
    threads = [
        threading.Thread(target=work, args=(1_000_000, rs_append)),
        threading.Thread(target=work, args=(2_000_000, lambda n: tool("append", "together", one.format(n)))),
        threading.Thread(target=work, args=(3_000_000, lambda n: tool("merge", "together", one.format(n), "target.id = source.id"))),
        threading.Thread(target=work, args=(4_000_000, rs_append)),
        threading.Thread(target=maintain, args=(lambda: tool("compact", "together"),)),
        threading.Thread(target=maintain, args=(lambda: DeltaTable(path("together")).optimize.compact(),)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [row[0] for row in by_waybill("together")]
    assert len(found) == len(set(found)), "a row is there twice"
    missing = acknowledged - set(found)
    assert not missing, f"{len(missing)} acknowledged rows are missing"
    assert sorted(found) == [row[0] for row in by_delta_rs("together")]
    assert not problems, problems[:3]
    each = {k: sum(1 for n in acknowledged if n // 1_000_000 == k) for k in (1, 2, 3, 4)}
    print(f"  acknowledged in {ARGUMENTS.seconds} s: delta-rs {each[1]} + {each[4]}, Waybill appends {each[2]}, merges {each[3]}; "
          f"version {DeltaTable(path('together')).version()}")


def spark_writes_and_waybill_reads():
    session = spark()
    kinds = {
        "spark_plain": "", "spark_vectors": "'delta.enableDeletionVectors' = 'true'",
        "spark_mapped": "'delta.columnMapping.mode' = 'name'", "spark_id": "'delta.columnMapping.mode' = 'id'",
        "spark_v2": "'delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3'",
        "spark_all": "'delta.enableDeletionVectors' = 'true', 'delta.columnMapping.mode' = 'name', 'delta.checkpointPolicy' = 'v2'",
    }
    for name, properties in kinds.items():
        table = f"delta.`{path(name)}`"
        session.sql(f"CREATE TABLE {table} (id BIGINT, p STRING, v BIGINT) USING delta PARTITIONED BY (p)"
                    + (f" TBLPROPERTIES ({properties})" if properties else ""))
        model = Model()
        for i in range(5):
            session.sql(f"INSERT INTO {table} SELECT id, concat('p', id % 3), id * 10 FROM range({i * 10}, {i * 10 + 10})")
        model.put(0, 50)
        session.sql(f"DELETE FROM {table} WHERE id % 7 = 3")
        session.sql(f"UPDATE {table} SET v = v + 1 WHERE id BETWEEN 10 AND 20")
        model.rows = {i: (i, p, v + (10 <= i <= 20)) for i, p, v in model.rows.values() if i % 7 != 3}
        assert_same(name, model.wanted(), last=False)
        tool("append", name, rows_sql(60, 70))
        model.put(60, 70)
        tool("delete", name, "id % 7 = 2")
        tool("update", name, "v", "v + 5", "id > 30")
        model.rows = {i: (i, p, v + 5 * (i > 30)) for i, p, v in model.rows.values() if i % 7 != 2}
        assert_same(name, model.wanted(), last=False)
        session.sql(f"UPDATE {table} SET v = 0 WHERE id = 1")
        model.rows[1] = (1, "p1", 0)
        assert_same(name, model.wanted())


CASES = [(f"every change of a table that is {kind}", lambda kind=kind: every_change(kind)) for kind in KINDS]
CASES += [(f.__name__.replace("_", " "), f) for f in
          (delta_rs_changes_what_waybill_wrote, a_constraint_of_ours_binds_delta_rs, together)]
if ARGUMENTS.spark:
    CASES.append(("spark writes and waybill reads", spark_writes_and_waybill_reads))


def main():
    failed = 0
    for name, case in CASES:
        try:
            case()
            print(f"ok     {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
