"""kill -9 at random moments under load: nothing acknowledged is lost, nothing is doubled. R8.2, R5.4.

    accept_crash.py [ROUNDS] [SEED] [--kafka]

The load generator repeats what was not acknowledged, with the same producer and sequence, so at the
end everything that it made is acknowledged, and bronze must hold exactly that. Beside the shipped
models and patterns the project has composed ones: groups, a join of two topics, a chain, and one
that runs at times. With --kafka its log is an Apache Kafka, which stays up (tests/interop/kafka_peer.py).
"""

import collections
import datetime
import json
import pathlib
import random
import subprocess
import sys
import threading
import time

from running import BINARY, Checks, Waybill

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import kafka_peer  # noqa: E402

SESSION_S = 3
HEADER = "---\ntable: {}\nmode: {}\ntime: event_time\n{}---\n{}\n"
COMPOSED = {
    "gold.hub_kinds": ("streaming", "key: [hub_id, scan_type]\n", """
        SELECT hub_id, scan_type, count(*) AS scans, min(event_time) AS oldest, max(event_time) AS newest
        FROM silver.scans GROUP BY hub_id, scan_type"""),
    "gold.kinds": ("streaming", "key: [scan_type]\n", """
        SELECT scan_type, count(*) AS hubs, CAST(sum(scans) AS BIGINT) AS scans FROM gold.hub_kinds GROUP BY scan_type"""),
    "silver.ordered": ("streaming", "watermark: 2 days\n", """
        SELECT s.event_id, o.order_id, o.customer FROM silver.scans s JOIN silver.orders o
        ON s.shipment_id = o.shipment_id
        AND s.event_time BETWEEN o.event_time - INTERVAL '1 hour' AND o.event_time + INTERVAL '1 day'"""),
    "gold.truck_counts": ("every 2 seconds", "key: [truck_id]\n", """
        SELECT truck_id, count(*) AS positions, max(event_time) AS newest FROM silver.positions GROUP BY truck_id"""),
}
PATTERNS = ("gold.wrong_hubs", "gold.stuck_trucks", "gold.missed_scans")


def add_models(w: Waybill):
    for table, (mode, header, sql) in COMPOSED.items():
        layer, name = table.split(".")
        (w.project / f"models/{layer}/{name}.sql").write_text(HEADER.format(table, mode, header, sql.strip()))


def on_kafka(w: Waybill, kafka):
    settings = w.project / "waybill.yaml"
    settings.write_text(f"log: kafka://{kafka.bootstrap}\nworkers:\n  session: {SESSION_S} seconds\n" + settings.read_text())


def side_by_side(w: Waybill, models: int):
    settings = w.project / "waybill.yaml"
    settings.write_text(f"parallelism: {models}\n" + settings.read_text())


def acknowledged(file) -> tuple[collections.Counter, dict[str, set]]:
    counts, ids = collections.Counter(), collections.defaultdict(set)
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        counts[entry["topic"]] += entry["records"]
        ids[entry["topic"]].update(entry["ids"])
    return counts, ids


