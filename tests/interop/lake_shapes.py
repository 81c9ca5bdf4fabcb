"""Tables of every shape that Waybill leaves behind: all types, odd values, grown columns, after its
upkeep, with its log cut; each read by every engine."""

import glob
import os

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder, write_deltalake

from lake_kinds import COLUMNS, NAMES, Model, rows_sql
from lake_peers import arrow_rows, assert_same, in_order, path, refused, tool

TYPES = "id bigint not null, n integer, w double, ok boolean, name string, raw bytes, day date, at timestamp"
MORE = {
    "tiny": "TINYINT",
    "small": "SMALLINT",
    "single": "FLOAT",
    "price": "DECIMAL(20,4)",
    "tags": "VARCHAR[]",
    "place": "STRUCT(lat DOUBLE, name VARCHAR)",
    "counts": "MAP(VARCHAR, INTEGER)",
    "stops": "STRUCT(id BIGINT, at TIMESTAMPTZ)[]",
}
EXTREMES = """
SELECT * FROM (VALUES
  (1, 2147483647, 1.5e308, true, 'näme 😀', '\\x00\\xFF'::BLOB, DATE '2026-02-28', TIMESTAMPTZ '2026-01-01 00:00:00.123456+00',
   127::TINYINT, 32767::SMALLINT, 1.5::FLOAT, 1234567890123456.7891::DECIMAL(20,4), ['a', NULL, ''], {'lat': 1.5, 'name': 'x'},
   MAP {'a': 1, 'b': NULL}, [{'id': 1, 'at': TIMESTAMPTZ '1969-12-31 23:59:59.999999+00'}]),
  (9223372036854775807, -2147483648, -0.0, false, '', ''::BLOB, DATE '1969-12-31', TIMESTAMPTZ '1900-01-01 00:00:00+00',
   (-128)::TINYINT, (-32768)::SMALLINT, (-0.25)::FLOAT, (-0.0001)::DECIMAL(20,4), [], {'lat': NULL, 'name': NULL}, MAP {}, []),
  (-9223372036854775808, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
) AS v(id, n, w, ok, name, raw, day, "at", tiny, small, single, price, tags, place, counts, stops)
"""


def all_types():
    tool("create", "all_types", TYPES)
    for name, sql_type in MORE.items():
        tool("add-column", "all_types", name, sql_type)
    tool("append", "all_types", EXTREMES)
    wanted = assert_same("all_types", None)
    assert len(wanted) == 3
    tool("update", "all_types", "small", "7", "id = 1")
    tool("append", "all_types", "SELECT i AS id, [i::VARCHAR] AS tags FROM range(100) AS r(i)")
    for i in range(3):
        tool("append", "all_types", f"SELECT {200 + i} AS id, 1.0 AS price")
    assert any(f.endswith("checkpoint.parquet") for f in os.listdir(path("all_types") + "/_delta_log"))
    assert len(assert_same("all_types", None)) == 106


def odd_partition_values_of_every_type():
    tool("create", "odd", "id bigint, city string, at timestamp, day date, ok boolean, n integer, w double",
         "city,at,day,ok,n,w")
    odd = ["a b", "a/b", "a=b", "a%20b", "%2e%2e", "..", ".", "é?#[x]*", "'; DROP", '"q"', "a\\b", "{x}", "a&b+c", "~", "NULL",
           "__HIVE_DEFAULT_PARTITION__", " lead", "trail ", "tab\tnew\nline", "😀", "a:b", "A", "a"]
    for i, city in enumerate(odd):
        text = city.replace("'", "''")
        tool("append", "odd", f"SELECT {i} AS id, '{text}' AS city, TIMESTAMPTZ '2026-01-01 10:00:00.5+00' AS at, "
                              f"DATE '1969-12-31' AS day, {i % 2} = 0 AS ok, -{i} AS n, {i} * 0.5 AS w")
    tool("append", "odd", "SELECT 1000 AS id")  # every value null
    tool("append", "odd", "SELECT 1001 AS id, '' AS city, TIMESTAMPTZ '1900-06-01 00:00:00.000001+00' AS at, 1e300 AS w")
    columns = ["id", "city", "at", "day", "ok", "n", "w"]
    found = assert_same("odd", None, columns)
    assert {row[0]: row[1] for row in found if row[0] < 1000} == dict(enumerate(odd)), "a value has changed"
    assert [row[1] for row in found if row[0] >= 1000] == [None, None]
    tool("delete", "odd", "city = '..' OR city = 'a%20b'")
    tool("update", "odd", "city", "'x/y=z%'", "city = '.'")
    tool("merge", "odd", "SELECT 5000 AS id, 'a*b?' AS city, NULL::TIMESTAMPTZ AS at, NULL::DATE AS day, true AS ok, 1 AS n, 0.0 AS w",
         "target.id = source.id")
    assert len(assert_same("odd", None, columns)) == len(odd) + 1


