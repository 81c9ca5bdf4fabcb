"""A backfill of ten days beside raw DuckDB, and what it costs the live pipelines.

    backfill.py [--rows 3000000] [--rate 4000]

Raw DuckDB runs the same SELECT over the same files into zstd Parquet, by two threads. Prints `figure` lines; a
missed aim is no failure.
"""

import argparse
import datetime
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import duckdb
from deltalake import write_deltalake

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from running import BINARY, Waybill  # noqa: E402

DAYS = 10
MODEL = """---
table: gold.charges
version: {version}
mode: daily at 02:00
key: [id]
partition: [day]
---
"""
SELECT = """SELECT day, id, carrier, upper(lane) AS lane, weight_kg, distance_km,
       round(weight_kg * distance_km * 0.00012 + CASE WHEN carrier = 'C3' THEN {fee} ELSE 2.5 END, 2) AS charge,
       date_diff('second', picked_at, delivered_at) / 3600.0 AS hours
FROM silver.moves"""
PROBES = 80


def figure(name: str, value: float, unit: str, peer: str = ""):
    print(f"figure {name} {value:.4g} {unit}{peer}", flush=True)


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def make_input(folder: pathlib.Path, rows: int):
    """silver.moves, ten days, as another engine would have written it."""
    db = duckdb.connect()
    for day in range(DAYS):
        batch = db.execute(f"""SELECT DATE '2026-03-01' + {day} AS day, (i + {day} * {rows // DAYS})::BIGINT AS id,
            'C' || (i * 7919 % 12) AS carrier, 'lane ' || (i * 104729 % 997) AS lane,
            (random() * 900 + 1) AS weight_kg, (random() * 1200)::INTEGER AS distance_km,
            (TIMESTAMP '2026-03-01' + INTERVAL ({day}) DAY + INTERVAL (i % 86400) SECOND)::TIMESTAMPTZ AS picked_at,
            (TIMESTAMP '2026-03-01' + INTERVAL ({day}) DAY + INTERVAL (i % 86400 + 3600 + i % 9999) SECOND)::TIMESTAMPTZ AS delivered_at
            FROM range({rows // DAYS}) r(i)""").fetch_arrow_table()
        write_deltalake(str(folder), batch, partition_by=["day"], mode="append")


def raw(folder: pathlib.Path, select: str) -> float:
    """Seconds of raw DuckDB for the same rows into Parquet."""
    with tempfile.TemporaryDirectory() as out:
        db = duckdb.connect(config={"threads": 2})
        db.execute(f"CREATE SCHEMA silver; CREATE VIEW silver.moves AS SELECT * FROM read_parquet('{folder}/*/*.parquet', hive_partitioning=true)")
        started = time.time()
        db.execute(f"COPY ({select}) TO '{out}/t' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, PARTITION_BY (day), WRITE_PARTITION_COLUMNS true)")
        return time.time() - started


def post(w: Waybill, path: str, body: dict):
    request = urllib.request.Request(w.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.loads(answer.read())


def backfill(w: Waybill) -> tuple[float, float, dict]:
    """Seconds until its rows are written, and until it is validated."""
    started = time.time()
    job = post(w, "/v1/backfills", {"model": "gold.charges", "from": "2026-03-01", "to": "2026-03-10", "parallel": 10,
                                    "expect": "old.id IS NULL OR old.carrier = 'C3'"})["backfill"]
    written = None
    while True:
        now = w.request(f"/v1/backfills/{job}")[1]
        if written is None and now["tables"][0]["partitions"] and now["tables"][0]["done"] == now["tables"][0]["partitions"]:
            written = time.time() - started
        if now["state"] != "running":
            if now["state"] != "ready":
                raise RuntimeError(f"the backfill is {now['state']}: {now['error']}")
            return written, time.time() - started, now
        time.sleep(0.02)


class Probe(threading.Thread):
    """Sends positions of a truck of its own and waits until the look-up gives each back: epochs committed."""

    def __init__(self, w: Waybill):
        super().__init__(daemon=True)
        self.w, self.took, self.ends = w, [], False

    def run(self):
        number = 0
        while not self.ends:
            number += 1
            speed = 10 + number % 50
            now = datetime.datetime.now(datetime.timezone.utc)
            record = {"truck_id": "PROBE-1", "event_time": now.isoformat(), "lat": 50.0, "lon": 8.0,
                      "speed_kmh": speed, "heading": 90.0, "status": "moving", "carrier": "Probe"}
            sent = time.time()
            status, answer = self.w.send("positions", [record])
            if status != 200:
                raise RuntimeError(answer)
            while time.time() - sent < 30:
                status, row = self.w.request("/v1/trucks/PROBE-1")
                if status == 200 and row["event_time"][:19] == now.isoformat()[:19] and row["speed_kmh"] == speed:
                    break
                time.sleep(0.01)
            self.took.append((time.time() - sent) * 1000)
            time.sleep(0.05)


def probed(w: Waybill, work) -> list[float]:
    probe = Probe(w)
    probe.start()
    work(probe)
    probe.ends = True
    probe.join()
    return probe.took


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=3_000_000)
    parser.add_argument("--rate", type=int, default=4000)
    options = parser.parse_args()
    with Waybill() as w:
        moves = w.project / "data/lake/silver/moves"
        moves.parent.mkdir(parents=True, exist_ok=True)
        make_input(moves, options.rows)
        model = w.project / "models/gold/charges.sql"
        model.write_text(MODEL.format(version=1) + SELECT.format(fee=2.5))
        w.start(0)
        post(w, "/v1/models/gold.charges/run", {})
        model.write_text(MODEL.format(version=2) + SELECT.format(fee=4.0))
        alone, whole = [], []
        theirs = []
        for _ in range(2):
            theirs.append(raw(moves, SELECT.format(fee=4.0)))
            written, validated, job = backfill(w)
            alone.append(written)
            whole.append(validated)
            post(w, f"/v1/backfills/{job['backfill']}/cancel", {})
        rows = job["tables"][0]["rows"]
        figure("backfill_rows", rows / min(alone), "rows/s",
               f" peer duckdb {rows / min(theirs):.4g} ratio {min(theirs) / min(alone):.2f}")
        figure("backfill_validated", rows / min(whole), "rows/s",
               f" peer duckdb {rows / min(theirs):.4g} ratio {min(theirs) / min(whole):.2f}")
        diff = job["report"]["tables"][0]["diff"]
        print(f"  {rows} rows, {diff['changed']} changed, {diff['same']} the same", flush=True)

        fleet = subprocess.Popen([str(BINARY), "simulate", "--to", w.url, "--trucks", "2000", "--rate", f"{options.rate}/s",
                                  "--duration", "300s"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            time.sleep(5)

            def wait(probe: Probe):
                while len(probe.took) < PROBES and probe.is_alive():
                    time.sleep(0.1)

            def fill(probe: Probe):
                while len(probe.took) < PROBES and probe.is_alive():
                    job = backfill(w)[2]
                    post(w, f"/v1/backfills/{job['backfill']}/cancel", {})

            before, during = probed(w, wait), probed(w, fill)
            after = probed(w, wait)
        finally:
            fleet.terminate()
            fleet.wait()
        quiet = max(quantile(before, 0.99), quantile(after, 0.99))
        for name, values in (("alone", before), ("alone_again", after), ("beside_backfill", during)):
            figure(f"live_{name}_p50", quantile(values, 0.5), "ms")
            figure(f"live_{name}_p99", quantile(values, 0.99), "ms")
        figure("live_p99_ratio", quantile(during, 0.99) / quiet, "x")
        shutil.rmtree(moves, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
