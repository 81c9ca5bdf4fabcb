"""Results as they go out of the PostgreSQL door: streams, cursors, portals, COPY, types, and the workloads that they run in.

    tests/interop/pg_streams.py PG_SERVER      last line: N passed, N failed
"""
import csv
import datetime as dt
import decimal
import io
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import psycopg
from psycopg import errors

import cases

UTC = dt.timezone.utc
TABLES = [
    "silver.numbers=SELECT i AS id, i % 97 AS part, 'text ' || i AS word FROM range(200000) t(i)",
    "gold.odd=SELECT 1::BIGINT AS n, 'a,b' AS t UNION ALL SELECT 2, 'say \"x\"' UNION ALL SELECT 3, E'tab\\tline\\nend\\\\' UNION ALL"
    " SELECT 4, '' UNION ALL SELECT 5, NULL UNION ALL SELECT 6, '\\N' UNION ALL SELECT 7, 'ü ✓'",
]
FOR_EVER = "SELECT i FROM range(100000000000) t(i) WHERE i % 3 = 1"
ODD = [(1, "a,b"), (2, 'say "x"'), (3, "tab\tline\nend\\"), (4, ""), (5, None), (6, "\\N"), (7, "ü ✓")]


class Server:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="pg-streams-")
        self.process = subprocess.Popen([program, self.folder.name, "0", *TABLES], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def connect(self, **more):
        return psycopg.connect(**{"host": "127.0.0.1", "port": self.port, "user": "w", "dbname": "waybill", "autocommit": True, **more})

    def psql(self, *texts, check=True):
        words = ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "w", "-d", "waybill"]
        for text in texts:
            words += ["-c", text]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert not check or done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def memory(self):
        """Resident megabytes of the server and all its processes, the largest."""
        pids = [str(self.process.pid), *subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()]
        sizes = []
        for pid in pids:
            try:
                sizes.append(int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 >> 20)
            except OSError:
                pass
        return max(sizes)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.folder.cleanup()


def raises(kind, call):
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


# --- streams ---------------------------------------------------------------------------------------


def rows_come_before_the_query_is_over(server):
    with server.connect() as session:
        start = time.monotonic()
        stream = session.cursor().stream(FOR_EVER)
        assert [next(stream)[0] for _ in range(5)] == [1, 4, 7, 10, 13]
        assert time.monotonic() - start < 10
        session.cancel()
        raises(errors.QueryCanceled, lambda: [None for _ in stream])
        assert session.execute("SELECT 1").fetchone() == (1,)


def a_large_result_needs_little_memory(server):
    with server.connect() as session:
        session.execute("SELECT 1")
        rows = bytes_ = 0
        most = 0
        for row in session.cursor().stream("SELECT a.id, b.word || repeat('x', 1000) FROM silver.numbers a, range(8) t(i), silver.numbers b"
                                           " WHERE a.id < 20 AND b.id < 5000"):
            rows += 1
            bytes_ += len(row[1])
            if rows % 100_000 == 0:
                most = max(most, server.memory())
        assert rows == 800_000 and bytes_ > 800_000_000, (rows, bytes_)
        assert most < 600, f"{most} MB"


def a_client_that_does_not_read_makes_the_query_wait(server):
    session = server.connect()
    session.pgconn.send_query(b"SELECT i, repeat('x', 1000) FROM range(20000000) t(i)")
    time.sleep(2)
    first = server.memory()
    time.sleep(2)
    assert server.memory() < max(first + 50, 500), (first, server.memory())
    session.close()
    with server.connect() as other:
        assert other.execute("SELECT 1").fetchone() == (1,)


def an_error_in_the_middle_of_a_result_is_told(server):
    with server.connect() as session:
        error = raises(psycopg.Error, lambda: session.execute(
            "SELECT CASE WHEN i = 400000 THEN CAST('x' || i AS INTEGER) ELSE i END FROM range(500000) t(i)").fetchall())
        assert error.sqlstate == "22P02", error.sqlstate
        assert session.execute("SELECT 1").fetchone() == (1,)


