"""The event log's figures beside Apache Kafka's: one run, one client (librdkafka's), each server alone at a time.

    log_kafka.py KAFKA_SERVER BENCH_LOG BENCH_LATENCY [--rounds 3] [--only waybill,kafka,kafka_synced] [--scale 1.0] [--no-partitions]

Prints lines `figure <name> <value> <unit> peer <name> <value> ratio <ours/theirs>`, medians of the rounds.
`kafka` is Apache Kafka as shipped, which acknowledges before anything is synced; `kafka_synced` is the same with
log.flush.interval.messages=1, the like-for-like of Waybill's durable acknowledgement. BENCH_LOG then adds the figures
of the log alone, without a network.
"""
import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "tests" / "interop"))
import kafka_peer  # noqa: E402
import log_peers  # noqa: E402

PRODUCE = (("100B", 100, 1, 1_500_000), ("100B", 100, 8, 1_600_000), ("1KiB", 1024, 1, 400_000),
           ("1KiB", 1024, 8, 480_000))
LATENCY_RATE, LATENCY_SECONDS = 10_000, 6
TOPICS_OF_2000, PARTITIONS_OF_EACH = 4, 500
NAMES = ("waybill", "kafka", "kafka_synced")
PARTITIONS_SCRIPT = """
import json, sys, time
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
bootstrap, topics, partitions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
names = [f"wide-{i}" for i in range(topics)]
began = time.time()
admin = AdminClient({"bootstrap.servers": bootstrap})
for future in admin.create_topics([NewTopic(name, partitions, 1) for name in names], request_timeout=120,
                                  operation_timeout=120).values():
    future.result(150)
created = time.time() - began
failed = []
producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
for name in names:
    for p in range(partitions):
        producer.produce(name, b"x" * 100, partition=p, on_delivery=lambda error, _: failed.append(error) if error else None)
left = producer.flush(120)
assert not left and not failed, (left, failed[:1])
print(json.dumps({"created": created, "written": time.time() - began - created}))
"""


def request(api, version, body):
    frame = struct.pack(">hhih", api, version, 1, -1) + body
    return struct.pack(">i", len(frame)) + frame


