"""One project on a real Kafka: the same rows as on the embedded log, and several workers that share
the work, of which one is killed or put to sleep again and again: exactly once. R5.4, R5.7, R8.2.

    accept_workers.py [ROUNDS] [SEED]

Apache Kafka comes from Maven Central (tests/interop/kafka_peer.py).
"""

import collections
import datetime
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

from running import BINARY, SHARED, Checks, Waybill

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import kafka_peer  # noqa: E402

NAMES = ("a", "b", "c")
SESSION_S = 3
checks = Checks()
check, equal = checks.check, checks.equal


def on_kafka(w: Waybill, kafka) -> Waybill:
    settings = w.project / "waybill.yaml"
    settings.write_text(f"log: kafka://{kafka.bootstrap}\nworkers:\n  session: {SESSION_S} seconds\n" + settings.read_text())
    return w


def events(seed: int) -> dict[str, list]:
    """An hour of scans and positions in the order of their times, the same for a seed."""
    chance = random.Random(seed)
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) - datetime.timedelta(hours=1)
    scans, positions = [], []
    for i in range(6000):
        at = (now + datetime.timedelta(milliseconds=550 * i)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        scans.append({"event_id": f"E-{i}", "event_time": at, "shipment_id": f"S-{i * 37 % 800}",
                      "scan_type": chance.choice(["pickup", "arrival", "departure", "delivered"]),
                      "hub_id": f"H-{chance.randrange(30)}", "truck_id": f"T-{chance.randrange(200):06}"})
        positions.append({"truck_id": f"T-{chance.randrange(200):06}", "event_time": at, "lat": chance.uniform(40, 60),
                          "lon": chance.uniform(0, 20), "speed_kmh": chance.uniform(0, 100),
                          "heading": chance.uniform(0, 359), "status": "moving"})
    scans += scans[100:150]  # repeated: silver drops them
    return {"scans": scans, "positions": positions}


SAME = {
    "bronze.scans": "SELECT _partition, _key, _raw FROM bronze.scans ORDER BY ALL",
    "silver.scans": "SELECT event_id, event_time, shipment_id, scan_type, hub_id, truck_id FROM silver.scans ORDER BY ALL",
    "silver.positions": "SELECT truck_id, event_time, lat, lon FROM silver.positions ORDER BY ALL",
    "silver.deliveries": "SELECT count(*), count(DISTINCT hash(d)) FROM silver.deliveries d",
    "gold.hub_throughput": "SELECT hub_id, window_start, scans, shipments FROM gold.hub_throughput ORDER BY ALL",
    "gold.shipment_status": "SELECT shipment_id, event_time, status, hub_id FROM gold.shipment_status ORDER BY ALL",
    "gold.truck_latest": "SELECT truck_id, event_time FROM gold.truck_latest ORDER BY ALL",
    "gold.delivery_performance": "SELECT shipment_mode, sum(late) FROM gold.delivery_performance GROUP BY 1 ORDER BY ALL",
    "dead_letters": "SELECT model, count(*) FROM dead_letters GROUP BY 1 ORDER BY ALL",
}


def outcome(w: Waybill, sent: dict[str, list]) -> dict[str, list]:
    inbox = w.project / "inbox/deliveries"
    inbox.mkdir(parents=True, exist_ok=True)
    history = SHARED / "data/scms/SCMS_Delivery_History_Dataset.csv"
    if history.exists():
        shutil.copy(history, inbox / "history.csv")
    w.start(0)
    for topic, records in sent.items():
        for at in range(0, len(records), 500):
            status, answer = w.send(topic, records[at:at + 500])
            if status != 200:
                raise RuntimeError(f"{topic}: {status} {answer}")
    bad = b"this is no JSON\n" * 3
    w.request("/v1/topics/weather/records", bad, {"Content-Type": "application/x-ndjson"})
    wanted = 10324 if history.exists() else 0
    w.until("the partner file's landing", lambda: w.sql("SELECT count(*) FROM bronze.deliveries")[0][0] == wanted, 180)
    w.settle(180)
    w.until("keyed tables", lambda: w.sql("SELECT count(*) FROM gold.shipment_status")[0][0] == 800, 60)
    if history.exists():
        w.until("the daily model's run", lambda: w.run("run", "gold.delivery_performance").returncode == 0, 60)
    stopped = w.stop()  # rewrites what was put off
    if stopped != 0:
        raise RuntimeError(f"up ended with status {stopped}")
    w.start(0)
    rows = {}
    for table, sql in SAME.items():
        try:
            rows[table] = w.sql(sql)
        except RuntimeError as error:
            rows[table] = f"no rows: {str(error)[:200]}"
    audit = w.run("audit", check=False)
    rows["waybill audit"] = audit.stdout.strip().splitlines()[-1] if audit.stdout else audit.stderr
    w.stop()
    return rows


def same_rows(kafka, seed: int):
    sent = events(seed)
    with Waybill() as embedded:
        here = outcome(embedded, sent)
    with on_kafka(Waybill(), kafka) as w:
        there = outcome(w, sent)
    for table, rows in here.items():
        size = f"{len(rows)} rows" if isinstance(rows, list) else rows
        check(f"{table} is the same on the embedded log and on Kafka", rows == there[table] and "no rows" not in str(rows)[:8],
              size if rows == there[table] else f"embedded {str(rows)[:300]}, Kafka {str(there[table])[:300]}")


def acknowledged(files) -> tuple[collections.Counter, dict[str, set]]:
    counts, ids = collections.Counter(), collections.defaultdict(set)
    for file in files:
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            counts[entry["topic"]] += entry["records"]
            ids[entry["topic"]].update(entry["ids"])
    return counts, ids


def repeated_at_another_worker(workers: dict[str, Waybill]) -> int:
    """A request whose worker died before it could answer comes again at another one."""
    scans = [{"event_id": f"R-{i}", "event_time": "2026-01-01T00:00:00Z", "shipment_id": f"R-{i % 40}",
              "scan_type": "pickup", "hub_id": "H-1"} for i in range(300)]
    numbers = [{"Waybill-Producer": "77", "Waybill-Sequence": str(at)} for at in (0, 100, 200)]
    answers = [workers["a"].send("scans", scans[0:100], **numbers[0]), workers["b"].send("scans", scans[0:100], **numbers[0]),
               workers["b"].send("scans", scans[100:200], **numbers[1]), workers["a"].send("scans", scans[100:200], **numbers[1]),
               workers["a"].send("scans", scans[200:300], **numbers[2]), workers["c"].send("scans", scans[100:300], **numbers[1])]
    check("a producer's requests are taken by whichever worker gets them", all(status == 200 for status, _ in answers),
          [a[1] if a[0] != 200 else a[0] for a in answers])
    return 300


class WanderingProducer(threading.Thread):
    """Numbered scans, each request to any worker; one that died with its worker is repeated at any other."""

    def __init__(self, workers: dict[str, Waybill], chance: random.Random):
        super().__init__()
        self.workers, self.chance, self.sent, self.repeats, self.stopping = workers, chance, 0, 0, False

    def run(self):
        while not self.stopping:
            at = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            scans = [{"event_id": f"W-{i}", "event_time": at, "shipment_id": f"W-{i % 500}", "scan_type": "arrival", "hub_id": f"H-{i % 30}"}
                     for i in range(self.sent, self.sent + 40)]
            while True:
                worker = self.workers[self.chance.choice(NAMES)]
                try:
                    status, _ = worker.send("scans", scans, **{"Waybill-Producer": "78", "Waybill-Sequence": str(self.sent)})
                except OSError:
                    status = 0
                if status == 200:
                    break
                self.repeats += 1
                time.sleep(0.1)
            self.sent += len(scans)
            time.sleep(0.05)

    def finish(self) -> int:
        self.stopping = True
        self.join()
        print(f"      a producer that wanders between workers brought {self.sent} scans, with {self.repeats} repeats")
        return self.sent


def shake(workers: dict[str, Waybill], chance: random.Random, rounds: int):
    naps = set(chance.sample(range(1, rounds + 1), 2)) if rounds >= 4 else {rounds}
    for number in range(1, rounds + 1):
        time.sleep(chance.uniform(0.5, 4))
        name = chance.choice(NAMES)
        busy = [p["name"] for p in workers[name].request("/v1/status")[1]["pipelines"] if p.get("worker") == name]
        workers[name].kill()
        time.sleep(chance.choice([0, SESSION_S + 2]))
        ready_ms = workers[name].start(0, "--worker", name)
        print(f"      round {number}: killed {name}, which had {len(busy)} pipelines; ready again in {ready_ms:.0f} ms", flush=True)
        if number in naps:
            asleep = chance.choice(NAMES)
            os.kill(workers[asleep].process.pid, signal.SIGSTOP)
            time.sleep(SESSION_S + chance.uniform(2, 5))
            os.kill(workers[asleep].process.pid, signal.SIGCONT)
            print(f"      round {number}: {asleep} slept longer than its session", flush=True)


def everything_once(w: Waybill, counts: collections.Counter, ids: dict[str, set]):
    for topic in ("positions", "scans", "orders"):
        equal(f"bronze.{topic} holds each acknowledged record once", w.sql(f"SELECT count(*) FROM bronze.{topic}")[0][0], counts[topic])
        rows, places = w.sql(f"SELECT count(*), count(DISTINCT (_partition, _offset)) FROM bronze.{topic}")[0]
        equal(f"bronze.{topic} holds no record of the log twice", rows, places)
    for topic, key in {"positions": "(truck_id, event_time)", "scans": "event_id"}.items():
        distinct, rows = w.sql(f"SELECT count(DISTINCT {key}), count(*) FROM silver.{topic}")[0]
        equal(f"silver.{topic} holds each acknowledged id", distinct, len(ids[topic]))
        equal(f"silver.{topic} holds no id twice", rows, distinct)
    late = "WHERE event_id NOT IN (SELECT event_id FROM gold.hub_throughput_late)"
    try:
        w.sql("SELECT event_id FROM gold.hub_throughput_late LIMIT 1")
    except RuntimeError:
        late = ""
    batch = ("SELECT hub_id, time_bucket(INTERVAL '5 minutes', event_time) AS window_start, count(*) AS scans, "
             f"count(DISTINCT shipment_id) AS shipments FROM silver.scans {late} GROUP BY ALL")
    gold = "SELECT hub_id, window_start, scans, shipments FROM gold.hub_throughput"
    missing = w.sql(f"SELECT count(*) FROM ({batch} EXCEPT {gold})")[0][0]
    extra = w.sql(f"SELECT count(*) FROM ({gold} EXCEPT {batch})")[0][0]
    equal("gold.hub_throughput is DuckDB's result over silver", (missing, extra), (0, 0))
    latest = "SELECT shipment_id, max(event_time) FROM silver.scans GROUP BY 1"
    status = "SELECT shipment_id, event_time FROM gold.shipment_status"
    wrong = w.sql(f"SELECT (SELECT count(*) FROM ({latest} EXCEPT {status})), (SELECT count(*) FROM ({status} EXCEPT {latest}))")[0]
    equal("gold.shipment_status is DuckDB's result over silver", list(wrong), [0, 0])


def audited(w: Waybill):
    answer = {}
    for _ in range(10):
        status, answer = w.request("/v1/audit")
        if status == 200:
            break
        time.sleep(1)
    failed = [c for c in answer.get("checks", []) if not c["ok"]]
    check("waybill audit balances", answer.get("balanced") is True, failed or f"{len(answer.get('checks', []))} checks" if "checks" in answer else answer)


def exactly_once(kafka, rounds: int, seed: int):
    chance = random.Random(seed)
    first = on_kafka(Waybill(), kafka)
    workers = {"a": first, "b": Waybill(first.project), "c": Waybill(first.project)}
    loads, acks, wandering = [], [], None
    try:
        for name, w in workers.items():
            print(f"      worker {name} is ready in {w.start(0, '--worker', name):.0f} ms", flush=True)
        workers["a"].until("a share for each worker", lambda: len(
            {p.get("worker") for p in workers["a"].request("/v1/status")[1]["pipelines"]} & set(NAMES)) == 3, 60)
        own = repeated_at_another_worker(workers)
        began = time.time()
        for name, w in workers.items():
            acks.append(first.project / f"acks-{name}.jsonl")
            loads.append(subprocess.Popen(
                [str(BINARY), "simulate", "--to", w.url, "--trucks", "300", "--seed", str(seed % 1000 + len(acks)), "--rate", "300/s",
                 "--duration", f"{rounds * 9 + 20}s", "--ack-log", str(acks[-1])], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True))
        wandering = WanderingProducer(workers, random.Random(seed))
        wandering.start()
        shake(workers, chance, rounds)
        wandered = wandering.finish()
        print(f"      {rounds} rounds in {time.time() - began:.0f} s", flush=True)
        for load in loads:
            out, _ = load.communicate(timeout=900)
            equal("a load generator ends well", load.returncode, 0)
            print("      " + out.strip().replace("\n", "\n      "))
        workers["a"].settle(180)
        time.sleep(2)
        counts, ids = acknowledged(acks)
        counts["scans"] += own + wandered
        ids["scans"] |= {f"R-{i}" for i in range(own)} | {f"W-{i}" for i in range(wandered)}
        audited(workers["b"])
        for name in ("a", "b"):
            equal(f"worker {name} ends well", workers[name].stop(), 0)
        workers["c"].until("all work in one worker", lambda: {
            p["worker"] for p in workers["c"].request("/v1/status")[1]["pipelines"][:6]} == {"c"}, 60)
        workers["c"].settle(60)
        time.sleep(2)
        audited(workers["c"])
        equal("the last worker ends well", workers["c"].stop(), 0)
        workers["a"].start(0, "--worker", "a")
        everything_once(workers["a"], counts, ids)
    finally:
        if wandering:
            wandering.stopping = True
        for load in loads:
            if load.poll() is None:
                load.kill()
        for w in reversed(workers.values()):
            if w.process and w.process.poll() is None:
                os.kill(w.process.pid, signal.SIGCONT)
        if checks.failed:
            print((first.project / "up.log").read_text(errors="replace")[-6000:])
        for w in reversed(workers.values()):
            w.close()


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    print(f"{rounds} rounds, seed {seed}")
    for part in (lambda kafka: same_rows(kafka, seed), lambda kafka: exactly_once(kafka, rounds, seed)):
        kafka = kafka_peer.start()  # each with topics of its own
        try:
            part(kafka)
        finally:
            kafka.stop()
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
