"""Clients that ask for too much, against the PostgreSQL door: their queries end, everybody else's go on.

    tests/interop/sql_workers.py PG_SERVER      last line: N passed, N failed
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

TABLE = "silver.numbers=SELECT i AS id, i % 97 AS part, 'text ' || i AS word FROM range(200000) t(i)"
FOR_EVER = "SELECT count(*) FROM range(100000000000) a(i) WHERE i % 7 = 3 AND sqrt(i) > 1e9"
HUNGRY = "SELECT max(length(s)) FROM (SELECT string_agg(repeat('x', 1000), ',') s FROM range(5000000) r(i) GROUP BY i % 4)"


class Server:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="sql-workers-")
        self.process = subprocess.Popen([program, self.folder.name, "0", TABLE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def connect(self, **more):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="w", dbname="waybill", autocommit=True, **more)

    def workers(self):
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split()
        return [int(pid) for pid in found]

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.folder.cleanup()


# A killed process lives until the kernel gets round to it.
def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def count(session):
    return session.execute("SELECT count(*) FROM silver.numbers").fetchone()[0]


def queries_run_in_processes_that_are_shut_in(server):
    with server.connect() as session:
        assert count(session) == 200000
        workers = server.workers()
        assert workers, "no worker runs"
        for pid in workers:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status, status
            assert pathlib.Path(f"/proc/{pid}/oom_score_adj").read_text().strip() == "1000"


def a_killed_worker_costs_one_query(server):
    with server.connect() as session:
        prepared = "SELECT count(*) FROM silver.numbers WHERE part = %s"
        expected = session.execute(prepared, (5,), prepare=True).fetchone()[0]
        failed = []

        def run():
            try:
                session.execute(FOR_EVER)
            except psycopg.Error as error:
                failed.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.7)
        killed = server.workers()
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        thread.join(10)
        while any(is_alive(pid) for pid in killed):
            time.sleep(0.01)
        assert failed and "ended with its process" in str(failed[0]), failed
        assert session.execute(prepared, (5,), prepare=True).fetchone()[0] == expected
        assert count(session) == 200000


def a_query_that_takes_too_much_memory_ends(server):
    with server.connect() as session, server.connect() as other:
        try:
            session.execute(HUNGRY).fetchone()
            raise AssertionError("it went through")
        except psycopg.Error as error:
            assert "emory" in str(error), error
        assert count(session) == 200000 and count(other) == 200000


def a_query_beyond_its_time_ends(server):
    with server.connect() as session:
        session.execute("SET statement_timeout = '400ms'")
        start = time.time()
        try:
            session.execute(FOR_EVER)
            raise AssertionError("it went through")
        except psycopg.errors.QueryCanceled as error:
            assert "statement timeout" in str(error), error
        assert time.time() - start < 4
        assert count(session) == 200000


def a_cancelled_query_ends_and_so_does_one_that_waits(server):
    sessions = [server.connect() for _ in range(4)]
    outcomes = []

    def run(session):
        try:
            session.execute(FOR_EVER)
        except psycopg.Error as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    time.sleep(1.0)  # two of them run, two wait for a slot
    for session in sessions:
        session.cancel()
    for thread in threads:
        thread.join(15)
    assert len(outcomes) == 4 and all(isinstance(e, psycopg.errors.QueryCanceled) for e in outcomes), outcomes
    for session in sessions:
        assert count(session) == 200000
        session.close()


def light_queries_pass_heavy_ones_of_another_workload(server):
    heavy = [server.connect() for _ in range(3)]

    def run(session):
        try:
            session.execute(FOR_EVER)
        except psycopg.Error:
            pass

    threads = [threading.Thread(target=run, args=(session,)) for session in heavy]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    with server.connect() as light:
        light.execute("SET waybill.workload = 'dashboard'")
        for _ in range(20):
            start = time.time()
            assert count(light) == 200000
            assert time.time() - start < 5
    for session in heavy:
        session.cancel()
    for thread in threads:
        thread.join(15)
        assert not thread.is_alive()
    for session in heavy:
        session.close()


def files_and_settings_are_out_of_reach(server):
    with server.connect() as session:
        for sql in ["SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'",
                    "COPY silver.numbers TO '/tmp/out.csv'", "ATTACH '/tmp/x.db'", "INSTALL httpfs",
                    "SET memory_limit = '100GB'", "PRAGMA database_list; SELECT getenv('HOME')",
                    "CREATE TABLE t AS SELECT 1", "SELECT * FROM glob('/*')"]:
            try:
                session.execute(sql)
                # What PostgreSQL's clients set is taken and has no effect.
                assert sql.startswith("SET "), sql
            except psycopg.Error:
                pass
        assert count(session) == 200000


CASES = [queries_run_in_processes_that_are_shut_in, a_killed_worker_costs_one_query,
         a_query_that_takes_too_much_memory_ends, a_query_beyond_its_time_ends,
         a_cancelled_query_ends_and_so_does_one_that_waits, light_queries_pass_heavy_ones_of_another_workload,
         files_and_settings_are_out_of_reach]


def main():
    passed = failed = 0
    for case in CASES:
        server = Server(sys.argv[1])
        name = case.__name__.replace("_", " ")
        try:
            case(server)
            passed += 1
            print("ok    ", name, flush=True)
        except Exception as error:  # noqa: BLE001
            failed += 1
            print("FAILED", name, repr(error), flush=True)
        finally:
            server.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
