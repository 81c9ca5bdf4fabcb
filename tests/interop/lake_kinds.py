"""One table of each kind, with every change of rows in turn; after each, every engine reads it."""

import os

from deltalake import DeltaTable

from lake_peers import assert_same, path, tool

COLUMNS = "id bigint, p string, v bigint"
NAMES = ["id", "p", "v"]
KINDS = {
    "plain": ("", []),
    "partitioned": ("p", []),
    "constrained": ("", ["delta.constraints.positive=v >= 0"]),
    "feed": ("p", ["delta.enableChangeDataFeed=true"]),
    "mapped_name": ("p", ["delta.columnMapping.mode=name"]),
    "mapped_id": ("", ["delta.columnMapping.mode=id"]),
    "vectors": ("p", ["delta.enableDeletionVectors=true"]),
    "mapped_vectors": ("", ["delta.columnMapping.mode=name", "delta.enableDeletionVectors=true"]),
    "struct_stats": ("p", ["delta.checkpoint.writeStatsAsStruct=true", "delta.checkpoint.writeStatsAsJson=false"]),
}


def rows_sql(first, last):
    return f"SELECT i AS id, 'p' || (i % 3) AS p, i * 10 AS v FROM range({first}, {last}) AS r(i)"


class Model:
    """What the table should hold: rows by id."""

    def __init__(self):
        self.rows = {}

    def put(self, first, last):
        for i in range(first, last):
            self.rows[i] = (i, f"p{i % 3}", i * 10)

    def keep(self, wanted):
        self.rows = {i: row for i, row in self.rows.items() if wanted(row)}

    def change(self, new):
        self.rows = {i: new(row) for i, row in self.rows.items()}

    def wanted(self):
        return sorted(self.rows.values())


def every_change(kind):
    partition, properties = KINDS[kind]
    hidden = ("p",) if kind == "mapped_name" else ()
    model = Model()

    def check():
        return assert_same(kind, model.wanted(), NAMES, without_partitions_in_duckdb=hidden)

    tool("create", kind, COLUMNS, partition, *properties)
    check()
    tool("append", kind, rows_sql(0, 30))
    tool("append", kind, rows_sql(30, 50))
    model.put(0, 50)
    check()
    tool("delete", kind, "id % 7 = 3")
    model.keep(lambda row: row[0] % 7 != 3)
    check()
    tool("update", kind, "v", "v + 1", "id BETWEEN 10 AND 40 AND p <> 'p1'")
    model.change(lambda row: (*row[:2], row[2] + 1) if 10 <= row[0] <= 40 and row[1] != "p1" else row)
    check()
    tool("merge", kind, rows_sql(45, 60), "target.id = source.id")
    model.put(45, 60)
    check()
    tool("replace-where", kind, "id < 5", rows_sql(0, 3))
    model.keep(lambda row: row[0] >= 5)
    model.put(0, 3)
    check()
    before, version = dict(model.rows), DeltaTable(path(kind)).version()
    tool("zorder", kind, "id,v")
    check()
    tool("overwrite", kind, rows_sql(100, 105))
    model.rows = {}
    model.put(100, 105)
    check()
    tool("restore", kind, version)
    model.rows = before
    check()
    for i in range(4):  # a checkpoint comes at the tenth version
        tool("append", kind, rows_sql(200 + i, 201 + i))
        model.put(200 + i, 201 + i)
    checkpoints = [f for f in os.listdir(path(kind) + "/_delta_log") if f.endswith(".checkpoint.parquet")]
    assert checkpoints, "there is no checkpoint"
    check()


def cases():
    return [(f"every change of a table that is {kind}", lambda kind=kind: every_change(kind)) for kind in KINDS]