def overwritten_partitions():
    model = Model()
    tool("create", "parts", COLUMNS, "p")
    tool("append", "parts", rows_sql(0, 9))
    tool("overwrite-partitions", "parts", "SELECT 50 AS id, 'p1' AS p, 500 AS v UNION ALL SELECT 52, 'new', 520")
    model.put(0, 9)
    model.keep(lambda row: row[1] != "p1")
    model.rows[50], model.rows[52] = (50, "p1", 500), (52, "new", 520)
    assert_same("parts", model.wanted(), NAMES)


def evolved():
    tool("create", "evolved", "id bigint not null, v bigint")
    tool("append", "evolved", "SELECT 1 AS id, 2 AS v")
    tool("append", "evolved", "SELECT 2 AS id, 3 AS v, 'x' AS extra, {'a': 1} AS nested", "merge-schema")
    tool("add-column", "evolved", "late", "DECIMAL(9,2)")
    tool("append", "evolved", "SELECT 3 AS id, 1.25 AS late")
    assert "null" in refused("append", "evolved", "SELECT NULL::BIGINT AS id").lower()
    tool("drop-not-null", "evolved", "id")
    tool("append", "evolved", "SELECT NULL::BIGINT AS id, 9 AS v")
    assert "v" in refused("append", "evolved", "SELECT 1 AS id, 'text' AS v")
    nothing = [None] * 3
    assert_same("evolved", [(1, 2, *nothing), (2, 3, "x", {"a": 1}, None), (3, None, None, None, "1.25"), (None, 9, *nothing)],
                ["id", "v", "extra", "nested", "late"])


def bound():
    """NOT NULL and CHECK bind every writer, and what a property adds binds from then on."""
    tool("create", "bound", "id bigint not null, p string, v bigint", "", "delta.constraints.positive=v >= 0")
    tool("append", "bound", "SELECT 1 AS id, 'a' AS p, 5 AS v")
    assert "positive" in refused("append", "bound", "SELECT 2 AS id, 'a' AS p, -1 AS v")
    assert "positive" in refused("update", "bound", "v", "v - 10", "true")
    assert "id" in refused("append", "bound", "SELECT 'a' AS p, 1 AS v")
    tool("set", "bound", "delta.constraints.short=length(p) < 3")
    assert "short" in refused("append", "bound", "SELECT 2 AS id, 'abc' AS p, 1 AS v")
    for bad in ({"id": [2], "p": ["a"], "v": [-1]}, {"id": [2], "p": ["abc"], "v": [1]}):
        rows = pa.table({"id": pa.array(bad["id"], pa.int64()), "p": bad["p"], "v": pa.array(bad["v"], pa.int64())},
                        schema=pa.schema([pa.field("id", pa.int64(), False), ("p", pa.string()), ("v", pa.int64())]))
        try:
            write_deltalake(path("bound"), rows, mode="append")
        except Exception:
            continue
        raise AssertionError("delta-rs wrote a row that breaks a constraint")
    assert_same("bound", [(1, "a", 5)], NAMES)