class Scanner(threading.Thread):
    """Numbered scans and orders; a request that got no answer is repeated with its number."""

    def __init__(self, w: Waybill, chance: random.Random):
        super().__init__()
        self.w, self.chance, self.scans, self.orders, self.repeats, self.stopping = w, chance, 0, 0, 0, False

    def send(self, topic: str, producer: str, sequence: int, records: list):
        while True:
            try:
                status, _ = self.w.send(topic, records, **{"Waybill-Producer": producer, "Waybill-Sequence": str(sequence)})
            except OSError:
                status = 0
            if status == 200:
                return
            self.repeats += 1
            time.sleep(0.1)

    def run(self):
        while not self.stopping:
            at = datetime.datetime.now(datetime.timezone.utc)
            when, promised = (t.isoformat(timespec="milliseconds").replace("+00:00", "Z") for t in (at, at + datetime.timedelta(days=2)))
            orders = [{"order_id": f"WO-{i}", "event_time": when, "shipment_id": f"W-{i}", "customer": f"c{i % 7}", "promised_at": promised}
                      for i in range(self.orders, self.orders + 4)]
            self.send("orders", "78", self.orders, orders)
            self.orders += len(orders)
            scans = [{"event_id": f"W-{i}", "event_time": when, "shipment_id": f"W-{self.chance.randrange(self.orders)}",
                      "scan_type": self.chance.choice(["pickup", "arrival", "departure", "delivered"]), "hub_id": f"H-{self.chance.randrange(6)}"}
                     for i in range(self.scans, self.scans + 40)]
            self.send("scans", "79", self.scans, scans)
            self.scans += len(scans)
            time.sleep(0.1)

    def finish(self):
        self.stopping = True
        self.join()
        print(f"      beside it {self.scans} scans and {self.orders} orders, with {self.repeats} repeats")


