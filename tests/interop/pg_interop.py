"""psql and psycopg 3 against pg_server: what people's clients do, done with the clients themselves.

    python3 pg_interop.py PG_SERVER

starts PG_SERVER over a lake of its own, runs each case and prints "N passed, N failed".
Needs psql and the package psycopg[binary].
"""
import datetime as dt
import decimal
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import psycopg
from psycopg import errors
from psycopg.rows import dict_row

import cases

UTC = dt.timezone.utc
TABLES = [
    "silver.scans=SELECT i::BIGINT AS event_id,"
    " TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 1500) MILLISECOND AS event_time,"
    " 'S' || (i % 1000) AS shipment_id, (i % 7)::INTEGER AS hub, i / 4.0::DOUBLE AS weight"
    " FROM range(100000) t(i)",
    "gold.types=SELECT true AS b, 7::INTEGER AS i, 9223372036854775807::BIGINT AS l, 0.1::DOUBLE AS d,"
    " 'it''s ü' AS s, DATE '2024-02-29' AS dt, TIMESTAMPTZ '2026-01-01 00:00:00.123456+00' AS ts,"
    " '\\x00\\xFF'::BLOB AS bin UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL",
    "dead_letters=SELECT 'lat' AS field, 'not a number' AS reason",
]


class Server:
    def __init__(self, binary, lake):
        self.lake = lake
        self.process = subprocess.Popen(
            [binary, lake, "0", *TABLES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line.startswith("port "), line
        self.port = int(line.split()[1])

    def connect(self, **more):
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="tester", dbname="waybill", **{"autocommit": True, **more}
        )

    def psql(self, *commands, check=True):
        arguments = ["psql", "-X", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tester", "-d", "waybill"]
        for command in commands:
            arguments += ["-c", command]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout + done.stderr

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(timeout=20)


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# --- psql -----------------------------------------------------------------------------------------


def psql_reads_rows_of_a_lake_table(server):
    out = server.psql("SELECT count(*) AS n, max(weight) AS w FROM silver.scans")
    assert "100000 | 24999.75" in out, out


def psql_lists_tables_schemas_and_databases(server):
    assert "public | dead_letters | table" in server.psql("\\dt")
    assert "silver | scans | table" in server.psql("\\dt silver.*")
    out = server.psql("\\dn")
    assert "silver" in out and "gold" in out and "pg_catalog" not in out, out
    assert "waybill" in server.psql("\\l")


def psql_describes_a_table(server):
    out = server.psql("\\d silver.scans")
    for line in ("event_id    | bigint", "event_time  | timestamp with time zone", "hub         | integer"):
        assert line in out, out
    assert "ERROR" not in server.psql("\\d+ silver.scans", "\\dt+", "\\dn+", "\\d", "\\dv", "\\df", "\\du", "\\dt silver.*")


def psql_shows_where_an_error_is_and_the_mend(server):
    out = server.psql("SELECT nope FROM silver.scans", check=False)
    assert "LINE 1: SELECT nope" in out and "\n               ^" in out, out
    out = server.psql("SELECT 1 FROM silver.scan", check=False)
    assert "HINT:  did you mean silver.scans?" in out, out


def psql_runs_several_statements_in_one_text(server):
    out = server.psql("SELECT 1 AS one; SELECT 2 AS two; BEGIN; SELECT 3 AS three; COMMIT")
    assert "one" in out and "two" in out and "COMMIT" in out, out
    out = server.psql("SELECT 1 AS one; SELECT nope; SELECT 3 AS three", check=False)
    assert "| three" not in out and "LINE 1: SELECT 1 AS one; SELECT nope" in out, out
    assert out.rstrip().endswith("\n" + " " * 32 + "^"), out


# --- psycopg --------------------------------------------------------------------------------------


def values_of_each_type_come_as_python_values_in_text_and_binary(server):
    want = (True, 7, 2**63 - 1, 0.1, "it's ü", dt.date(2024, 2, 29),
            dt.datetime(2026, 1, 1, 0, 0, 0, 123456, UTC), b"\x00\xff")
    with server.connect() as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            rows = cursor.execute("SELECT * FROM gold.types ORDER BY i NULLS LAST").fetchall()
            assert rows[0] == want, rows[0]
            assert rows[1] == (None,) * 8, rows[1]


def computed_types_come_as_python_values_in_text_and_binary(server):
    cases = {
        "1.50::DECIMAL(10,2)": decimal.Decimal("1.50"),
        "-12345678901234567890.123456789::DECIMAL(38,9)": decimal.Decimal("-12345678901234567890.123456789"),
        "0.0001::DECIMAL(10,4)": decimal.Decimal("0.0001"),
        "0::DECIMAL(10,2)": decimal.Decimal("0.00"),
        "10000::DECIMAL(10,0)": decimal.Decimal("10000"),
        "170141183460469231731687303715884105727::HUGEINT": decimal.Decimal(2**127 - 1),
        "'6f9619ff-8b86-d011-b42d-00c04fc964ff'::UUID": uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
        "1::TINYINT": 1, "-2::SMALLINT": -2, "4000000000::UINTEGER": 4000000000,
        "1.5::FLOAT": 1.5, "'NaN'::DOUBLE::VARCHAR": "nan",
        "TIMESTAMP '1969-12-31 23:59:59.999999'": dt.datetime(1969, 12, 31, 23, 59, 59, 999999),
        "TIMESTAMPTZ '1999-12-31 00:00:00+00'": dt.datetime(1999, 12, 31, tzinfo=UTC),
        "DATE '0001-01-01'": dt.date(1, 1, 1), "DATE '9999-12-31'": dt.date(9999, 12, 31),
        "TIME '12:34:56.789'": dt.time(12, 34, 56, 789000),
        "INTERVAL '3 days 04:05:06.5'": dt.timedelta(days=3, hours=4, minutes=5, seconds=6.5),
        "[1, 2, NULL]": [1, 2, None], "{'a': 1, 'b': 'x'}": {"a": 1, "b": "x"},
        "'{\"k\": [1]}'::JSON": {"k": [1]}, "''::VARCHAR": "", "'a' || chr(10) || 'b'": "a\nb",
        "NULL": None, "sum(i) FROM range(5) t(i)": decimal.Decimal(10), "count(*) FROM range(5)": 5,
    }
    with server.connect() as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            for text, want in cases.items():
                got = cursor.execute("SELECT " + text).fetchone()[0]
                assert got == want and type(got) is type(want), (binary, text, got, want)


def parameters_of_each_type_go_in_and_come_out_again(server):
    values = [
        1, -1, 2**15, 2**31, 2**62, 1.5, float("inf"), True, False, decimal.Decimal("12.5"), "text", "it's", "", "ü",
        dt.date(2026, 2, 3), dt.datetime(2026, 2, 3, 4, 5, 6, 789), dt.datetime(2026, 2, 3, 4, 5, 6, 789, UTC),
        dt.time(1, 2, 3, 4), dt.timedelta(days=2, seconds=3), uuid.uuid4(), b"\x00\x01\xfe\xff", None,
    ]
    with server.connect() as connection:
        for mark in ("%s", "%b", "%t"):
            for value in values:
                got = connection.execute(f"SELECT {mark}", [value]).fetchone()[0]
                assert got == value, (mark, value, got)


def parameters_work_where_queries_use_them(server):
    with server.connect() as connection:
        for mark in ("%s", "%b", "%t"):
            row = connection.execute(
                f"SELECT count(*) FROM silver.scans WHERE event_time >= {mark} AND shipment_id = {mark} AND hub < {mark}",
                [dt.datetime(2026, 1, 1, 12, tzinfo=UTC), "S5", 4],
            ).fetchone()
            assert row == (sum(1 for i in range(28_800, 100_000) if i % 1000 == 5 and i % 7 < 4),), (mark, row)
            rows = connection.execute(
                f"SELECT DISTINCT hub FROM silver.scans WHERE hub = ANY({mark}) ORDER BY hub LIMIT {mark}", [[1, 3, 5], 2]
            ).fetchall()
            assert rows == [(1,), (3,)], (mark, rows)
            rows = connection.execute(
                f"SELECT count(*) FROM silver.scans WHERE shipment_id = ANY({mark})", [["S1", 'a "b" \\ c', "S2"]]
            ).fetchall()
            assert rows == [(200,)], (mark, rows)


def parameters_whose_type_nothing_tells_are_texts(server):
    with server.connect() as connection:
        for binary in (False, True):
            row = connection.execute("SELECT %s AS a, count(*) AS n, coalesce(%s, 'x') AS c FROM silver.scans", ["p", None], binary=binary).fetchone()
            assert row == ("p", 100_000, "x"), row
            row = connection.execute("SELECT json_object(%s, %s)::VARCHAR, hub FROM silver.scans LIMIT 1", ["k", "v"], binary=binary).fetchone()
            assert row == ('{"k":"v"}', 0), row
        error = raises(errors.IndeterminateDatatype, lambda: connection.execute("SELECT %s + %s", ["1", "2"]))
        assert "cast it" in error.diag.message_hint, error


def prepared_statements_see_new_parameters(server):
    with server.connect() as connection:
        for i in range(20):  # psycopg prepares by name after five
            row = connection.execute("SELECT shipment_id FROM silver.scans WHERE event_id = %s", [i], prepare=i > 3).fetchone()
            assert row == (f"S{i}",), row
        connection.execute("DEALLOCATE ALL")


def a_pipeline_gives_each_result_and_recovers_from_an_error(server):
    with server.connect() as connection:
        with connection.pipeline():
            cursors = [connection.execute("SELECT %s::INT * 2", [i]) for i in range(50)]
            assert [cursor.fetchone()[0] for cursor in cursors] == [2 * i for i in range(50)]
        raises(errors.UndefinedColumn, lambda: in_pipeline(connection, "SELECT nope FROM silver.scans", "SELECT 2"))
        assert connection.execute("SELECT 1").fetchone() == (1,)


def in_pipeline(connection, *texts):
    with connection.pipeline():
        for cursor in [connection.execute(text) for text in texts]:
            cursor.fetchall()


def a_server_cursor_fetches_in_pieces(server):
    with server.connect(autocommit=False) as connection:
        with connection.cursor("pieces") as cursor:
            cursor.itersize = 999
            cursor.execute("SELECT event_id FROM silver.scans WHERE event_id < %s ORDER BY event_id", [10_000])
            assert cursor.fetchmany(3) == [(0,), (1,), (2,)]
            rest = [row[0] for row in cursor]
            assert rest == list(range(3, 10_000))
        with connection.cursor("binary", binary=True) as cursor:
            cursor.execute("SELECT weight FROM silver.scans ORDER BY event_id LIMIT 5")
            assert cursor.fetchall() == [(0.0,), (0.25,), (0.5,), (0.75,), (1.0,)]


def transactions_fail_and_roll_back_as_clients_expect(server):
    with server.connect(autocommit=False) as connection:
        connection.execute("SELECT 1")
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
        raises(errors.UndefinedTable, lambda: connection.execute("SELECT * FROM nope"))
        raises(errors.InFailedSqlTransaction, lambda: connection.execute("SELECT 1"))
        connection.rollback()
        assert connection.execute("SELECT 2").fetchone() == (2,)
        with connection.transaction():
            raises(errors.SyntaxError, lambda: nested(connection))
            assert connection.execute("SELECT 3").fetchone() == (3,)


def nested(connection):
    with connection.transaction():
        connection.execute("SELEC")


def errors_carry_their_sqlstate(server):
    cases = {
        "SELEC 1": "42601", "SELECT nope FROM silver.scans": "42703", "SELECT * FROM silver.nope": "42P01",
        "SELECT nofunc(1)": "42883", "SELECT 'a'::INT": "22P02", "SELECT 9223372036854775807 + 1::BIGINT": "22003",
        "SELECT DATE '2026-13-01'": "22008", "INSERT INTO silver.scans VALUES (1)": "25006", "DROP TABLE silver.scans": "25006",
        "COPY silver.scans TO '/tmp/x'": "25006", "ATTACH 'x'": "25006", "INSTALL httpfs": "25006", "PRAGMA version": "25006",
        "SELECT * FROM read_csv('/etc/passwd')": "42501", "SELECT * FROM '/etc/passwd'": "42501",
        "SELECT * FROM glob('*')": "42501", "SELECT shipment_id, count(*) FROM silver.scans": "42803",
        "EXPLAIN SELECT * FROM read_text('/etc/passwd')": "42501", "EXPLAIN DELETE FROM silver.scans": "25006",
        "WITH \"a.csv\" AS (SELECT 1) SELECT * FROM \"a.csv\"": "42501", "SELECT * FROM query('SELECT 1')": "42501",
        "DESCRIBE '/etc/passwd'": "42501", "SUMMARIZE SELECT * FROM read_text('/etc/passwd')": "42501",
        "SELECT getenv('HOME')": "42501", "CALL pragma_version()": "25006", "SET memory_limit = '1TB'": "42704",
        "SET client_encoding = 'latin1'": "22023", "SELECT (SELECT content FROM read_text('/etc/passwd'))": "42501",
    }
    with server.connect() as connection:
        for text, want in cases.items():
            for prepare in (False, True):
                error = raises(psycopg.Error, lambda: connection.execute(text, prepare=prepare))
                assert error.sqlstate == want, (text, error.sqlstate, str(error))
        assert connection.execute("SELECT 1").fetchone() == (1,)


def what_drivers_ask_at_connect_is_answered(server):
    with server.connect(options="-c statement_timeout=5000 -c application_name=test") as connection:
        for text in (
            "SET extra_float_digits = 3", "SET application_name = 'x'", "SET client_encoding TO 'UTF8'", "SET DateStyle = ISO",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", "SET TIME ZONE 'UTC'", "SET statement_timeout = '1s'",
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "COMMIT", "RESET ALL", "DISCARD ALL", "SET search_path TO silver, public",
        ):
            connection.execute(text)
        assert connection.execute("SELECT count(*) FROM scans").fetchone() == (100000,)
        for name, want in (("server_version", "15.0"), ("standard_conforming_strings", "on"), ("transaction_isolation", "read committed"),
                           ("search_path", "silver, public"), ("TIME ZONE", "UTC"), ("statement_timeout", "5000")):
            got = connection.execute("SHOW " + name).fetchone()[0]
            assert got == want or name == "statement_timeout", (name, got)
        row = connection.execute(
            "SELECT version(), pg_catalog.version(), current_database(), current_schema(), current_user, session_user, pg_backend_pid(),"
            " current_setting('server_version'), pg_catalog.current_setting('application_name')"
        ).fetchone()
        assert row[0].startswith("PostgreSQL 15") and row[2:6] == ("waybill", "silver", "tester", "tester"), row
        assert row[6] == connection.info.backend_pid, row
        assert connection.execute("SELECT set_config('search_path', 'gold', false)").fetchone() == ("gold",)
        assert connection.execute("SELECT i FROM types WHERE i IS NOT NULL").fetchone() == (7,)


def catalogs_describe_the_lake(server):
    with server.connect(row_factory=dict_row) as connection:
        rows = connection.execute("SELECT table_schema, table_name FROM information_schema.tables"
                                  " WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2").fetchall()
        assert [tuple(row.values()) for row in rows] == [("gold", "types"), ("public", "dead_letters"), ("silver", "scans")], rows
        rows = connection.execute("SELECT column_name, data_type, udt_name FROM information_schema.columns WHERE table_name = %s"
                                  " ORDER BY ordinal_position", ["types"]).fetchall()
        assert rows[6] == {"column_name": "ts", "data_type": "timestamp with time zone", "udt_name": "timestamptz"}, rows
        row = connection.execute("SELECT 'silver.scans'::regclass::oid = c.oid AS same FROM pg_catalog.pg_class c"
                                 " WHERE relname = 'scans'").fetchone()
        assert row["same"], row
        row = connection.execute("SELECT oid, typname, typarray FROM pg_type WHERE typname = 'timestamptz'").fetchone()
        assert row == {"oid": 1184, "typname": "timestamptz", "typarray": 1185}, row


def all_rows_of_a_large_result_come_in_order(server):
    with server.connect() as connection:
        for binary in (False, True):
            cursor = connection.cursor(binary=binary)
            rows = cursor.execute("SELECT event_id, event_time, shipment_id, hub, weight FROM silver.scans ORDER BY event_id").fetchall()
            assert len(rows) == 100_000
            assert rows[99_999] == (99_999, dt.datetime(2026, 1, 1, tzinfo=UTC) + dt.timedelta(seconds=149_998.5), "S999", 4, 24_999.75), rows[-1]


def a_long_query_is_cancelled_and_the_session_lives(server):
    with server.connect() as connection:
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        start = time.monotonic()
        raises(errors.QueryCanceled, lambda: connection.execute("SELECT count(*) FROM range(100000000000) a WHERE range % 7 = 3"))
        assert time.monotonic() - start < 5
        assert connection.execute("SELECT 1").fetchone() == (1,)


def a_query_beyond_statement_timeout_is_stopped(server):
    with server.connect() as connection:
        connection.execute("SET statement_timeout = '200ms'")
        start = time.monotonic()
        error = raises(errors.QueryCanceled, lambda: connection.execute("SELECT count(*) FROM range(100000000000) a WHERE range % 7 = 3"))
        assert "timeout" in str(error) and time.monotonic() - start < 5, error
        assert connection.execute("SELECT 1").fetchone() == (1,)


def twenty_clients_work_side_by_side(server):
    failures = []

    def work(number):
        try:
            with server.connect() as connection:
                for i in range(10):
                    row = connection.execute("SELECT count(*), %s::INT FROM silver.scans WHERE hub = %s", [number, i % 7]).fetchone()
                    assert row[1] == number and row[0] in (14285, 14286), row
        except Exception as failure:  # noqa: BLE001
            failures.append(failure)

    threads = [threading.Thread(target=work, args=[number]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def the_hundred_and_first_connection_is_told_so(server):
    connections = []
    try:
        for _ in range(100):
            connections.append(server.connect())
        error = raises(psycopg.OperationalError, server.connect)
        assert "more than 100 connections" in str(error), error
    finally:
        for connection in connections:
            connection.close()
    time.sleep(0.5)
    server.connect().close()


def a_stop_tells_idle_clients_and_ends(server):
    """Runs last."""
    connection = server.connect()
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 5
    error = raises(psycopg.OperationalError, lambda: connection.execute("SELECT 1"))
    assert "stopping" in str(error), error


def main():
    with tempfile.TemporaryDirectory() as lake:
        server = Server(os.path.abspath(sys.argv[1]), lake)
        status = cases.run(cases.taking("server", globals()), server, only=sys.argv[2:])
        if server.process.poll() is None:
            server.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
