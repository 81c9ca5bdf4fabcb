"""Figures of the whole way on one machine: ingest, bronze to gold, latency, memory, start.

    first.py [PART...]     parts: ingest stream live (all of them when none is named)

Prints `figure NAME VALUE UNIT` lines, each followed by its aim and by what it was taken from. A missed
aim is no failure: the exit status is 1 only when a figure could not be taken.
"""

import array
import collections
import contextlib
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import psycopg
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from running import BINARY, Waybill  # noqa: E402 - found by the line above

WORLD = [-180, -85, 180, 85]
TRUCKS = 100_000
WARM_UP_S = 10  # each truck speaks every 10 s: until then most of what comes is new trucks
PROBES = 120
PROBE_EVERY_S = 0.25
PROBE_TRUCK = "PROBE-1"
AIMS = {  # on a machine of its own
    "acknowledged_http": (">=", 100_000),
    "bronze_to_gold": (">=", 300_000),
    "event_to_socket_p99": ("<", 500),
    "event_to_sql_p99": ("<", 3000),
    "memory_100k_trucks": ("<", 600),
    "start_to_ready": ("<", 1000),
    "start_to_ready_after_kill": ("<", 1000),
}


def figure(name: str, value: float, unit: str):
    print(f"figure {name} {value:.0f} {unit}", flush=True)
    print_aim(name, value, unit)


def print_aim(name: str, value: float, unit: str):
    if name in AIMS:
        sign, aim = AIMS[name]
        reached = value < aim if sign == "<" else value >= aim
        print(f"  aim {sign} {aim} {unit}: {'reached' if reached else 'missed'}", flush=True)


