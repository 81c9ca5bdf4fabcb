"""Apache Kafka beside us: one node in KRaft mode, from Maven Central.

    from kafka_peer import install, start
    install()                      # once; later calls answer at once
    kafka = start()                # a free port, a folder of its own
    kafka.bootstrap                # "127.0.0.1:PORT"
    kafka.kill(); kafka = kafka.restart()   # the same data again, as after a crash
    kafka.stop()                   # ends it and removes its folder

Needs java (17 or newer) and mvn. The jars are kept in $WAYBILL_PEERS, or ~/.cache/waybill-peers.
As a command: `kafka_peer.py install` prints the class path, `kafka_peer.py run [PORT]` runs until Ctrl-C.
"""

import base64
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

VERSION = "4.3.1"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>waybill</groupId><artifactId>kafka-peer</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""

def folder():
    root = os.environ.get("WAYBILL_PEERS") or pathlib.Path.home() / ".cache" / "waybill-peers"
    return pathlib.Path(root) / f"kafka-{VERSION}"


def say(text):
    print(f"kafka: {text}", flush=True)


def install():
    """The folder of jars, fetched when it is not there yet."""
    jars = folder() / "jars"
    if (folder() / "COMPLETE").exists():
        return jars
    for tool in ("java", "mvn"):
        if not shutil.which(tool):
            raise RuntimeError(f"{tool} is missing: apt-get install default-jdk-headless maven")
    folder().mkdir(parents=True, exist_ok=True)
    pom = folder() / "pom.xml"
    pom.write_text(POM.format(version=VERSION))
    say(f"fetching {VERSION} into {jars}")
    done = subprocess.run(
        ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={jars}",
         "-DincludeScope=runtime"], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("mvn could not fetch Kafka:\n" + done.stdout[-3000:] + done.stderr[-3000:])
    (folder() / "COMPLETE").write_text(VERSION + "\n")
    return jars


def java(main, *arguments, heap="256m"):
    """The command line of one of Kafka's classes, as a list for subprocess."""
    return ["java", f"-Xmx{heap}", "-XX:+UseG1GC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", f"{install()}/*", main, *arguments]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Kafka:
    """A running broker; bootstrap is where clients connect."""

    def __init__(self, port, data, process, heap, own):
        self.port, self.data, self.process, self.heap, self.own = port, data, process, heap, own
        self.bootstrap = f"127.0.0.1:{port}"

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        """kill -9; the data stay."""
        if self.alive():
            self.process.kill()
        self.process.wait()

    def restart(self):
        """The same data and port again, after kill()."""
        self.kill()
        self.process = launch(self.port, self.data, self.heap)
        return self

    def stop(self):
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.own:
            shutil.rmtree(self.data, ignore_errors=True)
        say("stopped")

    def cpu_seconds(self):
        """User and system time so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_bytes(self):
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0


def properties(port, controller, data, settings):
    lines = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": f"{data}/log",
        "num.partitions": "4",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "broker.session.timeout.ms": "2000",
        "broker.heartbeat.interval.ms": "500",
        "group.min.session.timeout.ms": "1000",
        **settings,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())


def launch(port, data, heap):
    out = open(data / "out.log", "ab")
    began = time.time()
    process = subprocess.Popen(java("kafka.Kafka", str(data / "server.properties"), heap=heap), stdout=out,
                               stderr=subprocess.STDOUT, cwd=data)
    while time.time() - began < 90:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), 0.5).close()
            say(f"{VERSION} on 127.0.0.1:{port} after {time.time() - began:.1f} s, pid {process.pid}")
            return process
        except OSError:
            time.sleep(0.1)
    process.kill()
    process.wait()
    raise RuntimeError("Kafka did not start:\n" + (data / "out.log").read_text()[-3000:])


def start(port=0, data=None, heap="512m", **settings):
    """A fresh broker on loopback; `settings` go into server.properties with _ as a dot."""
    own = data is None
    data = pathlib.Path(data) if data else pathlib.Path(tempfile.mkdtemp(prefix="kafka-peer-"))
    data.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    named = {key.replace("_", "."): value for key, value in settings.items()}
    config = data / "server.properties"
    config.write_text(properties(port, free_port(), data, named))
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    done = subprocess.run(java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c", str(config)),
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError("Kafka's StorageTool failed:\n" + done.stdout[-2000:] + done.stderr[-2000:])
    return Kafka(port, data, launch(port, data, heap), heap, own)


def main():
    if sys.argv[1:2] == ["install"]:
        print(f"{install()}/*")
    elif sys.argv[1:2] == ["run"]:
        kafka = start(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
        try:
            kafka.process.wait()
        except KeyboardInterrupt:
            kafka.stop()
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