def a_time_limit_counts_the_work_and_not_the_wait_for_the_client(server):
    with server.connect(autocommit=False) as session:
        session.execute("SET statement_timeout = '1500ms'")
        with session.cursor("slow") as cursor:
            cursor.execute("SELECT id FROM silver.numbers ORDER BY id")
            for _ in range(3):
                assert len(cursor.fetchmany(10)) == 10
                time.sleep(0.8)
    with server.connect() as session:
        session.execute("SET statement_timeout = '700ms'")
        start = time.monotonic()
        error = raises(errors.QueryCanceled, lambda: [None for _ in session.cursor().stream(FOR_EVER)])
        assert "statement timeout" in str(error) and time.monotonic() - start < 20, error


# --- cursors and portals -----------------------------------------------------------------------------


def many_cursors_are_read_in_turns_in_one_slot(server):
    with server.connect(autocommit=False) as session:
        session.execute("SET waybill.workload = 'impatient'")  # it has one slot
        cursors = [session.cursor(f"c{i}") for i in range(5)]
        for i, cursor in enumerate(cursors):
            cursor.execute("SELECT id + %s FROM silver.numbers ORDER BY id", [i * 1_000_000])
        for step in range(20):
            for i, cursor in enumerate(cursors):
                assert cursor.fetchmany(7) == [(i * 1_000_000 + step * 7 + k,) for k in range(7)]
            assert session.execute("SELECT count(*) FROM silver.numbers").fetchone() == (200_000,)


def a_prepared_statement_runs_while_its_rows_are_taken(server):
    with server.connect(autocommit=False) as session:
        outer = session.cursor("outer")
        outer.execute("SELECT id FROM silver.numbers WHERE id < 3000 ORDER BY id")
        for (number,) in outer.fetchmany(50):
            got = session.execute("SELECT word FROM silver.numbers WHERE id = %s", [number], prepare=True).fetchone()
            assert got == (f"text {number}",), got
        assert outer.fetchone() == (50,)


def a_session_prepares_as_many_statements_as_it_likes_one_after_the_other(server):
    with server.connect() as session:
        session.prepare_threshold = None
        with session.cursor() as cursor:
            for i in range(10_050):
                assert cursor.execute("SELECT %s::int", [i]).fetchone() == (i,)


def cursors_in_sql_move_and_close(server):
    out = server.psql("BEGIN", "DECLARE c NO SCROLL CURSOR FOR SELECT id FROM silver.numbers ORDER BY id", "FETCH 2 FROM c",
                      "MOVE FORWARD 10 FROM c", "FETCH NEXT FROM c", "FETCH FORWARD 2 IN c", "CLOSE c", "COMMIT")
    numbers = [line.strip() for line in out.splitlines() if line.strip().isdigit()]
    assert numbers == ["0", "1", "12", "13", "14"], out
    assert "34000" in server.psql("\\set VERBOSITY verbose", "BEGIN; FETCH 1 FROM nobody", check=False)
    assert "0A000" in server.psql("\\set VERBOSITY verbose",
                                  "BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH PRIOR FROM c", check=False)
    out = server.psql("DECLARE h CURSOR WITH HOLD FOR SELECT 42", "FETCH ALL FROM h", "CLOSE ALL")
    assert "42" in out, out