def quantile(values: list[float], share: float) -> float:
    """Nearest rank."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def figures_of(name: str, values: list[float], least: int):
    if len(values) < least:
        raise RuntimeError(f"{name}: {len(values)} values seen, {least} are needed")
    figure(f"{name}_p50", quantile(values, 0.5), "ms")
    figure(f"{name}_p99", quantile(values, 0.99), "ms")
    print(f"  of {len(values)} values, the longest {max(values):.0f} ms", flush=True)


def print_steps(w: Waybill):
    """Where the pipelines' time went: seconds and rounds by step."""
    with urllib.request.urlopen(w.url + "/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(("waybill_pipeline_step_seconds_sum", "waybill_pipeline_step_seconds_count")):
                print("  " + line, flush=True)


def load_on(w: Waybill, trucks: int, rate: str, seconds: int, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [str(BINARY), "simulate", "--to", w.url, "--trucks", str(trucks), "--rate", rate, "--duration", f"{seconds}s", *more],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


@contextlib.contextmanager
def ending(process: subprocess.Popen):
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def ingest():
    """Acknowledged events: on disk, as the HTTP door answers."""
    with Waybill() as w:
        w.start(0)
        with ending(load_on(w, 20_000, "max", 15, "--connections", "4")) as load:
            out, _ = load.communicate(timeout=90)
        found = re.search(r"([\d.]+) events/s, \d+ requests, p50 ([\d.]+) ms, p99 ([\d.]+) ms", out)
        if load.returncode != 0 or not found:
            raise RuntimeError(f"the load generator ended with status {load.returncode}: {out}")
        figure("acknowledged_http", float(found[1]), "events/s")
        figure("request_p50", float(found[2]), "ms")
        figure("request_p99", float(found[3]), "ms")
        print("  " + out.splitlines()[0], flush=True)


def stream():
    """Bronze to gold with its DuckDB peer; bench_stream prints its figure line."""
    with tempfile.TemporaryDirectory(prefix="waybill-") as folder:
        done = subprocess.run([str(BINARY.parent / "bench/bench_stream"), str(ROOT / "projects/logistics"), "1500000"],
                              stdout=subprocess.PIPE, text=True, timeout=180, env={**os.environ, "TMPDIR": folder})
    print(done.stdout, end="", flush=True)
    found = re.search(r"figure bronze_to_gold (\d+) events/s", done.stdout)
    if done.returncode != 0 or not found:
        raise RuntimeError(f"bench_stream ended with status {done.returncode}")
    print_aim("bronze_to_gold", float(found[1]), "events/s")


class FeedClient(threading.Thread):
    """Reads the live feed of the whole world and takes the time of each truck update.

    `from_event` holds, for every update of the simulated fleet, the milliseconds from its event time to
    its receipt here: receipt - (server time - age). It holds the load generator's own gathering: an
    event is made up to 20 ms after its time and waits up to 100 ms for its request to fill.
    `from_sending` holds the same for the probe truck, whose records are sent alone and at once, so that
    is the way from the sender to the socket. All clocks are this machine's.
    """

    def __init__(self, url: str):
        super().__init__(daemon=True)
        self.socket = connect(url.replace("http", "ws", 1) + "/v1/fleet/feed", compression=None, max_size=None)
        self.socket.send(json.dumps({"bbox": WORLD, "budget": 2 * TRUCKS}))
        self.from_event: list[float] = []
        self.from_sending: list[float] = []
        self.first_update: float | None = None
        self.probe: int | None = None
        self.kinds: collections.Counter = collections.Counter()
        self.newest: dict[int, int] = {}  # event time in ms by handle
        self.backwards = 0  # updates that are older than what was shown
        self.error: Exception | None = None
        self.start()

    def run(self):
        try:
            for frame in self.socket:
                self.take(frame, time.time())
        except ConnectionClosed:
            pass
        except Exception as error:  # noqa: BLE001 - told by close()
            self.error = error

    def take(self, frame: bytes, now: float):
        kind = frame[3]
        self.kinds[kind] += 1
        if kind == 1 and not frame[12] & 1:
            self.take_trucks(frame, now)
        elif kind == 2:
            self.take_names(frame)

    def take_names(self, frame: bytes):
        at = frame.find(bytes([len(PROBE_TRUCK)]) + PROBE_TRUCK.encode(), 16)
        if at >= 0:
            self.probe = int.from_bytes(frame[at - 4:at], "little")

    def take_trucks(self, frame: bytes, now: float):
        n = int.from_bytes(frame[13:17], "little")
        if n == 0:
            return
        server_ms = int.from_bytes(frame[4:12], "little")
        since_frame = now * 1000 - server_ms
        handles, ages = array.array("I", frame[17:17 + 4 * n]), array.array("I", frame[-4 * n:])
        if self.probe is not None and self.probe in handles:
            at = handles.index(self.probe)
            self.from_sending.append(since_frame + ages.pop(at))
            handles.pop(at)
        self.follow(handles, ages, server_ms)
        if self.first_update is None:
            self.first_update = now
        if now - self.first_update >= WARM_UP_S:
            self.from_event.extend([since_frame + age for age in ages])

    def follow(self, handles: array.array, ages: array.array, server_ms: int):
        for handle, age in zip(handles, ages):
            shown = self.newest.get(handle)
            self.backwards += shown is not None and server_ms - age < shown
            self.newest[handle] = server_ms - age

    def close(self):
        self.socket.close()
        self.join(10)
        if self.error:
            raise self.error


def send_probe(w: Waybill) -> datetime.datetime:
    now = datetime.datetime.now(datetime.UTC)
    status, answer = w.send("positions", [{
        "truck_id": PROBE_TRUCK, "event_time": now.isoformat(), "lat": 50.1, "lon": 8.6, "speed_kmh": 70,
        "heading": 90, "status": "moving", "carrier": "Probe"}])
    if status != 200:
        raise RuntimeError(f"the probe was refused: {answer}")
    return now


def probe_sql(w: Waybill) -> list[float]:
    """Milliseconds from a record's event time, taken as it is sent, until silver shows it to psycopg.

    Each holds the record's request, the epoch that takes it in, up to 50 ms between two looks, and the
    query itself.
    """
    started = threading.Event()
    sent: set[datetime.datetime] = set()
    failures: list[Exception] = []

    def send_all():
        try:
            for _ in range(PROBES):
                sent.add(send_probe(w))
                started.set()
                time.sleep(PROBE_EVERY_S)
        except Exception as error:  # noqa: BLE001 - told by the thread that looks
            failures.append(error)
            started.set()

    sender = threading.Thread(target=send_all, daemon=True)
    sender.start()
    started.wait(30)
    seen: dict[datetime.datetime, float] = {}
    deadline = time.time() + PROBES * PROBE_EVERY_S + 20
    with psycopg.connect(f"host=127.0.0.1 port={w.postgres_port} dbname=waybill user=waybill", autocommit=True) as connection:
        while (sender.is_alive() or len(seen) < len(sent)) and time.time() < deadline:
            oldest = min(set(sent) - seen.keys(), default=None)
            if oldest is not None:
                rows = connection.execute(
                    "SELECT event_time FROM silver.positions WHERE truck_id = %s AND event_time >= %s::timestamptz",
                    (PROBE_TRUCK, oldest)).fetchall()
                now = datetime.datetime.now(datetime.UTC)
                for (event_time,) in rows:
                    seen.setdefault(event_time, (now - event_time) / datetime.timedelta(milliseconds=1))
            time.sleep(0.05)
    sender.join(5)
    if failures:
        raise failures[0]
    if len(seen) < PROBES:
        raise RuntimeError(f"{PROBES - len(seen)} of {PROBES} probes did not become visible")
    return list(seen.values())


def memory_of(pid: int) -> tuple[float, float]:
    """(resident, its highest) in MB."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return tuple(int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))


def live():
    """Latency, memory and start with 100 000 trucks that send 10 000 events/s."""
    with Waybill() as w:
        w.start(0)
        feed = FeedClient(w.url)
        with ending(load_on(w, TRUCKS, "10000/s", 60)) as load:
            w.until("the first update on the feed", lambda: feed.first_update, 40)
            time.sleep(WARM_UP_S)
            to_sql = probe_sql(w)
            out, _ = load.communicate(timeout=120)
        resident, highest = memory_of(w.process.pid)
        feed.close()
        print("  load: " + (out.splitlines() or ["no report"])[0], flush=True)
        print(f"  feed frames by kind: {dict(sorted(feed.kinds.items()))}", flush=True)
        figures_of("event_to_socket", feed.from_event, 10_000)
        slow = sum(value >= 1000 for value in feed.from_event)
        print(f"  {slow} of a second and more; {feed.backwards} updates older than what was shown", flush=True)
        figures_of("sent_to_socket", feed.from_sending, PROBES // 2)
        figures_of("event_to_sql", to_sql, PROBES)
        figure("memory_100k_trucks", resident, "MB")
        figure("memory_100k_trucks_highest", highest, "MB")
        print_steps(w)
        w.kill()
        figure("start_to_ready_after_kill", w.start(0), "ms")
        w.settle()
        if w.stop() != 0:
            raise RuntimeError("it did not stop cleanly")
        figure("start_to_ready", w.start(0), "ms")


def main() -> int:
    parts = {"ingest": ingest, "stream": stream, "live": live}
    failed = False
    for name in sys.argv[1:] or parts:
        try:
            parts[name]()
        except Exception as error:  # noqa: BLE001 - the other parts may still be measured
            failed = True
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
