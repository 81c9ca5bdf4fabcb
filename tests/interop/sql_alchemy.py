"""SQLAlchemy 2 with the psycopg dialect, and pandas on top of it, against Waybill.

    python3 sql_alchemy.py PG_SERVER

starts PG_SERVER over a lake of its own and prints "N passed, N failed".
"""
import os
import sys
import tempfile
import traceback

import pandas
import sqlalchemy as sa

import sql_server


def the_inspector_names_schemas_and_tables(engine):
    inspector = sa.inspect(engine)
    assert {"w", "public"} <= set(inspector.get_schema_names()), inspector.get_schema_names()
    assert inspector.get_table_names("w") == ["events", "hubs", "shipments"], inspector.get_table_names("w")
    assert inspector.get_view_names("w") == [] and inspector.get_materialized_view_names("w") == []
    assert inspector.has_table("hubs", schema="w") and not inspector.has_table("nope", schema="w")
    assert inspector.default_schema_name == "public"


def the_inspector_gives_columns_with_their_types(engine):
    columns = {column["name"]: column for column in sa.inspect(engine).get_columns("shipments", schema="w")}
    assert list(columns) == ["id", "customer", "hub", "weight", "shipped", "event_time", "delivered", "note"], list(columns)
    kinds = {name: type(column["type"]).__name__ for name, column in columns.items()}
    assert kinds == {"id": "BIGINT", "customer": "TEXT", "hub": "INTEGER", "weight": "DOUBLE_PRECISION", "shipped": "DATE",
                     "event_time": "TIMESTAMP", "delivered": "BOOLEAN", "note": "TEXT"}, kinds
    assert columns["event_time"]["type"].timezone and columns["id"]["nullable"], columns["event_time"]


def the_inspector_gives_keys_indexes_and_comments(engine):
    inspector = sa.inspect(engine)
    assert inspector.get_pk_constraint("hubs", schema="w")["constrained_columns"] == ["hub"], inspector.get_pk_constraint("hubs", schema="w")
    assert inspector.get_pk_constraint("events", schema="w")["constrained_columns"] == []
    assert inspector.get_foreign_keys("hubs", schema="w") == []
    assert inspector.get_indexes("events", schema="w") == [], inspector.get_indexes("events", schema="w")
    assert inspector.get_unique_constraints("hubs", schema="w") == [] and inspector.get_check_constraints("hubs", schema="w") == []
    assert inspector.get_table_comment("hubs", schema="w") == {"text": "where freight changes hands"}, inspector.get_table_comment("hubs", schema="w")
    assert inspector.get_sequence_names("w") == []


def all_tables_are_reflected_at_once(engine):
    metadata = sa.MetaData()
    metadata.reflect(engine, schema="w")
    assert set(metadata.tables) == {"w.events", "w.hubs", "w.shipments"}, metadata.tables
    hubs = metadata.tables["w.hubs"]
    assert [column.name for column in hubs.primary_key] == ["hub"] and hubs.comment == "where freight changes hands"


def a_reflected_table_is_queried(engine):
    metadata = sa.MetaData()
    hubs = sa.Table("hubs", metadata, autoload_with=engine, schema="w")
    shipments = sa.Table("shipments", metadata, autoload_with=engine, schema="w")
    query = (sa.select(hubs.c.city, sa.func.count().label("n"), sa.func.round(sa.func.avg(shipments.c.weight)).label("w"))
             .join(shipments, shipments.c.hub == hubs.c.hub).where(shipments.c.event_time > sa.text("TIMESTAMPTZ '2024-01-01'"))
             .group_by(hubs.c.city).having(sa.func.count() > 5).order_by(sa.desc("n"), hubs.c.city).limit(3))
    with engine.connect() as connection:
        rows = connection.execute(query).all()
        assert len(rows) == 3 and rows[0].n >= rows[1].n, rows
        assert connection.execute(sa.select(sa.func.count()).select_from(hubs).where(hubs.c.country.in_(["DE", "FR"]))).scalar() == 4
        assert connection.execute(sa.text("SELECT city FROM w.hubs WHERE hub = :hub"), {"hub": 2}).scalar() == "Paris"


def the_object_mapper_reads(engine):
    from sqlalchemy.ext.automap import automap_base
    from sqlalchemy.orm import Session
    base = automap_base(metadata=sa.MetaData(schema="w"))
    base.prepare(autoload_with=engine)
    with Session(engine) as session:
        assert session.get(base.classes.hubs, 3).city == "Lyon"
        assert session.query(base.classes.hubs).filter_by(country="DE").count() == 2


def a_stream_of_rows_comes_in_pieces(engine):
    with engine.connect().execution_options(stream_results=True, max_row_buffer=10) as connection:
        assert [row.id for row in connection.execute(sa.text("SELECT id FROM w.shipments ORDER BY id"))] == list(range(1, 201))


def pandas_reads_queries_and_tables(engine):
    frame = pandas.read_sql("SELECT hub, count(*) AS n, sum(weight) AS w FROM w.shipments GROUP BY hub ORDER BY hub", engine)
    assert frame.shape == (7, 3) and frame.n.sum() == 200, frame
    assert pandas.read_sql_table("hubs", engine, schema="w").shape == (6, 3)
    pieces = list(pandas.read_sql("SELECT * FROM w.shipments", engine, chunksize=50))
    assert sum(len(piece) for piece in pieces) == 200, pieces


CASES = [value for value in list(globals().values()) if callable(value) and getattr(value, "__code__", None) and value.__code__.co_varnames[:1] == ("engine",)]


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as lake:
        server = sql_server.Waybill(sys.argv[1], lake)
        engine = sa.create_engine(f"postgresql+psycopg://tester@127.0.0.1:{server.port}/waybill")
        for case in CASES:
            try:
                case(engine)
                print("ok    ", case.__name__.replace("_", " "))
            except Exception:  # noqa: BLE001
                failed += 1
                print("FAILED", case.__name__.replace("_", " "))
                traceback.print_exc(file=sys.stdout, limit=-6)
        engine.dispose()
        server.stop()
    print(f"{len(CASES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
