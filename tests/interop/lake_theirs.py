"""What delta-rs and DuckDB's extension write, read and changed by Waybill."""

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from lake_kinds import COLUMNS, KINDS, NAMES, Model, rows_sql
from lake_peers import assert_same, duckdb_connection, path, refused, tool


def delta_rs_changes_what_waybill_wrote():
    for kind in ("plain", "partitioned", "constrained", "feed"):
        name = "rs_" + kind
        partition, properties = KINDS[kind]
        model = Model()
        tool("create", name, COLUMNS, partition, *properties)
        tool("append", name, rows_sql(0, 30))
        model.put(0, 30)
        DeltaTable(path(name)).delete("id % 5 = 0")
        model.keep(lambda row: row[0] % 5)
        assert_same(name, model.wanted(), NAMES)
        DeltaTable(path(name)).update(updates={"v": "v + 2"}, predicate="id < 10")
        model.change(lambda row: (*row[:2], row[2] + 2) if row[0] < 10 else row)
        assert_same(name, model.wanted(), NAMES)
        source = pa.table({"id": [1, 77], "p": ["p1", "p2"], "v": [5, 6]})
        (DeltaTable(path(name)).merge(source, "t.id = s.id", source_alias="s", target_alias="t")
         .when_matched_update_all().when_not_matched_insert_all().execute())
        model.rows[1], model.rows[77] = (1, "p1", 5), (77, "p2", 6)
        assert_same(name, model.wanted(), NAMES)
        tool("update", name, "v", "v * 2", "id > 20")
        model.change(lambda row: (*row[:2], row[2] * 2) if row[0] > 20 else row)
        assert_same(name, model.wanted(), NAMES)


def delta_rs_creates_keeps_and_cuts_the_log():
    for name, partition in (("theirs", None), ("theirs_parted", ["p"])):
        model = Model()
        for i in range(6):
            rows = pa.table({"id": list(range(i * 5, i * 5 + 5)), "p": [f"p{n % 3}" for n in range(i * 5, i * 5 + 5)],
                             "v": [n * 10 for n in range(i * 5, i * 5 + 5)]})
            write_deltalake(path(name), rows, mode="append", partition_by=partition)
        model.put(0, 30)
        assert_same(name, model.wanted(), NAMES, for_spark=False)
        DeltaTable(path(name)).optimize.compact()
        assert_same(name, model.wanted(), NAMES, for_spark=False)
        DeltaTable(path(name)).optimize.z_order(["v"])
        DeltaTable(path(name)).create_checkpoint()
        DeltaTable(path(name)).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
        assert_same(name, model.wanted(), NAMES)
        tool("delete", name, "id < 3")
        tool("merge", name, rows_sql(28, 35), "target.id = source.id")
        model.keep(lambda row: row[0] >= 3)
        model.put(28, 35)
        assert_same(name, model.wanted(), NAMES)
        version = DeltaTable(path(name)).version()
        tool("overwrite", name, rows_sql(0, 1))
        DeltaTable(path(name)).restore(version)
        DeltaTable(path(name)).create_checkpoint()
        DeltaTable(path(name)).cleanup_metadata()
        tool("append", name, rows_sql(40, 41))
        model.put(40, 41)
        assert_same(name, model.wanted(), NAMES)


def what_duckdb_appends_with_a_wrong_path_is_refused_by_name():
    """Its extension writes "/name.parquet" and a size of 1 byte: neither delta-rs nor Waybill can read it."""
    tool("create", "ducks", COLUMNS)
    connection = duckdb_connection()
    connection.execute(f"ATTACH '{path('ducks')}' AS ducks (TYPE delta)")
    connection.execute(f"INSERT INTO ducks {rows_sql(3, 6)}")
    connection.execute("DETACH ducks")
    said = refused("read", "ducks", path("ducks.parquet"))
    assert "/duckdb-" in said and "outside" in said, said


def cases():
    return [(f.__name__.replace("_", " "), f) for f in
            (delta_rs_changes_what_waybill_wrote, delta_rs_creates_keeps_and_cuts_the_log, what_duckdb_appends_with_a_wrong_path_is_refused_by_name)]