def shake(w: Waybill, rounds: int, chance: random.Random, acks: pathlib.Path, checks: Checks):
    load = subprocess.Popen([str(BINARY), "simulate", "--to", w.url, "--trucks", "2000", "--rate", "4000/s",
                             "--duration", f"{rounds * 3 + 5}s", "--ack-log", str(acks)],
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    scanner = Scanner(w, random.Random(chance.random()))
    scanner.start()
    try:
        for number in range(rounds):
            time.sleep(chance.uniform(0.3, 3.0))
            w.kill()
            time.sleep(chance.uniform(0, 0.3))
            ready_ms = w.start(0)
            print(f"      round {number + 1}: killed, ready again in {ready_ms:.0f} ms", flush=True)
        out, _ = load.communicate(timeout=rounds * 10 + 600)
    finally:
        if load.poll() is None:
            load.kill()
        scanner.finish()
    checks.equal("the load generator ends well", load.returncode, 0)
    print("      " + out.strip().replace("\n", "\n      "))
    counts, ids = acknowledged(acks)
    counts.update(scans=scanner.scans, orders=scanner.orders)
    ids["scans"] |= {f"W-{i}" for i in range(scanner.scans)}
    return counts, ids


def bronze_and_silver(w: Waybill, counts, ids, checks: Checks):
    key_of = {"positions": "(truck_id, event_time)", "scans": "event_id", "orders": "order_id"}
    for topic in key_of:
        checks.equal(f"bronze.{topic} holds each acknowledged record once",
                     w.sql(f"SELECT count(*) FROM bronze.{topic}")[0][0], counts[topic])
    for topic in ("positions", "scans"):
        distinct, rows = w.sql(f"SELECT count(DISTINCT {key_of[topic]}), count(*) FROM silver.{topic}")[0]
        checks.equal(f"silver.{topic} holds each acknowledged id", distinct, len(ids[topic]))
        checks.equal(f"silver.{topic} holds no id twice", rows, distinct)
    kept = {row[0] for row in w.sql("SELECT DISTINCT event_id FROM silver.scans")}
    checks.equal("no acknowledged scan is missing", len(ids["scans"] - kept), 0)


def composed(w: Waybill, checks: Checks):
    for table, (_, _, sql) in COMPOSED.items():
        columns = {"silver.ordered": "event_id, order_id, customer"}.get(table, "*")
        have = f"SELECT {columns} FROM {table}"
        lost, extra = (w.sql(f"SELECT count(*) FROM (({a}) EXCEPT ALL ({b}))")[0][0] for a, b in ((sql, have), (have, sql)))
        rows = w.sql(f"SELECT count(*) FROM {table}")[0][0]
        checks.check(f"{table} is DuckDB's answer over all rows", lost == extra == 0 and rows > 0, f"{rows} rows, missing {lost}, too many {extra}")


def patterns(w: Waybill, checks: Checks):
    compared = 0
    for table in PATTERNS:
        rows, distinct = w.sql(f"SELECT count(*), count(DISTINCT match_id) FROM {table}")[0]
        checks.equal(f"{table} holds no match twice", rows, distinct)
        late = w.sql(f"SELECT count(*) FROM {table}_late")[0][0]
        if late > 0:  # history has those rows too
            print(f"      {table}: {late} late rows, not compared with history")
            continue
        history = json.loads(w.run("patterns", "run", table, "--json", "--limit", "1000000").stdout)
        here = {row[0] for row in w.sql(f"SELECT match_id FROM {table}")}
        missing = [match for match in history if match["match_id"] not in here]
        checks.check(f"{table} has every match of its history", not missing, f"{len(history)} matches, {len(missing)} missing")
        compared += 1
    checks.check("a pattern without late rows is compared with its history", compared > 0, f"{compared} of {len(PATTERNS)}")


def lookups(w: Waybill, chance: random.Random, checks: Checks):
    for lookup, table, key in (("shipments", "gold.shipment_status", "shipment_id"), ("trucks", "gold.truck_latest", "truck_id")):
        rows = w.sql(f"SELECT {key}, CAST(epoch_us(event_time) AS VARCHAR), hub_id FROM {table}" if lookup == "shipments"
                     else f"SELECT {key}, CAST(epoch_us(event_time) AS VARCHAR), status FROM {table}")
        chosen = chance.sample(rows, min(60, len(rows)))
        wrong = []
        for identity, _, value in chosen:
            status, answer = w.request(f"/v1/{lookup}/{identity}")
            if status != 200 or answer["hub_id" if lookup == "shipments" else "status"] != value:
                wrong.append((identity, status, answer))
        checks.check(f"look-ups of {lookup} give the rows of {table}", chosen and not wrong, wrong[:2] or len(chosen))


def everything(w: Waybill, counts, ids, chance: random.Random, checks: Checks):
    w.settle(300)
    time.sleep(4)  # the model that runs at times has its turn
    w.settle(60)
    checks.equal("it ends well", w.stop(), 0)  # rewrites what was put off
    w.start(0)
    w.settle(60)
    time.sleep(2)
    bronze_and_silver(w, counts, ids, checks)
    composed(w, checks)
    patterns(w, checks)
    lookups(w, chance, checks)
    audit = w.run("audit", check=False) if "log:" not in (w.project / "waybill.yaml").read_text() else None
    if audit is not None:
        if not checks.check("waybill audit balances", audit.returncode == 0, audit.stdout.strip().splitlines()[-1]):
            print(audit.stdout)
        return
    answer = w.until("an audit", lambda: (lambda status, body: body if status == 200 else None)(*w.request("/v1/audit")), 60)
    failed = [one for one in answer["checks"] if not one["ok"]]
    checks.check("waybill audit balances", answer["balanced"] is True, failed or f"{len(answer['checks'])} checks")


def main() -> int:
    plain = [argument for argument in sys.argv[1:] if argument != "--kafka"]
    rounds = int(plain[0]) if plain else 25
    seed = int(plain[1]) if len(plain) > 1 else random.randrange(1 << 30)
    chance, checks = random.Random(seed), Checks()
    kafka = kafka_peer.start() if "--kafka" in sys.argv else None
    models = chance.choice([1, 2])
    print(f"{rounds} rounds {'on Apache Kafka' if kafka else 'on the embedded log'}, {models} models side by side, seed {seed}", flush=True)
    try:
        with Waybill() as w:
            add_models(w)
            side_by_side(w, models)
            if kafka:
                on_kafka(w, kafka)
            w.start(0)
            counts, ids = shake(w, rounds, chance, w.project / "acks.jsonl", checks)
            everything(w, counts, ids, chance, checks)
            if checks.failed:
                print((w.project / "up.log").read_text(errors="replace")[-4000:])
    finally:
        if kafka:
            kafka.stop()
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