def metadata_answered(port, topic):
    """The broker answers Metadata and, where a topic is named, leads all of its partitions."""
    name = topic.encode()
    body = struct.pack(">ih", 1, len(name)) + name if topic else struct.pack(">i", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as s:
            s.settimeout(5)
            s.sendall(request(3, 4, body + b"\0"))
            answer = s.makefile("rb")
            data = answer.read(struct.unpack(">i", answer.read(4))[0])
    except (OSError, struct.error):
        return False
    if not topic:
        return struct.unpack_from(">i", data, 8)[0] == 1  # one broker
    return led_by_somebody(data, data.index(name) + len(name) + 1)


def led_by_somebody(data, at):
    """The partitions of a Metadata answer (version 4) from `at` on: none has an error."""
    count = struct.unpack_from(">i", data, at)[0]
    at += 4
    for _ in range(count):
        error, _, _, replicas = struct.unpack_from(">hiii", data, at)
        synced = struct.unpack_from(">i", data, at + 14 + 4 * replicas)[0]
        at += 18 + 4 * (replicas + synced)
        if error != 0:
            return False
    return count > 0


class Waybill:
    def __init__(self, binary):
        self.binary, self.data = binary, tempfile.mkdtemp(prefix="bench-log-")
        self.port = kafka_peer.free_port()
        self.launch()

    def launch(self):
        self.process = subprocess.Popen(
            [self.binary, f"{self.data}/log", "--port", str(self.port), "--partitions", "4", "--log-level", "warning"],
            stdout=subprocess.DEVNULL)
        self.pid = self.process.pid

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        self.launch()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
        shutil.rmtree(self.data, ignore_errors=True)


class Kafka:
    def __init__(self, **settings):
        self.kafka = kafka_peer.start(heap="1g", **settings)
        self.port, self.pid = self.kafka.port, self.kafka.pid

    def kill(self):
        self.kafka.kill()

    def restart(self):
        self.kafka.restart()
        self.pid = self.kafka.pid

    def stop(self):
        self.kafka.stop()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid, field="VmRSS"):
    """VmRSS is all that is resident, files that are mapped included; RssAnon is what only the process has."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(field + r":\s+(\d+)", status).group(1)) / 1024


class Bench:
    def __init__(self, given):
        self.given = given
        self.tool = str(log_peers.librdkafka() / "rdkafka_performance")
        self.python = str(log_peers.confluent_python())
        self.figures = collections.defaultdict(lambda: collections.defaultdict(list))  # name: server: values
        self.units = {}

    def note(self, server, name, value, unit):
        self.figures[name][server].append(value)
        self.units[name] = unit

    def start(self, name):
        """A fresh server; notes the time from its process's start until it answers."""
        if name == "waybill":
            began = time.time()
            server = Waybill(self.given.kafka_server)
        else:
            started = []
            launch = kafka_peer.launch

            def timed(*arguments):
                started.append(time.time())
                return launch(*arguments)
            kafka_peer.launch = timed
            try:
                server = Kafka(**({"log_flush_interval_messages": "1"} if name == "kafka_synced" else {}))
            finally:
                kafka_peer.launch = launch
            began = started[0]
        self.wait_ready(server, "")
        self.note(name, "start_fresh", (time.time() - began) * 1000, "ms")
        return server

    @staticmethod
    def wait_ready(server, topic):
        end = time.time() + 120
        while not metadata_answered(server.port, topic):
            if time.time() > end:
                raise RuntimeError("the server does not answer")
            time.sleep(0.005)

    def perf(self, server, *arguments):
        return subprocess.Popen([self.tool, "-b", f"127.0.0.1:{server.port}", *map(str, arguments)],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def memory(self, name, server, when):
        self.note(name, f"memory_{when}", memory_mb(server.pid), "MB")
        self.note(name, f"memory_{when}_without_mapped_files", memory_mb(server.pid, "RssAnon"), "MB")

    def produce(self, name, server, label, size, producers, count):
        """Acknowledged messages per second, all producers together, and the broker's CPU for them."""
        topic, each = f"{label}-{producers}", int(count * self.given.scale) // producers
        self.perf(server, "-P", "-t", topic, "-s", size, "-c", 100, "-a", -1, "-q").communicate(timeout=60)
        cpu, began = cpu_seconds(server.pid), time.time()
        running = [self.perf(server, "-P", "-t", topic, "-s", size, "-c", each, "-a", -1, "-q")
                   for _ in range(producers)]
        told = [process.communicate(timeout=180)[0] for process in running]
        wall = time.time() - began
        for text in told:
            found = re.search(r"(\d+) messages produced \(\d+ bytes\), (\d+) delivered \(offset -?\d+, (\d+) failed\)", text)
            assert found and int(found.group(2)) == each and found.group(3) == "0", text[-500:]
        if producers == 1:  # its own clock, without the start of the process
            wall = float(re.search(r"failed\) in (\d+)ms", told[0]).group(1)) / 1000
        total = each * producers
        word = f"produce_{label}_{producers}_producer" + "s" * (producers > 1)
        self.note(name, word, total / wall, "msg/s")
        self.note(name, word + "_bytes", total * size / wall / 1e6, "MB/s")
        self.note(name, f"broker_cpu_{word}", (cpu_seconds(server.pid) - cpu) / total * 1e6, "s/million")

    def fetch(self, name, server, label, size, count):
        """Reads what eight producers wrote, all partitions."""
        cpu, count = cpu_seconds(server.pid), int(count * self.given.scale) // 8 * 8
        reader = self.perf(server, "-C", "-t", f"{label}-8", "-p", 0, "-p", 1, "-p", 2, "-p", 3, "-o", "beginning", "-c",
                           count, "-q", "-X", "check.crcs=false")
        text = reader.communicate(timeout=180)[0]
        found = re.findall(r"(\d+) messages \((\d+) bytes\) consumed in (\d+)ms", text)[-1]
        assert int(found[0]) >= count, text[-300:]
        self.note(name, f"fetch_{label}", int(found[1]) / int(found[2]) / 1000, "MB/s")
        self.note(name, f"broker_cpu_fetch_{label}", (cpu_seconds(server.pid) - cpu) / count * 1e6, "s/million")

    def latency(self, name, server):
        """From produce() to the consumer's hands at a steady rate, acks=all."""
        seconds = max(2, LATENCY_SECONDS * self.given.scale)
        cpu = cpu_seconds(server.pid)
        text = subprocess.run([self.given.bench_latency, f"127.0.0.1:{server.port}", "latency", str(LATENCY_RATE),
                               str(seconds)], capture_output=True, text=True, timeout=120)
        told = re.fullmatch(r"sent (\d+) seen (\d+) rate (\d+) p50 ([\d.]+) p99 ([\d.]+)\n", text.stdout)
        assert told and told.group(1) == told.group(2), text.stdout + text.stderr[-500:]
        self.note(name, "broker_cpu_at_10k_per_s", (cpu_seconds(server.pid) - cpu) / int(told.group(1)) * 1e6, "s/million")
        self.note(name, "end_to_end_rate", float(told.group(3)), "msg/s")
        self.note(name, "end_to_end_p50", float(told.group(4)), "ms")
        self.note(name, "end_to_end_p99", float(told.group(5)), "ms")

    def recovery(self, name, server):
        """kill -9 with everything that the round wrote, until the topic is served again."""
        server.kill()
        began = time.time()
        server.restart()
        self.wait_ready(server, "1KiB-8")
        self.note(name, "start_after_kill_with_1GB", (time.time() - began) * 1000, "ms")

    def round(self, name, produce_only=False):
        server = self.start(name)
        try:
            self.memory(name, server, "idle")
            for case in PRODUCE:
                self.produce(name, server, *case)
            if produce_only:
                return
            for label, size, producers, count in PRODUCE:
                if producers == 8:
                    self.fetch(name, server, label, size, count)
            self.latency(name, server)
            self.memory(name, server, "after_load")
            self.recovery(name, server)
        finally:
            server.stop()

    def partitions(self, name):
        server = self.start(name)
        try:
            done = subprocess.run(
                [self.python, "-c", PARTITIONS_SCRIPT, f"127.0.0.1:{server.port}", str(TOPICS_OF_2000),
                 str(PARTITIONS_OF_EACH)], capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, done.stderr[-500:]
            told = json.loads(done.stdout)
            self.note(name, "create_2000_partitions", told["created"] * 1000, "ms")
            self.note(name, "write_to_2000_partitions", told["written"] * 1000, "ms")
            self.memory(name, server, "2000_partitions")
            server.kill()
            began = time.time()
            server.restart()
            self.wait_ready(server, f"wide-{TOPICS_OF_2000 - 1}")
            self.note(name, "start_after_kill_with_2000_partitions", (time.time() - began) * 1000, "ms")
        finally:
            server.stop()

    def show(self):
        for name, by_server in self.figures.items():
            median = {server: statistics.median(values) for server, values in by_server.items()}
            mine = median.get("waybill")
            peers = [server for server in NAMES[1:] if server in median]
            if mine is None:
                for server in peers:
                    print(f"figure {server}_{name} {number(median[server])} {self.units[name]}")
                continue
            if not peers:
                print(f"figure {name} {number(mine)} {self.units[name]}")
            for server in peers:
                print(f"figure {name} {number(mine)} {self.units[name]} peer {server} {number(median[server])} "
                      f"ratio {mine / median[server]:.2f}" if median[server] else f"figure {name} {number(mine)}")


def number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kafka_server")
    parser.add_argument("bench_log")
    parser.add_argument("bench_latency")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of messages")
    parser.add_argument("--no-partitions", action="store_true", help="leave the 2 000 partitions out")
    given = parser.parse_args()
    began, wanted = time.time(), given.only.split(",")
    log_peers.install()
    bench = Bench(given)
    for turn in range(given.rounds):
        for name in ("waybill", "kafka"):
            if name in wanted:
                bench.round(name)
        if "kafka_synced" in wanted and turn == 0:
            bench.round("kafka_synced", produce_only=True)
    for name in ("waybill", "kafka"):
        if name in wanted and not given.no_partitions:
            bench.partitions(name)
    bench.show()
    with open("/proc/loadavg") as load:
        print(f"load average {load.read().split()[0]}, {time.time() - began:.0f} s", flush=True)
    return subprocess.run([given.bench_log]).returncode


if __name__ == "__main__":
    sys.exit(main())
