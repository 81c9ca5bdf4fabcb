#!/usr/bin/env python3
"""A lake on S3, from the outside: the platform with `lake: s3://…` on real servers, killed and
started again, read through psql and by delta-rs in the same bucket; delta-rs and Waybill on one
table; and what is said when the place is wrong.

Usage: lake_s3.py LAKE_TOOL [--seconds N] [--rounds N]
S3_PEERS names the folder of the servers (s3_servers.py). Ends in one line "N passed, N failed".
"""

import argparse
import http.server
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake

import s3_servers
from accept_crash import acknowledged
from running import BINARY, Checks, Waybill, free_port

PARSER = argparse.ArgumentParser()
PARSER.add_argument("tool")
PARSER.add_argument("--seconds", type=int, default=60, help="of writing one table together")
PARSER.add_argument("--rounds", type=int, default=5, help="of kill -9")
ARGUMENTS = PARSER.parse_args()
checks = Checks()
KEY_OF = {"positions": "(truck_id, event_time)", "scans": "event_id", "orders": "order_id"}


def with_lake(w, server, prefix, cache="100 MB", **options):
    """The project's lake in the bucket, in place of the folder."""
    settings = w.project / "waybill.yaml"
    lines = {"endpoint": server.endpoint, "region": s3_servers.REGION, "cache": cache, **options}
    settings.write_text(settings.read_text() + f"lake: s3://{s3_servers.BUCKET}/{prefix}\ns3:\n"
                        + "".join(f"  {name}: {value}\n" for name, value in lines.items()))


def psql(w, sql):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(w.postgres_port), "waybill", "-c", sql],
                          capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr).strip()


def by_delta_rs(server, prefix, table):
    where = f"s3://{s3_servers.BUCKET}/{prefix}/{table.replace('.', '/')}"
    return DeltaTable(where, storage_options=server.storage_options()).to_pyarrow_table()