def psql_fetches_by_a_count(server):
    done = subprocess.run(["psql", "-X", "-At", "-v", "FETCH_COUNT=1000", "-h", "127.0.0.1", "-p", str(server.port), "-U", "w", "-d",
                           "waybill", "-c", "SELECT id FROM silver.numbers ORDER BY id"], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == [str(i) for i in range(200_000)], done.stderr


def a_row_limit_suspends_a_portal(server):
    raw = RawClient(server.port)
    raw.send(b"P", b"\0SELECT id FROM silver.numbers WHERE id < 6 ORDER BY id\0\0\0")
    raw.send(b"B", b"p\0\0\0\0\0\0\0\0")
    for limit in (3, 2, 100):
        raw.send(b"E", b"p\0" + limit.to_bytes(4, "big"))
    raw.send(b"C", b"Pp\0")
    raw.send(b"S", b"")
    kinds = raw.until_ready()
    assert kinds == "12DDDsDDsDC3Z", kinds
    raw.close()


class RawClient:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        body = b"\0\3\0\0user\0w\0\0"
        self.socket.sendall((len(body) + 4).to_bytes(4, "big") + body)
        self.left = b""
        self.until_ready()

    def send(self, kind, body):
        self.socket.sendall(kind + (len(body) + 4).to_bytes(4, "big") + body)

    def one(self):
        while len(self.left) < 5 or len(self.left) < 1 + int.from_bytes(self.left[1:5], "big"):
            piece = self.socket.recv(65536)
            assert piece, "the server has closed"
            self.left += piece
        size = 1 + int.from_bytes(self.left[1:5], "big")
        message, self.left = self.left[:size], self.left[size:]
        return message

    def kinds(self, count):
        return "".join(chr(self.one()[0]) for _ in range(count))

    def until_ready(self):
        kinds = ""
        while not kinds.endswith("Z"):
            kinds += chr(self.one()[0])
        return kinds

    def close(self):
        self.socket.close()


def an_error_in_a_pipeline_skips_to_its_end(server):
    raw = RawClient(server.port)
    for sql in (b"SELECT 1", b"SELECT nope", b"SELECT 2"):
        raw.send(b"P", b"\0" + sql + b"\0\0\0")
        raw.send(b"B", b"\0\0\0\0\0\0\0\0")
        raw.send(b"E", b"\0\0\0\0\0")
    raw.send(b"S", b"")
    raw.send(b"Q", b"SELECT 3\0")
    assert raw.until_ready() == "12DCEZ"
    assert raw.until_ready() == "TDCZ"
    raw.close()


# --- COPY --------------------------------------------------------------------------------------------


def copy_writes_text_csv_and_binary(server):
    with server.connect() as session:
        with session.cursor().copy("COPY (SELECT n, t FROM gold.odd ORDER BY n) TO STDOUT") as copy:
            rows = [(int(n), t) for n, t in copy.rows()]
        assert rows == ODD, rows
        with session.cursor().copy("COPY (SELECT n, t FROM gold.odd ORDER BY n) TO STDOUT (FORMAT binary)") as copy:
            copy.set_types(["int8", "text"])
            assert list(copy.rows()) == ODD
        with session.cursor().copy("COPY (SELECT n, t FROM gold.odd ORDER BY n) TO STDOUT WITH (FORMAT csv, HEADER)") as copy:
            text = b"".join(bytes(piece) for piece in copy).decode()
        table = list(csv.reader(io.StringIO(text)))
        assert table[0] == ["n", "t"] and table[1:] == [[str(n), t or ""] for n, t in ODD], table
        assert '4,""\n' in text and "5,\n" in text, text
        with session.cursor().copy("COPY gold.odd (t) TO STDOUT CSV DELIMITER ';' NULL 'none' FORCE QUOTE *") as copy:
            text = b"".join(bytes(piece) for piece in copy).decode()
        assert "none\n" in text and '"ü ✓"\n' in text and '"say ""x"""\n' in text, text
        with session.cursor().copy("COPY silver.numbers TO STDOUT") as copy:
            assert sum(1 for _ in copy.rows()) == 200_000
        assert session.execute("SELECT 1").fetchone() == (1,)


def psql_copies_to_a_file(server):
    with tempfile.NamedTemporaryFile("r") as out:
        server.psql(f"\\copy (SELECT n, t FROM gold.odd ORDER BY n) TO '{out.name}' WITH (FORMAT csv, NULL 'N')")
        assert list(csv.reader(out)) == [[str(n), "N" if t is None else t] for n, t in ODD]
    assert server.psql("COPY (SELECT 7 AS x) TO STDOUT WITH CSV HEADER").split() == ["x", "7"]


def copies_that_are_not_served_say_why(server):
    with server.connect() as session:
        for text, state in (("COPY gold.odd FROM STDIN", "25006"), ("COPY gold.odd TO '/tmp/x'", "25006"), ("COPY gold.odd TO PROGRAM 'x'", "25006"),
                            ("COPY gold.nope TO STDOUT", "42P01"), ("COPY gold.odd TO STDOUT (FORMAT xml)", "22023"),
                            ("COPY gold.odd TO STDOUT (DELIMITER 'ab')", "22023"), ("COPY gold.odd TO STDOUT (NONSENSE)", "42601"),
                            ("COPY (SELECT nope FROM gold.odd) TO STDOUT", "42703"), ("COPY (INSERT INTO gold.odd VALUES (1)) TO STDOUT", "0A000"),
                            ("COPY (SELECT 1", "42601"), ("COPY", "42601")):
            error = raises(psycopg.Error, lambda text=text: session.execute(text))
            assert error.sqlstate == state, (text, error.sqlstate, str(error))
            assert error.diag.message_hint, text
        error = raises(psycopg.Error, lambda: copy_all(session, "COPY (SELECT CAST(word AS INTEGER) FROM silver.numbers) TO STDOUT"))
        assert error.sqlstate == "22P02" and session.execute("SELECT 1").fetchone() == (1,)


def copy_all(session, text):
    with session.cursor().copy(text) as copy:
        for _ in copy:
            pass


# --- types -------------------------------------------------------------------------------------------


def every_type_has_its_oid_and_its_two_formats(server):
    cases = [
        ("7::TINYINT", 21, 7), ("7::SMALLINT", 21, 7), ("-7::INTEGER", 23, -7), ("9223372036854775807::BIGINT", 20, 2**63 - 1),
        ("170141183460469231731687303715884105727::HUGEINT", 1700, decimal.Decimal(2**127 - 1)), ("18446744073709551615::UBIGINT", 1700, decimal.Decimal(2**64 - 1)),
        ("12.340::DECIMAL(10,3)", 1700, decimal.Decimal("12.340")), ("1.5::FLOAT", 700, 1.5), ("0.1::DOUBLE", 701, 0.1), ("true", 16, True),
        ("'ü'::VARCHAR", 25, "ü"), ("'\\x00\\xFF'::BLOB", 17, b"\0\xff"), ("DATE '2024-02-29'", 1082, dt.date(2024, 2, 29)),
        ("TIME '12:34:56.789'", 1083, dt.time(12, 34, 56, 789000)), ("TIMESTAMP '2026-01-01 00:00:00.5'", 1114, dt.datetime(2026, 1, 1, 0, 0, 0, 500000)),
        ("TIMESTAMPTZ '2026-01-01 01:00:00+01'", 1184, dt.datetime(2026, 1, 1, tzinfo=UTC)), ("INTERVAL '3 days 4 hours'", 1186, dt.timedelta(days=3, hours=4)),
        ("UUID '123e4567-e89b-12d3-a456-426614174000'", 2950, uuid.UUID("123e4567-e89b-12d3-a456-426614174000")),
        ("[1, NULL, 3]::INTEGER[]", 1007, [1, None, 3]), ("['a', '', NULL, 'NULL', 'x,\"y\" \\ {z}']", 1009, ["a", "", None, "NULL", 'x,"y" \\ {z}']),
        ("[]::BIGINT[]", 1016, []), ("[1.5, 2.25]::DOUBLE[]", 1022, [1.5, 2.25]), ("[DATE '2024-02-29']", 1182, [dt.date(2024, 2, 29)]),
        ("[TIMESTAMPTZ '2026-01-01 00:00:00+00']", 1185, [dt.datetime(2026, 1, 1, tzinfo=UTC)]), ("[true, false]", 1000, [True, False]),
        ("[1.20, 3.45]::DECIMAL(5,2)[]", 1231, [decimal.Decimal("1.20"), decimal.Decimal("3.45")]),
        ("{'a': 1, 'b': 'x'}", 114, {"a": 1, "b": "x"}), ("MAP {'k': 2}", 114, {"k": 2}), ("[[1], [2, 3]]", 114, [[1], [2, 3]]),
        ("[{'a': 1}]", 114, [{"a": 1}]), ("'{\"a\": 1}'::JSON", 114, {"a": 1}), ("NULL::INTEGER[]", 1007, None),
    ]
    with server.connect() as session:
        for binary in (False, True):
            for sql, oid, want in cases:
                cursor = session.cursor(binary=binary)
                value = cursor.execute(f"SELECT {sql} AS v").fetchone()[0]
                assert cursor.description[0].type_code == oid, (sql, cursor.description[0].type_code)
                assert value == want, (sql, binary, value)
        cursor = session.execute("SELECT 12.340::DECIMAL(10,3) AS v")
        assert (cursor.description[0].precision, cursor.description[0].scale) == (10, 3)


# --- workloads ---------------------------------------------------------------------------------------


def a_workload_that_there_is_not_is_refused(server):
    with server.connect() as session:
        error = raises(errors.InvalidParameterValue, lambda: session.execute("SET waybill.workload = 'nobody'"))
        assert "default" in error.diag.message_hint and "dashboard" in error.diag.message_hint, error.diag.message_hint
        assert session.execute("SELECT 1").fetchone() == (1,)
    raises(psycopg.OperationalError, lambda: server.connect(options="-c waybill.workload=nobody"))


def a_workload_has_a_time_limit_and_a_queue_with_an_end(server):
    sessions = [server.connect(options="-c waybill.workload=short") for _ in range(3)]
    outcomes = []

    def run(session):
        start = time.monotonic()
        try:
            session.execute("SELECT count(*) FROM range(100000000000) t(i) WHERE i % 3 = 1")
        except psycopg.Error as error:
            outcomes.append((error.sqlstate, str(error), time.monotonic() - start))

    threads = [threading.Thread(target=run, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join(20)
    states = sorted(state for state, _, _ in outcomes)
    assert states == ["57014", "57014", "57P03"], outcomes
    assert any("of workload 'short'" in text for _, text, _ in outcomes) and any("wait already" in text for _, text, _ in outcomes), outcomes
    for session in sessions:
        assert session.execute("SELECT 1").fetchone() == (1,)
        session.close()


def rows_that_nobody_takes_give_their_slot_to_who_waits(server):
    with server.connect(autocommit=False, options="-c waybill.workload=impatient") as lazy:
        cursor = lazy.cursor("lazy")
        cursor.execute("SELECT id FROM silver.numbers a")
        assert cursor.fetchmany(10)
        with server.connect(options="-c waybill.workload=impatient") as other:
            start = time.monotonic()
            assert other.execute("SELECT count(*) FROM silver.numbers").fetchone() == (200_000,)
            assert 0.5 < time.monotonic() - start < 5
        error = raises(psycopg.Error, lambda: cursor.fetchmany(10))
        assert "not taken for too long" in str(error) and "idle" in error.diag.message_hint, error
        lazy.rollback()
        assert lazy.execute("SELECT 1").fetchone() == (1,)


def a_client_that_stops_reading_gives_its_slot_back(server):
    lazy = server.connect(options="-c waybill.workload=impatient")
    lazy.pgconn.send_query(b"SELECT i, repeat('x', 1000) FROM range(20000000) t(i)")
    time.sleep(1.5)
    with server.connect(options="-c waybill.workload=impatient") as other:
        start = time.monotonic()
        assert other.execute("SELECT count(*) FROM silver.numbers").fetchone() == (200_000,)
        assert time.monotonic() - start < 5
    lazy.close()


def running_queries_are_listed_and_ended(server):
    with server.connect() as session, server.connect() as other, server.connect(user="somebody") as stranger:
        session.execute("SET application_name = 'the one'")
        failed = []

        def run():
            try:
                session.execute("SELECT count(*) FROM range(100000000000) t(i) WHERE i % 3 = 1")
            except psycopg.Error as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.7)
        listed = other.execute('SELECT pid, workload, "user", client, state, running_ms > 300, memory_bytes > 0, sql FROM waybill_queries'
                               " WHERE pid = %s", [session.info.backend_pid]).fetchall()
        assert listed == [(session.info.backend_pid, "default", "w", "the one", "running", True, True,
                           "SELECT count(*) FROM range(100000000000) t(i) WHERE i % 3 = 1")], listed
        assert stranger.execute(f"SELECT pg_cancel_backend({session.info.backend_pid})").fetchone() == (False,)
        assert thread.is_alive()
        assert other.execute(f"SELECT pg_cancel_backend({session.info.backend_pid})").fetchone() == (True,)
        thread.join(10)
        assert failed and "ended" in str(failed[0]), failed
        assert other.execute(f"SELECT pg_cancel_backend({session.info.backend_pid})").fetchone() == (False,)
        assert session.execute("SELECT 1").fetchone() == (1,)


server = Server(os.path.abspath(sys.argv[1]))
status = cases.run(cases.taking("server", globals()), server, only=sys.argv[2:])
server.stop()
sys.exit(status)
