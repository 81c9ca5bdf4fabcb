"""People who mean harm, or do not know better, at the PostgreSQL door, through psql: each query ends with an error
or an answer, and what others ask meanwhile is answered.

    tests/interop/pg_hostile.py PG_SERVER      last line: N passed, N failed
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

import cases

TABLE = "silver.numbers=SELECT i AS id, i % 97 AS part, 'text ' || i AS word FROM range(200000) t(i)"
SECRET = "root:"


class Server:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="pg-hostile-")
        self.process = subprocess.Popen([program, self.folder.name, "0", TABLE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.answered = self.asked = 0
        self.slowest = 0.0
        self.stopping = False
        self.bystander = threading.Thread(target=self.ask)
        self.bystander.start()

    def connect(self, **more):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="w", dbname="waybill", autocommit=True, **more)

    def ask(self):
        """Somebody else, all the time."""
        with self.connect(options="-c waybill.workload=dashboard") as session:
            while not self.stopping:
                self.asked += 1
                start = time.monotonic()
                self.answered += session.execute("SELECT count(*) FROM silver.numbers WHERE part = 7").fetchone()[0] == 2062
                self.slowest = max(self.slowest, time.monotonic() - start)
                time.sleep(0.05)

    def psql(self, *texts, seconds=20):
        words = ["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.port), "-U", "w", "-d", "waybill"]
        for text in texts:
            words += ["-c", text]
        start = time.monotonic()
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 60,
                              env={**os.environ, "PGOPTIONS": f"-c statement_timeout={seconds * 1000}"})
        done.seconds = time.monotonic() - start
        return done

    def memory(self):
        """Resident megabytes of the server and of each of its processes."""
        def resident(pid):
            try:
                return int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 >> 20
            except OSError:
                return 0
        workers = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return resident(self.process.pid), [resident(pid) for pid in workers]

    def stop(self):
        self.stopping = True
        self.bystander.join(30)
        self.process.stdin.close()
        self.process.wait(30)
        self.folder.cleanup()


def refused(server, texts, words=""):
    for text in texts:
        done = server.psql(text)
        assert done.returncode != 0, f"{text} went through: {done.stdout[:200]}"
        assert "ERROR:" in done.stderr and words in done.stderr, (text, done.stderr)
        assert SECRET not in done.stdout + done.stderr, text


def ends(server, text, seconds=20):
    """By an answer or by an error, in time."""
    done = server.psql(text, seconds=seconds)
    assert done.seconds < seconds + 15, (text, done.seconds)
    assert done.returncode == 0 or "ERROR:" in done.stderr, (text, done.stderr)
    return done


def files_cannot_be_read(server):
    refused(server, ["SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
                     "SELECT * FROM read_blob('/proc/self/environ')", "SELECT * FROM glob('/etc/*')", "SELECT * FROM \"/etc/passwd\"",
                     "SELECT * FROM parquet_scan('/tmp/*.parquet')", "SELECT * FROM sniff_csv('/etc/passwd')",
                     "SELECT * FROM read_json_auto('/etc/hostname')", "SELECT (SELECT content FROM read_text('/etc/passwd'))",
                     "WITH a AS MATERIALIZED (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM a",
                     "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')", "SELECT * FROM query_table('/etc/passwd')",
                     "SELECT * FROM silver.numbers, LATERAL (SELECT * FROM read_text('/etc/passwd'))",
                     "EXPLAIN ANALYZE SELECT * FROM read_text('/etc/passwd')", "DESCRIBE '/etc/passwd'", "SUMMARIZE '/etc/passwd'",
                     "PREPARE p AS SELECT * FROM read_text('/etc/passwd')", "SELECT getenv('HOME')",
                     "DECLARE c CURSOR WITH HOLD FOR SELECT * FROM read_text('/etc/passwd')",
                     "COPY (SELECT * FROM read_text('/etc/passwd')) TO STDOUT", "SELECT * FROM duckdb_secrets()",
                     "SELECT * FROM parquet_metadata('x')", "PIVOT '/etc/passwd' ON column0",
                     "SELECT * FROM read_csv('http://127.0.0.1:1/x.csv')", "SELECT * FROM 's3://bucket/x.parquet'"])


def files_cannot_be_written(server):
    before = set(os.listdir("/tmp"))
    refused(server, ["COPY silver.numbers TO '/tmp/hostile.csv'", "COPY (SELECT 1) TO '/tmp/hostile.parquet' (FORMAT parquet)",
                     "COPY silver.numbers TO PROGRAM 'cat > /tmp/hostile'", "EXPORT DATABASE '/tmp/hostile'",
                     "ATTACH '/tmp/hostile.db'", "ATTACH '/tmp/hostile.db' AS x; CREATE TABLE x.t AS SELECT 1",
                     "CREATE TABLE t AS SELECT 1", "CREATE TEMP TABLE t AS SELECT 1", "CREATE VIEW v AS SELECT 1",
                     "CREATE MACRO m() AS 1", "COPY silver.numbers FROM STDIN", "COPY silver.numbers FROM '/etc/passwd'",
                     "CREATE SECRET (TYPE s3)", "CHECKPOINT", "VACUUM"])
    assert not [name for name in set(os.listdir("/tmp")) - before if name.startswith("hostile")]


def the_engine_cannot_be_reconfigured_or_extended(server):
    refused(server, ["INSTALL httpfs", "LOAD httpfs", "LOAD '/tmp/x.duckdb_extension'", "INSTALL x FROM community",
                     "PRAGMA database_list", "PRAGMA enable_external_access=true", "SET memory_limit = '100GB'", "SET GLOBAL threads = 64",
                     "SET enable_external_access = true", "SET lock_configuration = false", "SET temp_directory = '/tmp'",
                     "SET allowed_directories = ['/']", "CALL pragma_version()", "SET SESSION memory_limit TO '100GB'",
                     "ATTACH ':memory:' AS x", "DETACH lake", "USE memory", "CALL dbgen(sf=1)",
                     "SELECT set_config('memory_limit', '100GB', false)", "SET waybill.workload = 'nobody'"])
    # One statement behind another is judged by itself.
    refused(server, ["SELECT 1; INSTALL httpfs", "BEGIN; SELECT 1; ATTACH '/tmp/x.db'", "/* SELECT 1 */ LOAD httpfs"])


def memory_bombs_end(server):
    for text in ("SELECT max(length(s)) FROM (SELECT string_agg(repeat('x', 1000), ',') s FROM range(5000000) r(i) GROUP BY i % 4)",
                 "SELECT length(repeat('x', 3000000000))", "SELECT list(i) FROM range(2000000000) t(i)",
                 "SELECT list(repeat('x', 100000) || i) FROM range(1000000) t(i)",
                 "SELECT count(*) FROM (SELECT DISTINCT a.id * 1000003 + b.id, a.word || b.word FROM silver.numbers a, silver.numbers b)",
                 "SELECT histogram(i || 'xxxxxxxxxxxxxxxxxxxxxxxxxx') FROM range(100000000) t(i)",
                 "SELECT array_agg(a.word) FROM silver.numbers a, silver.numbers b"):
        ends(server, text, 15)
        own, workers = server.memory()
        assert own < 700 and all(worker < 1800 for worker in workers), (text, own, workers)


def bombs_of_rows_end(server):
    ends(server, "SELECT count(*) FROM generate_series(1, 100000000000)", 5)
    ends(server, "SELECT sum(a.i * b.i) FROM generate_series(1, 10000000) a(i), generate_series(1, 10000000) b(i)", 5)
    ends(server, "SELECT count(*) FROM silver.numbers a, silver.numbers b, silver.numbers c WHERE a.id + b.id + c.id = -1", 5)
    ends(server, "SELECT unnest(range(10000000000))", 5)
    done = ends(server, "SELECT i FROM range(5000000) t(i) LIMIT 3", 20)
    assert done.stdout.split() == ["0", "1", "2"], done.stdout


def recursion_without_an_end_ends(server):
    ends(server, "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t", 5)
    ends(server, "WITH RECURSIVE t(s) AS (SELECT 'x' UNION ALL SELECT s || s FROM t) SELECT max(length(s)) FROM t", 10)
    ends(server, "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t, range(1000)) SELECT count(*) FROM t", 10)


def regular_expressions_that_explode_end(server):
    ends(server, "SELECT regexp_matches(repeat('a', 100000) || 'b', '(a+)+$')", 10)
    ends(server, "SELECT regexp_replace(repeat('ab', 1000000), '((a|b)*)*c', 'x', 'g') IS NULL", 10)
    ends(server, "SELECT word FROM silver.numbers WHERE regexp_matches(word, '" + "(x{1,1000}){1,1000}" + "')", 10)
    ends(server, "SELECT 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' SIMILAR TO '((a*)*)*b'", 10)
    ends(server, "SELECT count(*) FROM silver.numbers WHERE word LIKE '" + "%a" * 5000 + "'", 10)


def texts_of_any_size_and_depth_end(server):
    with server.connect() as session:
        for text in ("SELECT " + "(" * 100_000 + "1" + ")" * 100_000, "SELECT " + "+".join(["1"] * 200_000),
                     "SELECT " + "NOT " * 100_000 + "true", "SELECT 1" + " UNION ALL SELECT 1" * 20_000,
                     "SELECT * FROM " + "(SELECT * FROM " * 5_000 + "silver.numbers" + ")" * 5_000,
                     "SELECT " + "[" * 50_000 + "1" + "]" * 50_000, "SELECT '" + "x" * 30_000_000 + "'",
                     "SELECT " + "CASE WHEN true THEN " * 20_000 + "1" + " END" * 20_000,
                     "SELECT 1 WHERE 1 IN (" + ",".join(str(i) for i in range(300_000)) + ")", "SELECT \"" + "a" * 1_000_000 + "\"",
                     "WITH " + ",".join(f"a{i} AS (SELECT {i})" for i in range(5_000)) + " SELECT 1", ";" * 100_000, "/*" * 100_000):
            start = time.monotonic()
            try:
                session.execute("SET statement_timeout = '20s'")
                session.execute(text)
            except psycopg.Error as error:
                assert not session.broken, (text[:60], error)
            assert time.monotonic() - start < 60, text[:60]
        assert session.execute("SELECT 1").fetchone() == (1,)


def a_session_cannot_open_without_end(server):
    with server.connect() as session:
        try:
            for i in range(5_000):
                session.execute(f"DECLARE c{i} CURSOR WITH HOLD FOR SELECT i FROM range(10000) t(i)")
        except psycopg.errors.ConfigurationLimitExceeded as error:
            assert "close" in error.diag.message_hint, error
        else:
            raise AssertionError("5 000 cursors are open")
        session.execute("CLOSE ALL")
        assert session.execute("SELECT 1").fetchone() == (1,)


def bystanders_have_been_answered(server):
    """Runs last."""
    assert server.process.poll() is None
    assert server.answered > 100 and server.asked - server.answered <= 1, (server.asked, server.answered)
    print(f"       {server.answered} answers to somebody else, the slowest after {server.slowest:.2f} s")
    assert server.slowest < 10, server.slowest


server = Server(os.path.abspath(sys.argv[1]))
status = cases.run(cases.taking("server", globals(), but=("refused", "ends")), server, only=sys.argv[2:])
server.stop()
sys.exit(status)