def send_under_kills(w, name):
    """Load while the process is killed again and again; what was acknowledged, by topic."""
    acks = w.project / "acks.jsonl"
    load = subprocess.Popen([str(BINARY), "simulate", "--to", w.url, "--trucks", "1000", "--rate", "2000/s",
                             "--duration", f"{ARGUMENTS.rounds * 4 + 5}s", "--ack-log", str(acks)],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(ARGUMENTS.rounds):
        time.sleep(random.uniform(0.5, 4))
        w.kill()
        w.start(0)
    checks.equal(f"{name}: the load ends well though the platform was killed {ARGUMENTS.rounds} times", load.wait(300), 0)
    w.settle()
    time.sleep(2)
    return acknowledged(acks)


def rows_are_there(w, server, name, counts, ids):
    for topic in KEY_OF:
        checks.equal(f"{name}: psql finds each acknowledged record of {topic} once in bronze",
                     psql(w, f"SELECT count(*) FROM bronze.{topic}"), str(counts[topic]))
        theirs = by_delta_rs(server, "wh", f"bronze.{topic}")
        checks.equal(f"{name}: delta-rs finds as many in the bucket", theirs.num_rows, counts[topic])
    for topic in ("positions", "scans"):
        told = psql(w, f"SELECT count(*), count(DISTINCT {KEY_OF[topic]}) FROM silver.{topic}")
        checks.equal(f"{name}: psql finds each id of {topic} once in silver", told, f"{len(ids[topic])}|{len(ids[topic])}")
    theirs = set(by_delta_rs(server, "wh", "silver.scans").column("event_id").to_pylist())
    checks.check(f"{name}: delta-rs finds every acknowledged scan", ids["scans"] <= theirs, len(theirs))
    gold = psql(w, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gold' ORDER BY 1").split()
    for table in gold:
        ours = psql(w, f"SELECT count(*) FROM gold.{table}")
        checks.equal(f"{name}: gold.{table} has the same number of rows for psql and delta-rs", ours,
                     str(by_delta_rs(server, "wh", f"gold.{table}").num_rows))
    checks.check(f"{name}: many records were acknowledged", len(ids["positions"]) > 1000, len(ids["positions"]))
    audit = w.run("audit", check=False)
    checks.check(f"{name}: waybill audit balances", audit.returncode == 0, audit.stdout.strip().splitlines()[-1])


def upkeep(w, server, name):
    """The tables' commands beside the running platform, and on the bucket alone."""
    before = psql(w, "SELECT count(*), sum(hash(truck_id, event_time) % 1000) FROM silver.positions")
    listed = json.loads(w.run("tables", "list", "--json").stdout)
    checks.check(f"{name}: waybill tables list", any(row["table"] == "silver.positions" for row in listed), len(listed))
    w.run("tables", "optimize", "silver.positions")
    dry = w.run("tables", "vacuum", "silver.positions", "--keep", "0s", "--force", "--dry-run").stdout
    checks.check(f"{name}: vacuum's dry run names the joined files", "would be deleted" in dry, dry.strip().splitlines()[-1])
    gone = w.run("tables", "vacuum", "silver.positions", "--keep", "0s", "--force").stdout
    checks.check(f"{name}: vacuum deletes them", "deleted" in gone and not gone.startswith("0 files"), gone.strip())
    w.run("tables", "fsck", "silver.positions")
    checks.equal(f"{name}: the rows are the same after optimize and vacuum",
                 psql(w, "SELECT count(*), sum(hash(truck_id, event_time) % 1000) FROM silver.positions"), before)
    url = server.url("wh")
    described = w.run("tables", "describe", "silver.scans", "--lake", url, "--json", project=False).stdout
    checks.check(f"{name}: waybill tables describe by URL", "event_id" in described)


def platform(server):
    name = server.name
    with Waybill() as w:
        with_lake(w, server, "wh")
        w.start(0)
        counts, ids = send_under_kills(w, name)
        rows_are_there(w, server, name, counts, ids)
        upkeep(w, server, name)
        checks.equal(f"{name}: the platform stops", w.stop(), 0)
        checks.check(f"{name}: nothing of the lake lies in the data folder", not (w.project / "data/lake").exists())
        held = sum(file.stat().st_size for file in (w.project / "data/lake-cache").rglob("*") if file.is_file())
        checks.check(f"{name}: the cache is below its bound after a restart", start_and_measure(w) < 100e6 * 1.1, held)


def start_and_measure(w):
    w.start(0)
    psql(w, "SELECT count(*) FROM silver.positions")
    w.stop()
    return sum(file.stat().st_size for file in (w.project / "data/lake-cache").rglob("*") if file.is_file())


def lake_tool(server, *arguments):
    done = subprocess.run([ARGUMENTS.tool, server.url("tool"), *map(str, arguments)], capture_output=True, text=True, env=server.environment())
    if done.returncode != 0:
        raise AssertionError(f"lake_tool {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def read_by_tool(server, table):
    out = pathlib.Path(server.folder) / f"{table}.parquet"
    lake_tool(server, "read", table, out)
    return pq.read_table(out)


def odd_keys(server):
    """Partition values that a signer or an encoder may stumble over, in keys of both engines."""
    name = server.name
    values = ["a b", "ü=+", "100%", "%2F", "x/y", "日本", "a?b*[c]", "day=2026-11-23", "a&b;c:d@e", "'\"~"]
    quoted = ", ".join("({}, '{}')".format(i, value.replace("'", "''")) for i, value in enumerate(values))
    lake_tool(server, "create", "odd", "id bigint, p string", "p")
    lake_tool(server, "append", "odd", f"SELECT * FROM (VALUES {quoted}) AS v(id, p)")
    where = f"s3://{s3_servers.BUCKET}/tool/odd"
    theirs = DeltaTable(where, storage_options=server.storage_options()).to_pyarrow_table()
    want = sorted(enumerate(values))
    checks.equal(f"{name}: delta-rs reads odd partition values", sorted(zip(*[theirs.column(c).to_pylist() for c in ("id", "p")])), want)
    write_deltalake(where, pa.table({"id": range(100, 100 + len(values)), "p": values}), mode="append", storage_options=server.storage_options())
    ours = read_by_tool(server, "odd")
    want += [(i + 100, value) for i, value in enumerate(values)]
    checks.equal(f"{name}: Waybill reads delta-rs's", sorted(zip(*[ours.column(c).to_pylist() for c in ("id", "p")])), want)


def virtual_host(server):
    """The bucket in the host's name; libcurl knows where names below localhost are."""
    url = f"s3://{s3_servers.BUCKET}/tool?endpoint=http://localhost:{server.port}&region={s3_servers.REGION}&path_style=false"
    done = subprocess.run([ARGUMENTS.tool, url, "append", "odd", "SELECT 1000 AS id, 'x=y z' AS p"], capture_output=True, text=True, env=server.environment())
    checks.check(f"{server.name}: a bucket in the host's name", done.returncode == 0 and 1000 in read_by_tool(server, "odd").column("id").to_pylist(),
                 done.stderr.strip())


def large_file(server):
    """More than one part of a multipart upload."""
    name = server.name
    lake_tool(server, "create", "large", "id bigint, v double")
    lake_tool(server, "append", "large", "SELECT i AS id, random() AS v FROM range(6000000) AS r(i)")
    theirs = DeltaTable(f"s3://{s3_servers.BUCKET}/tool/large", storage_options=server.storage_options())
    largest = max(pa.table(theirs.get_add_actions(flatten=True)).column("size_bytes").to_pylist())
    rows = theirs.to_pyarrow_table()
    checks.check(f"{name}: a file of several parts goes up whole", largest > 40e6 and rows.num_rows == 6000000
                 and pc.sum(rows.column("id")).as_py() == 6000000 * 5999999 // 2, f"{largest} bytes")
    ours = read_by_tool(server, "large")
    checks.check(f"{name}: and comes down whole", ours.sort_by("id").equals(rows.sort_by("id")), ours.num_rows)


class Together:
    """Writers of two engines on one table; what each was told is there must be there, once."""

    def __init__(self, server, seconds):
        self.server, self.end = server, time.monotonic() + seconds
        self.where = f"s3://{s3_servers.BUCKET}/together/t"
        self.options = server.storage_options()
        self.acknowledged, self.lost, self.lock = {}, 0, threading.Lock()
        self.problems = []

    def tool(self, *arguments):
        done = subprocess.run([ARGUMENTS.tool, self.server.url("together"), *map(str, arguments)],
                              capture_output=True, text=True, env=self.server.environment())
        if done.returncode != 0:
            raise AssertionError(f"lake_tool {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def work(self, kind, write):
        number = kind * 1_000_000
        while time.monotonic() < self.end:
            number += 1
            try:
                write(number)
            except Exception as error:  # delta-rs gives up after its retries: not acknowledged
                self.note(error)
                continue
            with self.lock:
                self.acknowledged.setdefault(kind, []).append(number)

    def maintain(self, run):
        while time.monotonic() < self.end:
            try:
                run()
            except Exception as error:
                self.note(error)
            time.sleep(2)

    def note(self, error):
        with self.lock:
            self.lost += 1
            known = ("may or may not", "attempts lost the race", "version")
            if "lake_tool" in str(error) and not any(text in str(error) for text in known):
                self.problems.append(str(error)[:300])

    def killed_writer(self):
        number = 5_000_000
        while time.monotonic() < self.end:
            first, number = number, number + 10_000
            select = f"SELECT {first} + {{n}} AS id, 'killed' AS p, {first} + {{n}} AS v"
            command = [ARGUMENTS.tool, self.server.url("together"), "append-many", "t", select, "10000"]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.server.environment()) as process:
                until = min(time.monotonic() + random.uniform(2, 6), self.end)
                threading.Timer(until - time.monotonic(), process.kill).start()
                for line in process.stdout:
                    if line.startswith("ok ") and line.endswith("\n"):
                        with self.lock:
                            self.acknowledged.setdefault(5, []).append(first + int(line[3:]))

    def rs_append(self, n):
        write_deltalake(self.where, pa.table({"id": [n], "p": ["rs"], "v": [n]}), mode="append", storage_options=self.options)

    def rs_merge(self, n):
        source = pa.table({"id": [n], "p": ["rs merges"], "v": [n]})
        (DeltaTable(self.where, storage_options=self.options)
         .merge(source, "t.p = 'rs merges' AND t.id = s.id", source_alias="s", target_alias="t")
         .when_matched_update_all().when_not_matched_insert_all().execute())

    def run(self):
        one = "SELECT {0} AS id, '{1}' AS p, {0} AS v"
        self.tool("create", "t", "id bigint, p string, v bigint", "p")
        targets = [
            (self.work, (1, self.rs_append)),
            (self.work, (2, self.rs_merge)),
            (self.work, (3, lambda n: self.tool("append", "t", one.format(n, "appends")))),
            (self.work, (4, lambda n: self.tool("merge", "t", one.format(n, "merges"), "target.id = source.id"))),
            (self.killed_writer, ()),
            (self.maintain, (lambda: self.tool("compact", "t"),)),
            (self.maintain, (lambda: DeltaTable(self.where, storage_options=self.options).optimize.compact(),)),
        ]
        threads = [threading.Thread(target=target, args=arguments) for target, arguments in targets]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        theirs = DeltaTable(self.where, storage_options=self.options)
        rows = sorted((row["id"], row["p"], row["v"]) for row in theirs.to_pyarrow_table().to_pylist())
        out = pathlib.Path(self.server.folder) / "together.parquet"
        self.tool("read", "t", out)
        ours = sorted((row["id"], row["p"], row["v"]) for row in pq.read_table(out).to_pylist())
        found = [row[0] for row in rows]
        told = {n for numbers in self.acknowledged.values() for n in numbers}
        name = self.server.name
        checks.equal(f"{name}: delta-rs and Waybill read the same rows of one table", ours, rows) if ours != rows else \
            checks.check(f"{name}: delta-rs and Waybill read the same rows of one table", True, len(rows))
        checks.check(f"{name}: no row is there twice", len(found) == len(set(found)), theirs.version())
        checks.check(f"{name}: every acknowledged row is there", told <= set(found), f"{len(told)} acknowledged, {len(told - set(found))} missing")
        checks.check(f"{name}: every writer got rows in", len(self.acknowledged) == 5,
                     ", ".join(f"{kind}: {len(numbers)}" for kind, numbers in sorted(self.acknowledged.items())) + f"; {self.lost} refused")
        checks.check(f"{name}: Waybill lost to others only by name", not self.problems, self.problems[:2])


class Careless(http.server.BaseHTTPRequestHandler):
    """A server that takes every PUT, whatever its conditions."""

    def answer(self):
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    do_PUT = do_DELETE = do_POST = answer

    def log_message(self, *_):
        pass


def said_at_start(server, more=None, **options):
    """What `waybill up` says about a place that is wrong, and how long it takes to."""
    with Waybill() as w:
        with_lake(w, server, "x", **options)
        if more:
            more(w.project / "waybill.yaml")
        began = time.time()
        done = subprocess.run([str(BINARY), "--project", str(w.project), "up", "--http", "127.0.0.1:0", "--postgres", "127.0.0.1:0",
                               "--kafka", "none", "--redis", "none"], capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr, time.time() - began


def wrong_places(server):
    import os

    def expect(what, words, environment=None, **more):
        keep = dict(os.environ)
        os.environ.update(environment or {})
        try:
            code, text, seconds = said_at_start(server, **more)
        finally:
            os.environ.clear()
            os.environ.update(keep)
        checks.check(f"{what} is refused with its mend", code not in (0, -6, -11) and all(word in text for word in words) and seconds < 30,
                     f"{seconds:.1f} s: {text.strip()[:300]}")

    def other_bucket(file):
        file.write_text(file.read_text().replace(f"s3://{s3_servers.BUCKET}/", "s3://nobodys-bucket/"))

    expect("a bucket that is not there", ["there is no bucket nobodys-bucket", "create it"], more=other_bucket)
    expect("a wrong secret key", ["AWS_SECRET_ACCESS_KEY"], environment={"AWS_SECRET_ACCESS_KEY": "wrong"})
    expect("a wrong key id", ["AWS_ACCESS_KEY_ID"], environment={"AWS_ACCESS_KEY_ID": "nobody"})
    expect("a port where nobody listens", ["listens on that port"], endpoint=f"http://127.0.0.1:{free_port()}")
    expect("a host without an address", ["host's name"], endpoint="http://s3.invalid:9000")
    expect("no keys at all", ["there are no credentials for S3", "set AWS_ACCESS_KEY_ID"],
           environment={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": "/nonexistent"})
    expect("a profile that is not there", ["profile \"nobody\""], profile="nobody")
    careless = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Careless)
    threading.Thread(target=careless.serve_forever, daemon=True).start()
    expect("a store that ignores If-None-Match", ["takes no notice of If-None-Match", "use a server with conditional writes"],
           endpoint=f"http://127.0.0.1:{careless.server_port}")
    careless.shutdown()


def main():
    import os

    for start in s3_servers.SERVERS.values():
        server = start()
        os.environ.update(server.environment())
        try:
            server.check_conditional_create()
            checks.check(f"{server.name}: of several creates of one key exactly one wins", True)
            odd_keys(server)
            if server.name == "versitygw":
                virtual_host(server)
            large_file(server)
            platform(server)
            if server.name == "versitygw":
                wrong_places(server)
            Together(server, ARGUMENTS.seconds if server.name == "versitygw" else ARGUMENTS.seconds // 3).run()
        except Exception as error:  # noqa: BLE001 - one server's failure leaves the others
            checks.check(f"{server.name}: runs to its end", False, repr(error)[:1500])
        finally:
            server.stop()
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
