"""Acceptance through the Kafka door of `waybill up`: records of Kafka clients become rows.

confluent-kafka (librdkafka) and kcat produce scans to the project's topic; SQL shows them in bronze, silver and
gold; what does not fit goes to the dead letters with its bytes; what came over HTTP is read by a Kafka consumer;
the project's topics cannot be deleted by clients; lag is in /metrics; a restart forgets nothing.
"""
import json
import subprocess
import sys
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from running import Checks, Waybill

checks = Checks()
check, equal = checks.check, checks.equal
SCANS = 1000


def now(offset_s: float = 0) -> str:
    t = time.time() + offset_s
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t % 1 * 1000):03d}Z"


def scan(number: int, hub: str) -> dict:
    return {"event_id": f"kafka-{hub}-{number}", "event_time": now(), "shipment_id": f"S-{number % 97}",
            "scan_type": "arrival", "hub_id": hub}


def count(w: Waybill, table: str, hub: str) -> int:
    return w.sql(f"SELECT count(*) FROM {table} WHERE hub_id = '{hub}'")[0][0]


def produced_records_become_rows(w: Waybill):
    failures = []
    producer = Producer({"bootstrap.servers": w.brokers, "enable.idempotence": True, "compression.type": "lz4", "linger.ms": 5})
    for number in range(SCANS):
        record = scan(number, "KAFKA")
        producer.produce("scans", json.dumps(record).encode(), key=record["shipment_id"].encode(),
                         on_delivery=lambda error, _message: failures.append(error) if error else None)
    left = producer.flush(30)
    check(f"{SCANS} scans are acknowledged to an idempotent producer with LZ4", left == 0 and not failures, failures[:1])
    lines = "\n".join(f"{r['shipment_id']}|{json.dumps(r)}" for r in (scan(n, "KCAT") for n in range(100)))
    done = subprocess.run(["kcat", "-b", w.brokers, "-P", "-t", "scans", "-K", "|", "-z", "zstd"], input=lines, text=True,
                          capture_output=True, timeout=60)
    check("kcat produces 100 scans with zstd", done.returncode == 0, done.stderr.strip()[-200:])
    w.until("the scans' way to silver", lambda: count(w, "silver.scans", "KAFKA") == SCANS and count(w, "silver.scans", "KCAT") == 100)
    equal("bronze holds each once", (count(w, "bronze.scans", "KAFKA"), count(w, "bronze.scans", "KCAT")), (SCANS, 100))
    equal("SQL finds no id twice", w.sql("SELECT count(*) - count(DISTINCT event_id) FROM silver.scans")[0][0], 0)
    w.until("the scans' way to gold", lambda: w.sql("SELECT sum(scans) FROM gold.hub_throughput WHERE hub_id = 'KAFKA'")[0][0] == SCANS)
    check("gold counts them", True)


def bad_records_are_dead_letters(w: Waybill):
    producer = Producer({"bootstrap.servers": w.brokers})
    producer.produce("scans", b"no JSON at all", key=b"k")
    producer.produce("scans", json.dumps({"event_id": "bad-type", "event_time": 17, "shipment_id": "S"}).encode())
    check("records that do not fit are acknowledged: they are the log's", producer.flush(30) == 0)
    w.until("the dead letters", lambda: w.sql("SELECT count(*) FROM dead_letters")[0][0] >= 2)
    raw = [row[0] for row in w.sql("SELECT raw FROM dead_letters")]
    check("dead letters keep the bytes", any("no JSON at all" in text for text in raw) and any("bad-type" in text for text in raw), raw)


def http_records_are_read_by_a_consumer(w: Waybill):
    w.send("scans", [scan(number, "HTTP") for number in range(50)])
    consumer = Consumer({"bootstrap.servers": w.brokers, "group.id": "reader", "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe(["scans"])
    hubs, end = [], time.time() + 30
    while len(hubs) < SCANS + 152 and time.time() < end:
        for message in consumer.consume(1000, 0.5):
            value = message.value()
            hubs.append(json.loads(value).get("hub_id") if value.startswith(b"{") else None)
    equal("a consumer group reads what came over HTTP and Kafka", (hubs.count("HTTP"), hubs.count("KAFKA"), hubs.count("KCAT")), (50, SCANS, 100))
    consumer.commit(asynchronous=False)
    consumer.close()
    w.until("the lag in /metrics", lambda: 'waybill_consumer_lag_records{group="reader"' in metrics(w), 20)
    check("/metrics has the group's lag", True)
    text = metrics(w)
    check("/metrics counts Kafka's calls", 'waybill_kafka_requests_total{api="Produce",error="NONE"}' in text)


def metrics(w: Waybill) -> str:
    return w.request("/metrics")[1]


def topics_of_the_project_are_kept(w: Waybill):
    admin = AdminClient({"bootstrap.servers": w.brokers})
    try:
        admin.delete_topics(["scans"])["scans"].result(20)
        check("the project's topics cannot be deleted", False)
    except KafkaException as error:
        check("the project's topics cannot be deleted", error.args[0].code() == KafkaError.POLICY_VIOLATION, error.args[0].str())
    settings = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, "scans")])
    retention = [f.result(20)["retention.ms"].value for f in settings.values()]
    equal("settings are shown by Kafka's names", retention, [str(7 * 86_400_000)])


def a_restart_forgets_nothing(w: Waybill):
    w.kill()
    w.start()
    consumer = Consumer({"bootstrap.servers": w.brokers, "group.id": "reader", "auto.offset.reset": "earliest"})
    consumer.subscribe(["scans"])
    w.send("scans", [scan(5000, "AFTER")])
    got, end = [], time.time() + 30
    while not got and time.time() < end:
        got = consumer.consume(10, 0.5)
    equal("after kill -9 the group goes on where it was", [json.loads(m.value())["hub_id"] for m in got], ["AFTER"])
    consumer.close()


def main() -> int:
    with Waybill() as w:
        w.brokers = f"127.0.0.1:{w.kafka_port}"
        w.start()
        said = (w.project / "up.log").read_text()
        check("waybill up names the Kafka door", f"Kafka {w.brokers}" in said)
        equal("data/waybill.json names it", json.loads((w.project / "data/waybill.json").read_text())["kafka"], w.brokers)
        produced_records_become_rows(w)
        bad_records_are_dead_letters(w)
        http_records_are_read_by_a_consumer(w)
        topics_of_the_project_are_kept(w)
        a_restart_forgets_nothing(w)
        equal("it stops cleanly", w.stop(), 0)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