def kept():
    """Optimised, z-ordered, vacuumed, and with its log cleaned up to the checkpoint."""
    model = Model()
    tool("create", "kept", COLUMNS, "p")
    for i in range(12):
        tool("append", "kept", rows_sql(i * 5, i * 5 + 5))
    model.put(0, 60)
    tool("delete", "kept", "id % 2 = 0 AND p = 'p1'")
    model.keep(lambda row: row[0] % 2 or row[1] != "p1")
    assert "replaced" in tool("compact", "kept")
    assert_same("kept", model.wanted(), NAMES, for_spark=False)
    assert len(DeltaTable(path("kept")).file_uris()) == 3
    tool("zorder", "kept", "v")
    tool("vacuum", "kept", 0)
    files = {os.path.basename(f) for f in glob.glob(path("kept") + "/p=*/*.parquet")}
    assert files == {os.path.basename(f) for f in DeltaTable(path("kept")).file_uris()}, "vacuum leaves other files"
    assert_same("kept", model.wanted(), NAMES, for_spark=False)
    for i in range(8):
        tool("append", "kept", rows_sql(100 + i, 101 + i))
        model.put(100 + i, 101 + i)
    assert "deleted 0" not in tool("clean-log", "kept", 0)
    log = path("kept") + "/_delta_log/"
    assert not os.path.exists(f"{log}{0:020}.json"), "the log is as long as it was"
    assert_same("kept", model.wanted(), NAMES)


def from_the_checkpoint_alone():
    """Of tables with statistics as text, as columns, or both, and with deletion vectors."""
    json, struct = "delta.checkpoint.writeStatsAsJson", "delta.checkpoint.writeStatsAsStruct"
    for name, properties in (("alone", []), ("alone_struct", [struct + "=true", json + "=false"]), ("alone_both", [struct + "=true"]),
                             ("alone_vectors", ["delta.enableDeletionVectors=true", struct + "=true"])):
        model = Model()
        tool("create", name, "id bigint, p string, v bigint, at timestamp, day date, w double", "p", *properties)
        for i in range(9):
            tool("append", name, f"SELECT *, TIMESTAMPTZ '2026-01-01 00:00:00.0005+00' AS at, DATE '2026-01-01' AS day, v / 4.0 AS w "
                                 f"FROM ({rows_sql(i * 3, i * 3 + 3)})")
        tool("delete", name, "id % 5 = 1")
        model.put(0, 27)
        model.keep(lambda row: row[0] % 5 != 1)
        log = path(name) + "/_delta_log/"
        newest = max(int(os.path.basename(f)[:20]) for f in glob.glob(log + "*.checkpoint.parquet"))
        for version in range(newest):
            os.remove(f"{log}{version:020}.json")
        assert_same(name, model.wanted(), NAMES)
        table = DeltaTable(path(name))
        actions = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        assert sum(a["num_records"] for a in actions) >= len(model.rows), "the checkpoint has no statistics"
        assert all(a["min.v"] is not None for a in actions), "the checkpoint has no least values"


def changes_by_the_feed():
    """The change data feed that Waybill writes, as delta-rs reads it."""
    tool("create", "fed", COLUMNS, "p", "delta.enableChangeDataFeed=true")
    tool("append", "fed", rows_sql(0, 6))
    tool("update", "fed", "v", "v + 1", "id = 2")
    tool("delete", "fed", "id = 3")
    tool("merge", "fed", rows_sql(5, 8), "target.id = source.id")
    builder = QueryBuilder().register("t", DeltaTable(path("fed")))
    feed = pa.table(DeltaTable(path("fed")).load_cdf(starting_version=1).read_all())
    del builder
    found = arrow_rows(feed, ["_commit_version", "id", "v", "_change_type"])
    wanted = [(1, i, i * 10, "insert") for i in range(6)]
    wanted += [(2, 2, 20, "update_preimage"), (2, 2, 21, "update_postimage"), (3, 3, 30, "delete")]
    wanted += [(4, 5, 50, "update_preimage"), (4, 5, 50, "update_postimage"), (4, 6, 60, "insert"), (4, 7, 70, "insert")]
    assert found == in_order(wanted), found


SHAPES = (all_types, odd_partition_values_of_every_type, overwritten_partitions, evolved, bound, kept, from_the_checkpoint_alone,
          changes_by_the_feed)


def cases():
    return [(f"the table is right: {shape.__name__.replace('_', ' ')}", shape) for shape in SHAPES]
