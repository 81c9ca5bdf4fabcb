"""Title 2's acceptance by the clients of others: librdkafka's own tests, kcat, kafkajs, confluent-kafka, Java, garbage.

    accept_log.py KAFKA_SERVER [--waybill BINARY] [--only kcat,java] [--against-kafka] [--jobs 3]

Starts KAFKA_SERVER (tests/kafka_server) on folders of its own and runs every part; with --waybill the short parts
once more against `waybill up` with the default project; --against-kafka runs all of it against Apache Kafka itself,
the reference for the scripts. One line per check; ends in one line "N passed, N failed".
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import kafka_peer
import log_librdkafka
import log_peers

HERE = pathlib.Path(__file__).parent
PARTS = ("kcat", "kafkajs", "confluent", "java", "garbage", "librdkafka")
PARTS_OF_UP = ("kcat", "kafkajs", "confluent", "garbage")


class Process:
    """A server of ours that says where it listens; its output goes to a file."""

    def __init__(self, command, listening, name, also=None):
        self.also = also  # a folder that goes with it
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"accept-{name}-"))
        self.log = self.folder / "output.log"
        command = [part.format(folder=self.folder) for part in command]
        self.process = subprocess.Popen(command, stdout=open(self.log, "wb"), stderr=subprocess.STDOUT)
        self.bootstrap = self.wait_for(listening)
        self.pid = self.process.pid

    def wait_for(self, listening):
        end = time.time() + 60
        while time.time() < end and self.process.poll() is None:
            found = re.search(listening, self.log.read_text(errors="replace"))
            if found:
                return found.group(1)
            time.sleep(0.05)
        self.process.kill()
        raise RuntimeError("the server does not start:\n" + self.log.read_text(errors="replace")[-2000:])

    def stop(self):
        """Ends it; what is wrong with the way it ended, or nothing."""
        if self.process.poll() is not None:
            return f"it ended by itself with {self.process.returncode}:\n{self.log.read_text(errors='replace')[-2000:]}"
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return "it did not stop within 30 s of SIGTERM"
        if code != 0:
            return f"it stopped with {code}"
        for folder in filter(None, (self.folder, self.also)):
            shutil.rmtree(folder, ignore_errors=True)
        return ""


def kafka_server(binary, *more):
    return Process([binary, "{folder}/log", "--port", "0", "--partitions", "4", *more],
                   r"listening (127\.0\.0\.1:\d+)", "kafka-server")


def waybill_up(binary):
    project = pathlib.Path(tempfile.mkdtemp(prefix="accept-up-"))
    subprocess.run([binary, "init", project / "project"], check=True, capture_output=True)
    config = project / "project" / "waybill.yaml"
    text = config.read_text()
    for name in re.findall(r"127\.0\.0\.1:\d+", text):
        text = text.replace(name, f"127.0.0.1:{kafka_peer.free_port()}", 1)
    port = kafka_peer.free_port()
    text = re.sub(r"(?m)^(\s*kafka:\s*)\S+", rf"\g<1>127.0.0.1:{port}", text)
    config.write_text(text)
    command = [binary, "--project", str(project / "project"), "up", "--simulate", "50"]
    up = Process(command, r"is ready in (\S+)", "up", also=project)
    up.bootstrap = f"127.0.0.1:{port}"
    return up


class Reference:
    """Apache Kafka in the place of the server under test."""

    def __init__(self, **settings):
        self.kafka = kafka_peer.start(heap="1g", group_initial_rebalance_delay_ms="1000", **settings)
        self.bootstrap, self.pid, self.log = self.kafka.bootstrap, None, None

    def stop(self):
        self.kafka.stop()
        return ""


class Count:
    def __init__(self):
        self.passed = self.failed = 0

    def add(self, passed, failed):
        self.passed += passed
        self.failed += failed

    def check(self, name, wrong):
        print(f"FAILED {name}: {wrong}" if wrong else f"ok     {name}", flush=True)
        self.add(not wrong, bool(wrong))


def command_of(part, server):
    if part == "kafkajs":
        return ["node", HERE / "log_kafkajs.js", server.bootstrap]
    if part == "confluent":
        return [log_peers.confluent_python(), HERE / "log_confluent.py", server.bootstrap]
    command = [sys.executable, HERE / f"log_{part}.py", server.bootstrap]
    if part == "garbage" and server.pid:
        command += ["--pid", str(server.pid), "--log", server.log]
    return command


def run_part(part, server, count):
    """Runs one client's script and adds what its last line counts."""
    environment = {**os.environ, "NODE_PATH": str(log_peers.kafkajs() / "node_modules")}
    with subprocess.Popen(command_of(part, server), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env=environment) as running:
        line = ""
        for line in running.stdout:
            if not re.fullmatch(r"\d+ passed, \d+ failed\n", line):
                print(line, end="", flush=True)
    told = re.fullmatch(r"(\d+) passed, (\d+) failed\n", line)
    count.add(*map(int, told.groups())) if told else count.check(part, "it ended without a count")


def run_librdkafka(server, without_auto_create, jobs, count):
    passed, failed = log_librdkafka.run_all(server.bootstrap, without_auto_create.bootstrap, jobs=jobs)
    reasons = [test for test in log_librdkafka.read_list() if test.reason]
    print(f"librdkafka {log_peers.LIBRDKAFKA}: {len(passed)} of {len(passed) + len(failed)} numbers that need a broker; "
          f"{len(reasons)} are not run, each with its reason in {log_librdkafka.LIST.name}")
    count.add(len(passed), len(failed))


def run_against(start, parts, name, given, count):
    for part in parts:
        print(f"--- {part} on {name}", flush=True)
        server = start()
        try:
            if part == "librdkafka":
                second = start(without_auto_create=True)
                run_librdkafka(server, second, given.jobs, count)
                count.check(f"{name} without auto-create stops in order", second.stop())
            else:
                run_part(part, server, count)
        finally:
            count.check(f"{name} stops in order after {part}", server.stop())


def starter(given):
    if given.against_kafka:
        return lambda without_auto_create=False: Reference(
            **({"auto_create_topics_enable": "false"} if without_auto_create else {}))
    return lambda without_auto_create=False: kafka_server(
        given.kafka_server, *(["--no-auto-create"] if without_auto_create else []))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kafka_server", nargs="?")
    parser.add_argument("--waybill")
    parser.add_argument("--only", default="")
    parser.add_argument("--against-kafka", action="store_true")
    parser.add_argument("--jobs", type=int, default=3)
    given = parser.parse_args()
    log_peers.install()
    wanted = given.only.split(",") if given.only else PARTS
    count = Count()
    parts = [part for part in PARTS if part in wanted and not (part == "garbage" and given.against_kafka)]
    if given.kafka_server or given.against_kafka:
        run_against(starter(given), parts, "Kafka" if given.against_kafka else "kafka_server", given, count)
    if given.waybill:
        run_against(lambda: waybill_up(given.waybill), [p for p in PARTS_OF_UP if p in wanted], "waybill up", given, count)
    print(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
