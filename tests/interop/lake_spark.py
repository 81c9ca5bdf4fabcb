"""Spark reads every version of every table that the other cases left, writes tables of its own that
Waybill reads and changes, and tables with features that Waybill refuses by name."""

import os

from lake_kinds import COLUMNS, NAMES, Model, rows_sql
from lake_peers import (FOR_SPARK, assert_same, by_spark, by_waybill, in_order, path, refused, same, spark, tool)

# DuckDB's extension 1.4.4 does not read the protocol that Spark gives tables with column mapping, and
# delta-rs 1.6.2 no tables with version 2 checkpoints: those are read by Spark and Waybill.
NOT_BY = {
    "spark_mapped": ("DuckDB",),
    "spark_id": ("DuckDB",),
    "spark_v2": ("delta-rs",),
    "spark_all": ("DuckDB", "delta-rs"),
}
KINDS = {
    "spark_plain": "",
    "spark_vectors": "'delta.enableDeletionVectors' = 'true'",
    "spark_mapped": "'delta.columnMapping.mode' = 'name'",
    "spark_id": "'delta.columnMapping.mode' = 'id'",
    "spark_v2": "'delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3'",
    "spark_all": "'delta.enableDeletionVectors' = 'true', 'delta.columnMapping.mode' = 'name', 'delta.checkpointPolicy' = 'v2', "
                 "'delta.checkpointInterval' = '3'",
}
INSERT = "INSERT INTO {0} SELECT id, concat('p', id % 3), id * 10 FROM range({1}, {2})"


def table(name):
    return f"delta.`{path(name)}`"


def reads_every_version():
    wrong = []
    for name, columns, version, wanted in FOR_SPARK:
        try:
            same("Spark", by_spark(name, columns, version), wanted)
        except Exception as error:
            wrong.append(f"{name} at version {version}: {str(error)[:400]}")
    print(f"  Spark has read {len(FOR_SPARK)} versions of {len({one[0] for one in FOR_SPARK})} tables")
    assert not wrong, "\n".join(wrong)


def writes_what_waybill_reads(name):
    session, properties, not_by = spark(), KINDS[name], NOT_BY.get(name, ())
    session.sql(f"CREATE TABLE {table(name)} (id BIGINT, p STRING, v BIGINT) USING delta PARTITIONED BY (p)"
                + (f" TBLPROPERTIES ({properties})" if properties else ""))
    model = Model()
    for i in range(4):
        session.sql(INSERT.format(table(name), i * 10, i * 10 + 10))
    model.put(0, 40)
    session.sql(f"DELETE FROM {table(name)} WHERE id % 7 = 3")
    session.sql(f"UPDATE {table(name)} SET v = v + 1 WHERE id BETWEEN 10 AND 20")
    model.keep(lambda row: row[0] % 7 != 3)
    model.change(lambda row: (*row[:2], row[2] + 1) if 10 <= row[0] <= 20 else row)
    assert_same(name, model.wanted(), NAMES, for_spark=False, not_by=not_by)
    tool("append", name, rows_sql(60, 70))
    tool("delete", name, "id % 7 = 2")
    tool("update", name, "v", "v + 5", "id > 30")
    model.put(60, 70)
    model.keep(lambda row: row[0] % 7 != 2)
    model.change(lambda row: (*row[:2], row[2] + 5) if row[0] > 30 else row)
    same("Spark", by_spark(name, NAMES), model.wanted())
    session.sql(f"UPDATE {table(name)} SET v = 0 WHERE id = 1")
    model.rows[1] = (1, "p1", 0)
    tool("zorder", name, "v")
    assert_same(name, model.wanted(), NAMES, for_spark=False, not_by=not_by)
    same("Spark", by_spark(name, NAMES), model.wanted())


def from_its_checkpoint_alone():
    """Of the second version, with sidecars, after its commits are gone."""
    for name in ("spark_v2", "spark_all"):
        wanted = by_spark(name, NAMES)
        log = path(name) + "/_delta_log"
        newest = max(int(f[:20]) for f in os.listdir(log) if ".checkpoint." in f and f[20] == ".")
        for f in os.listdir(log):
            if f[20:] == ".json" and int(f[:20]) < newest:
                os.remove(os.path.join(log, f))
        same("Waybill", by_waybill(name, NAMES), wanted)


