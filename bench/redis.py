"""Look-ups by RESP: the Redis door and a real redis-server, with the same rows and the same load, turn by turn.

    bench/redis.py REDIS_SERVER        REDIS_SERVER: build/release/tests/redis_server

redis-benchmark (Debian's redis-tools) asks both. Prints `figure <name> <value> <unit> peer <name> <value> ratio <r>`:
ratio is ours / the peer's, so that more than 1 means that Waybill answers more in a second.
"""
import csv
import io
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROWS = 100_000
BYTES = 220  # about a row of gold.truck_latest
TURNS = 5
LOADS = [  # name, pipeline, clients, requests
    ("resp_get", 1, 50, 150_000),
    ("resp_get_pipelined_16", 16, 50, 1_200_000),
    ("resp_get_pipelined_100", 100, 10, 2_000_000),
]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def row(i: int) -> tuple[str, str]:
    return f"row:{i:012}", '{"id":"%012d","text":"%s"}' % (i, "x" * BYTES)


def fill(port: int):
    """The rows of tests/redis_server into a real Redis."""
    words = []
    for i in range(ROWS):
        parts = ["SET", *row(i)]
        words.append(f"*{len(parts)}\r\n" + "".join(f"${len(part)}\r\n{part}\r\n" for part in parts))
    done = subprocess.run(["redis-cli", "-p", str(port), "--pipe"], input="".join(words), text=True, capture_output=True, timeout=60)
    if f"replies: {ROWS}" not in done.stdout:
        raise RuntimeError(done.stdout + done.stderr)


def get(port: int, key: str) -> str:
    return subprocess.run(["redis-cli", "-p", str(port), "GET", key], capture_output=True, text=True, timeout=10).stdout.strip()


def ask(port: int, pipeline: int, clients: int, requests: int) -> tuple[float, float]:
    """Requests a second, and the 99th percentile in ms."""
    command = ["redis-benchmark", "-p", str(port), "-n", str(requests), "-c", str(clients), "-P", str(pipeline), "-r", str(ROWS),
               "--csv", "GET", "row:__rand_int__"]
    out = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout
    line = next(csv.DictReader(io.StringIO(out)))
    return float(line["rps"]), float(line["p99_latency_ms"])


def main():
    for tool in ("redis-server", "redis-benchmark", "redis-cli"):
        if shutil.which(tool) is None:
            sys.exit(f"bench/redis.py: {tool} is not there: apt-get install redis-server redis-tools")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        peer = subprocess.Popen(["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder],
                                stdout=subprocess.DEVNULL)
        ours = subprocess.Popen([str(pathlib.Path(sys.argv[1]).resolve()), "127.0.0.1:0", str(ROWS), str(BYTES)], stdout=subprocess.PIPE, text=True)
        try:
            door = int(ours.stdout.readline())
            time.sleep(0.5)
            fill(port)
            if not get(door, row(77)[0]) == get(port, row(77)[0]) == row(77)[1]:
                sys.exit("bench/redis.py: the two do not hold the same rows")
            for name, pipeline, clients, requests in LOADS:
                measured = {door: [], port: []}
                for turn in range(TURNS):
                    for which in ((door, port) if turn % 2 == 0 else (port, door)):
                        measured[which].append(ask(which, pipeline, clients, requests))
                rate = {which: statistics.median(r for r, _ in found) for which, found in measured.items()}
                tail = {which: statistics.median(t for _, t in found) for which, found in measured.items()}
                print(f"figure {name} {rate[door]:.0f} requests/s peer redis-server {rate[port]:.0f} ratio {rate[door] / rate[port]:.2f}", flush=True)
                print(f"figure {name}_p99 {tail[door]:.3f} ms peer redis-server {tail[port]:.3f} ratio {tail[door] / tail[port]:.2f}", flush=True)
        finally:
            for process in (ours, peer):
                process.terminate()
                process.wait(10)


main()
