"""Figures of SQL for clients, with DuckDB in process and PostgreSQL 15 beside them.

    bench/sql.py PG_SERVER TPCH_EXTENSION [SCALE]
"""
import decimal
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import duckdb
import psycopg

from sql_peers import Duck, Postgres, tpch_files

ROWS = 1_000_000
ROUNDS = 3
ROWS_SQL = (f"SELECT i::BIGINT AS id, (i % 977)::INTEGER AS hub, i / 8.0::DOUBLE AS weight,"
            f" TIMESTAMPTZ '2026-01-01 00:00:00+00' + INTERVAL (i * 1500) MILLISECOND AS event_time,"
            f" 'shipment ' || (i * 7919 % 1000003) AS shipment, DATE '2026-01-01' + (i % 365)::INTEGER AS day FROM range({ROWS}) t(i)")
SMALL_SQL = "SELECT i::BIGINT AS id, (i % 7)::INTEGER AS hub, i / 4.0::DOUBLE AS weight FROM range(1000) t(i)"
HEAVY = ("SELECT count(*), max(a.shipment || b.shipment) FROM bench.rows a JOIN bench.rows b ON a.hub = b.hub"
         " WHERE a.id % 3 = 0 AND b.id % 5 = 0")
DASHBOARD = ("SELECT hub % 10 AS region, count(*) AS n, avg(weight) AS weight FROM bench.rows"
             " WHERE day >= DATE '2026-11-01' GROUP BY 1 ORDER BY 1")


def figure(name, value, unit, peer=None, theirs=None):
    line = f"figure {name} {value:.4g} {unit}"
    if peer:
        line += f" peer {peer} {theirs:.4g} ratio {value / theirs:.3g}"
    print(line, flush=True)


def timed(call):
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