def changes_what_waybill_wrote():
    model, session = Model(), spark()
    tool("create", "for_spark", COLUMNS, "p", "delta.constraints.positive=v >= 0")
    tool("append", "for_spark", rows_sql(0, 30))
    model.put(0, 30)
    session.sql(INSERT.format(table("for_spark"), 30, 40))
    model.put(30, 40)
    session.sql(f"MERGE INTO {table('for_spark')} AS t USING (SELECT id, concat('p', id % 3) AS p, id * 10 AS v FROM range(35, 50)) AS s "
                "ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v + 1 WHEN NOT MATCHED THEN INSERT *")
    model.put(35, 50)
    model.change(lambda row: (*row[:2], row[2] + 1) if 35 <= row[0] < 40 else row)
    try:
        session.sql(f"UPDATE {table('for_spark')} SET v = -1 WHERE id = 3")
    except Exception as error:
        assert "positive" in str(error), error
    else:
        raise AssertionError("Spark wrote a row that breaks the constraint")
    assert_same("for_spark", model.wanted(), NAMES, for_spark=False)
    tool("merge", "for_spark", rows_sql(48, 55), "target.id = source.id")
    model.put(48, 55)
    session.sql(f"OPTIMIZE {table('for_spark')}")
    session.sql(f"ALTER TABLE {table('for_spark')} ADD COLUMNS (extra STRING)")
    tool("append", "for_spark", "SELECT 99 AS id, 'p0' AS p, 1 AS v, 'x' AS extra")
    model.rows[99] = (99, "p0", 1)
    assert_same("for_spark", model.wanted(), NAMES, for_spark=False)
    same("Spark", by_spark("for_spark", NAMES), model.wanted())
    before = by_spark("for_spark", NAMES + ["extra"])
    tool("delete", "for_spark", "id < 20")
    version = session.sql(f"DESCRIBE HISTORY {table('for_spark')}").first().version - 1
    session.sql(f"RESTORE TABLE {table('for_spark')} TO VERSION AS OF {version}")
    same("Waybill", by_waybill("for_spark", NAMES + ["extra"]), before)


REFUSED = {
    # feature: how Spark makes the table, whether Waybill reads it
    "rowTracking": ("(id BIGINT, v BIGINT) USING delta TBLPROPERTIES ('delta.enableRowTracking' = 'true')", True),
    "inCommitTimestamp": ("(id BIGINT, v BIGINT) USING delta TBLPROPERTIES ('delta.enableInCommitTimestamps' = 'true')", True),
    "clustering": ("(id BIGINT, v BIGINT) USING delta CLUSTER BY (id)", True),
    "generat": ("(id BIGINT, v BIGINT GENERATED ALWAYS AS (id * 10)) USING delta", True),
    "identity": ("(i BIGINT GENERATED ALWAYS AS IDENTITY, id BIGINT, v BIGINT) USING delta", True),
    "allowColumnDefaults": ("(id BIGINT, v BIGINT DEFAULT 5) USING delta TBLPROPERTIES ('delta.feature.allowColumnDefaults' = 'supported')",
                            True),
    "variantType": ("(id BIGINT, v BIGINT, o VARIANT) USING delta", False),
}


def features_are_refused_by_name():
    wrong = []
    for feature, (columns, readable) in REFUSED.items():
        name = "refused_" + feature
        spark().sql(f"CREATE TABLE {table(name)} {columns}")
        spark().sql(f"INSERT INTO {table(name)} (id, v) SELECT 1, 10" if feature not in ("generat",) else
                    f"INSERT INTO {table(name)} (id) SELECT 1")
        if readable:
            found = by_waybill(name, ["id", "v"])
            if found != [(1, 10)]:
                wrong.append(f"{feature}: Waybill reads {found}")
        else:
            said = refused("read", name, path("x.parquet"))
            if feature not in said:
                wrong.append(f"{feature}: Waybill says {said}")
        said = refused("append", name, "SELECT 2 AS id, 20 AS v")
        if feature.lower() not in said.lower():
            wrong.append(f"{feature}: Waybill says {said}")
        same("Spark", by_spark(name, ["id", "v"]), in_order([(1, 10)]))
    assert not wrong, "\n".join(wrong)


def cases():
    found = [("Spark reads what Waybill wrote: every version that the cases above left", reads_every_version)]
    found += [(f"Spark writes and Waybill reads and changes: {name}", lambda name=name: writes_what_waybill_reads(name)) for name in KINDS]
    found += [(f"Spark: {f.__name__.replace('_', ' ')}", f) for f in
              (from_its_checkpoint_alone, changes_what_waybill_wrote, features_are_refused_by_name)]
    return found
