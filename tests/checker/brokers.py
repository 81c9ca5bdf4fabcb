"""The broker under test as a process: Waybill's kafka_server, or Apache Kafka."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class BrokerDied(RuntimeError):
    pass


class WaybillBroker:
    """tests/kafka_server on a folder of its own. `bug` is for builds with WAYBILL_FAULTS."""

    markers_max = 1
    ready_seconds = 20

    def __init__(self, server, bug=None):
        self.server, self.bug = server, bug
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-checker-"))
        self.port = free_port()
        self.advertised_port = self.port
        self.process = None
        self.starts = 0

    def start(self):
        environment = dict(os.environ)
        environment.pop("WAYBILL_BUG", None)
        if self.bug:
            environment["WAYBILL_BUG"] = self.bug
        self.starts += 1
        with open(self.folder / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.server, str(self.folder / "log"), "--port", str(self.port),
                 "--advertise-port", str(self.advertised_port)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        self.wait()

    def wait(self):
        deadline = time.monotonic() + self.ready_seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise BrokerDied(f"the broker ended with status {self.process.returncode}:\n{self.tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.5).close()
                return
            except OSError:
                time.sleep(0.005)
        raise BrokerDied(f"the broker does not listen after {self.ready_seconds} s:\n{self.tail()}")

    def tail(self):
        return (self.folder / "server.log").read_text(errors="replace")[-2500:]

    def check_alive(self):
        if self.process.poll() is not None:
            raise BrokerDied(f"the broker ended by itself with status {self.process.returncode}:\n{self.tail()}")

    def kill(self):
        self.check_alive()
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, keep=False):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)


class KafkaBroker(WaybillBroker):
    """Apache Kafka, to check the checker: it must find nothing there."""

    markers_max = 4
    ready_seconds = 90

    def __init__(self):
        super().__init__(None)
        self.kafka = None

    def start(self):
        import kafka_peer
        self.starts += 1
        if self.kafka is None:
            inside, controller = free_port(), free_port()        # its own connections do not go through the proxy
            self.kafka = kafka_peer.start(
                self.port, self.folder / "kafka",
                listeners=f"PLAINTEXT://127.0.0.1:{self.port},INSIDE://127.0.0.1:{inside},"
                          f"CONTROLLER://127.0.0.1:{controller}",
                advertised_listeners=f"PLAINTEXT://127.0.0.1:{self.advertised_port},INSIDE://127.0.0.1:{inside}",
                controller_quorum_voters=f"1@127.0.0.1:{controller}", inter_broker_listener_name="INSIDE",
                listener_security_protocol_map="PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
                transaction_max_timeout_ms="60000")
        else:
            self.kafka.restart()
        self.process = self.kafka.process

    def tail(self):
        return (self.folder / "kafka" / "out.log").read_text(errors="replace")[-2500:]