class Waybill:
    def __init__(self, program, lake, tables):
        self.process = subprocess.Popen([program, lake, "0", *tables], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


def connect(port):
    return psycopg.connect(host="127.0.0.1", port=port, user="w", dbname="waybill", autocommit=True)


def rounded(rows):
    return [tuple(round(float(v), 1) if isinstance(v, (int, float, decimal.Decimal)) else str(v).rstrip() for v in row) for row in rows]


def tpch(waybill, lake, names, queries):
    """Each query alternately here and there; the sum of the best times."""
    with connect(waybill.port) as session:
        session.execute("SET search_path TO tpch")
        peers = {"duckdb_same_files": Duck(duckdb, lake, names, False), "duckdb_own_tables": Duck(duckdb, lake, names, True)}
        ours = []
        theirs = {name: [] for name in peers}
        for number, sql in enumerate(queries, 1):
            best = {}
            for _ in range(ROUNDS):
                took, rows = timed(lambda sql=sql: session.execute(sql).fetchall())
                best["waybill"] = min(took, best.get("waybill", took))
                for name, peer in peers.items():
                    took, want = timed(lambda sql=sql, peer=peer: peer.query(sql))
                    best[name] = min(took, best.get(name, took))
                assert rounded(rows) == rounded(want), (number, rows[:2], want[:2])
            ours.append(best["waybill"])
            for name in peers:
                theirs[name].append(best[name])
            print(f"  q{number:02} {best['waybill'] * 1000:7.0f} ms, same files {best['duckdb_same_files'] * 1000:7.0f} ms,"
                  f" own tables {best['duckdb_own_tables'] * 1000:7.0f} ms", flush=True)
        for name in peers:
            figure("tpch_total", sum(ours), "s", name, sum(theirs[name]))


def fetch_all(port, sql, binary):
    """All rows into libpq's memory, and not into Python's."""
    with connect(port) as session:
        def run():
            result = session.pgconn.exec_params(sql.encode(), None, result_format=1 if binary else 0)
            assert result.ntuples == ROWS, result.error_message
        run()
        return min(timed(run)[0] for _ in range(ROUNDS))


def through_psql(port, sql):
    def run():
        subprocess.run(["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "w", "-d", "waybill", "-c", sql],
                       check=True, stdout=subprocess.DEVNULL)
    return min(timed(run)[0] for _ in range(ROUNDS))


def rows_out(waybill, postgres):
    select = "SELECT id, hub, weight, event_time, shipment, day FROM bench.rows"
    for name, call in (
            ("rows_out_text", lambda port: fetch_all(port, select, False)),
            ("rows_out_binary", lambda port: fetch_all(port, select, True)),
            ("rows_out_copy_text", lambda port: through_psql(port, "COPY bench.rows TO STDOUT")),
            ("rows_out_copy_csv", lambda port: through_psql(port, "COPY bench.rows TO STDOUT WITH (FORMAT csv)")),
            ("rows_out_copy_binary", lambda port: through_psql(port, "COPY bench.rows TO STDOUT WITH (FORMAT binary)"))):
        figure(name, call(waybill.port), "s", "postgresql", call(postgres.port))


def first_row(waybill, postgres):
    def run(port):
        with connect(port) as session, session.transaction(), session.cursor("c") as cursor:
            def first():
                cursor.execute("SELECT * FROM bench.rows")
                cursor.fetchmany(100)
            return timed(first)[0]
    figure("first_rows_of_a_cursor", min(run(waybill.port) for _ in range(5)) * 1000, "ms", "postgresql",
           min(run(postgres.port) for _ in range(5)) * 1000)


def latencies(port, sql, parameters, rounds, prepare):
    with connect(port) as session:
        times = []
        for i in range(rounds + 20):
            took, _ = timed(lambda i=i: session.execute(sql, parameters(i), prepare=prepare).fetchall())
            if i >= 20:
                times.append(took * 1000)
        return times


def small_queries(waybill, postgres):
    for name, sql, parameters, prepare in (
            ("select_1", "SELECT 1", lambda i: None, False),
            ("small_table", "SELECT hub, count(*), avg(weight) FROM bench.small GROUP BY hub ORDER BY hub", lambda i: None, False),
            ("small_table_prepared", "SELECT hub, weight FROM bench.small WHERE id = %s", lambda i: [i % 1000], True)):
        ours = latencies(waybill.port, sql, parameters, 500, prepare)
        theirs = latencies(postgres.port, sql, parameters, 500, prepare)
        figure(f"latency_{name}_p50", statistics.median(ours), "ms", "postgresql", statistics.median(theirs))
        figure(f"latency_{name}_p99", percentile(ours, 0.99), "ms", "postgresql", percentile(theirs, 0.99))


def dashboard_times(port, seconds):
    times = []
    with connect(port) as session:
        session.execute("SET waybill.workload = 'dashboard'")
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            took, _ = timed(lambda: session.execute(DASHBOARD).fetchall())
            times.append(took * 1000)
            time.sleep(0.02)
    return times[5:]


class Heavy:
    """A heavy query of another client, over and over."""

    def __init__(self, port):
        self.session = connect(port)
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping:
            try:
                self.session.execute(HEAVY).fetchall()
            except psycopg.errors.QueryCanceled:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        while self.thread.is_alive():
            self.session.cancel()
            self.thread.join(0.2)
        self.session.close()


def fairness(waybill):
    """In turns, so that what else the machine does falls on both."""
    alone, beside = [], []
    for _ in range(3):
        alone += dashboard_times(waybill.port, 6)
        with Heavy(waybill.port):
            time.sleep(1.5)
            beside += dashboard_times(waybill.port, 6)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        figure(f"dashboard_{name}_beside_heavy", percentile(beside, share), "ms", "alone", percentile(alone, share))


def fill_postgres(waybill, postgres):
    """The same rows, by way of COPY."""
    with connect(waybill.port) as source, connect(postgres.port) as target:
        target.execute("CREATE SCHEMA bench")
        target.execute("CREATE TABLE bench.rows (id bigint, hub int, weight float8, event_time timestamptz, shipment text, day date)")
        target.execute("CREATE TABLE bench.small (id bigint PRIMARY KEY, hub int, weight float8)")
        for table in ("rows", "small"):
            with source.cursor().copy(f"COPY bench.{table} TO STDOUT (FORMAT binary)") as out:
                with target.cursor().copy(f"COPY bench.{table} FROM STDIN (FORMAT binary)") as into:
                    for piece in out:
                        into.write(piece)
        assert target.execute("SELECT count(*) FROM bench.rows").fetchone() == (ROWS,)
        target.execute("VACUUM ANALYZE")


def main():
    program, extension = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    scale = float(sys.argv[3]) if len(sys.argv) > 3 else 1
    only = sys.argv[4:]
    folder = tempfile.mkdtemp(prefix="bench-sql-")
    postgres = waybill = None
    try:
        os.mkdir(f"{folder}/tpch")
        names, queries = tpch_files(duckdb, extension, f"{folder}/tpch", scale)
        tables = [f"tpch.{name}=SELECT * FROM read_parquet('{folder}/tpch/{name}.parquet')" for name in names]
        waybill = Waybill(program, f"{folder}/lake", [*tables, f"bench.rows={ROWS_SQL}", f"bench.small={SMALL_SQL}"])
        postgres = Postgres()
        fill_postgres(waybill, postgres)
        for name, part in (("tpch", lambda: tpch(waybill, f"{folder}/lake", names, queries)),
                           ("rows", lambda: rows_out(waybill, postgres)), ("first", lambda: first_row(waybill, postgres)),
                           ("small", lambda: small_queries(waybill, postgres)), ("fair", lambda: fairness(waybill))):
            if not only or name in only:
                part()
    finally:
        for server in (postgres, waybill):
            if server:
                server.stop()
        shutil.rmtree(folder, ignore_errors=True)


main()
