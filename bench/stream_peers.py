"""Nexmark on Waybill, on Apache Flink and on Spark Structured Streaming: the same events, in one run, checkpoints on.

    bench/stream_peers.py WAYBILL BENCH [--events N] [--peer-events N] [--queries q0,q1,…] [--peers flink,spark]

    WAYBILL: build/release/waybill     BENCH: build/release/bench, with nexmark, nexmark_run, bench_stream_latency, bench_pattern

What is measured is events by second of processor time (user and system, all threads): what one core does, whatever
else the machine is busy with. Waybill takes JSON from its log and commits bronze, the question's table and its state
with every epoch; Flink and Spark read the same JSON from files and throw the answer away. Flink and Spark are warm, have
one task slot or core, and keep state in RocksDB; what a question costs before its first event is known from asking it of
few events, and taken off.

Prints `figure nexmark_q0 <events/s per core> events/s peer flink <events/s per core> ratio <ours/theirs>`;
`nexmark_q0_compute` is the same without the lake's files (what the peers do), `nexmark_q0_model` the model and its state
alone, over rows that are decoded. Behind them: JSON to window to Delta by the clock, the latency through a window, state
larger than the memory limit, the start after kill -9, patterns. The peers are kept under ~/.cache/waybill-peers/stream.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/nexmark"), str(ROOT / "tests/e2e"), str(ROOT / "bench/nexmark")]
PEERS = pathlib.Path(os.environ.get("WAYBILL_PEERS", pathlib.Path.home() / ".cache/waybill-peers")) / "stream"
REQUIREMENTS = ["apache-flink-libraries==2.3.0", "pyspark==4.2.0", "py4j==0.10.9.9"]
FEW = 2000  # events that only show what a question costs by itself
FILES = 20  # that the events of one topic are cut into, for micro-batches
PATIENCE_S = 600
SMALL_MEMORY = "64MB"


def set_up() -> pathlib.Path:
    """The peers' Python, made once."""
    python = PEERS / "venv/bin/python"
    if not (PEERS / "COMPLETE").exists():
        PEERS.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "venv", PEERS / "venv"], check=True)
        subprocess.run([python, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-deps", *REQUIREMENTS], check=True)
        (PEERS / "COMPLETE").touch()
    return python


def cut(events: pathlib.Path, folder: pathlib.Path):
    """Each topic's lines in FILES files, for Spark, whose micro-batches are whole files."""
    for topic in ("person", "auction", "bid"):
        (folder / topic).mkdir(parents=True)
        subprocess.run(["split", "-n", f"l/{FILES}", "-d", events / f"{topic}.jsonl", folder / topic / "part-"], check=True)


# ------------------------------------------------------------------------------------------------ Waybill
class Run:
    """What nexmark_run prints of some models over some events."""

    def __init__(self, bench: pathlib.Path, project: pathlib.Path, *settings: str):
        done = subprocess.run([bench / "nexmark_run", project, *settings], capture_output=True, text=True, timeout=PATIENCE_S)
        lines = done.stdout.splitlines()
        if done.returncode != 0:
            raise RuntimeError((lines or [done.stderr])[-1])
        self.taken, self.cpu, self.wall = int(lines[0].split()[0]), *map(float, lines[0].split()[1:])
        self.lines = lines[1:]
        self.steps = {line.removeprefix("step ").rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in self.lines if line.startswith("step ")}

    def without_lake(self) -> float:
        return sum(seconds for step, seconds in self.steps.items() if not step.startswith("commit "))

    def models(self) -> float:
        return self.without_lake() - self.steps.get("read", 0)


def with_events(folder: pathlib.Path, query: str, events: int, bench: pathlib.Path) -> pathlib.Path:
    from nexmark import TOPICS, make_project, models, with_sources
    known = models()
    tables = with_sources([f"gold.{query}"], known)
    text = " ".join(known[table].sql for table in tables)
    project = make_project(folder / "project", tables, known, [topic for topic in TOPICS if f"bronze.{topic}" in text])
    subprocess.run([bench / "nexmark", "log", project / "data", str(events)], check=True)
    return project


def waybill_run(query: str, bench: pathlib.Path, events: int) -> Run | str:
    """What the question costs; or why it cannot be asked."""
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        try:
            return Run(bench, with_events(pathlib.Path(scratch), query, events, bench))
        except RuntimeError as error:
            return str(error)


WINDOW = """---
table: gold.by_auction
mode: streaming
time: dateTime
watermark: 4 seconds
key: [auction, start]
---
SELECT auction, time_bucket(INTERVAL '10 seconds', dateTime) AS start, count(*) AS bids, max(price) AS highest, sum(price) AS total
FROM bronze.bid GROUP BY ALL
"""


def window_to_delta(bench: pathlib.Path, events: int):
    """JSON from the log through a window into Delta, by the clock, on the cores that there are."""
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        project = with_events(pathlib.Path(scratch), "q0", events, bench)
        (project / "models/gold/q0.sql").write_text(WINDOW)
        run = Run(bench, project)
        print(f"figure json_window_delta {run.taken / run.wall:.0f} events/s", flush=True)
        print(f"# {run.taken} events in {run.wall:.2f} s, {run.cpu:.2f} s of processor time", flush=True)


def small_memory(bench: pathlib.Path, events: int):
    """A join and its first rows in less memory than they take: the engine spills."""
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        run = Run(bench, with_events(pathlib.Path(scratch), "q9", events, bench), "100000", SMALL_MEMORY)
        print(f"figure join_with_{SMALL_MEMORY}_of_memory {events / run.cpu:.0f} events/s", flush=True)
        for line in run.lines:
            if not line.startswith("step "):
                print("#", line, flush=True)


def recovery(binary: pathlib.Path, bench: pathlib.Path, events: int):
    """kill -9 with state, and how long until the next event is committed."""
    os.environ["WAYBILL"] = str(binary)
    from running import Waybill
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        project = with_events(pathlib.Path(scratch), "q17", events, bench)
        with Waybill(project) as waybill:
            def wait():
                deadline = time.time() + PATIENCE_S
                while any(p["lag_records"] for p in waybill.request("/v1/status")[1]["pipelines"]) and time.time() < deadline:
                    time.sleep(0.01)
            waybill.start()
            wait()
            groups = waybill.sql("SELECT count(*) AS n FROM gold.q17")[0]
            waybill.kill()
            before = time.time()
            waybill.start()
            status, answer = waybill.send("bid", [{"auction": 1, "bidder": 1, "price": 1, "channel": "c", "url": "u",
                                                   "dateTime": "2030-01-01T00:00:00Z", "extra": ""}])
            if status >= 300:
                raise RuntimeError(str(answer))
            wait()
            print(f"figure recovery_after_kill {time.time() - before:.2f} s", flush=True)
            print(f"# {events} events, groups kept: {groups}", flush=True)


# ------------------------------------------------------------------------------------------------ peers
def flink_home() -> pathlib.Path:
    return next((PEERS / "venv/lib").glob("python3*/site-packages/pyflink"))


def ask(command: list, rows: int, scratch: pathlib.Path) -> dict[str, float | str]:
    """Events by second of processor time, by question, as the peer's program tells them line by line."""
    found = {}
    with (scratch / "errors").open("w+") as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=errors, text=True)
        for line in process.stdout:
            print(f"# {line}", end="", flush=True)
            words = line.rstrip().split(" ", 2)
            if len(words) == 3 and words[1] == "failed":
                found[words[0]] = words[2]
            elif len(words) == 3 and words[0].startswith("q"):
                found[words[0]] = (rows - FEW) / max(0.01, float(words[2]) - float(words[1]))
        if process.wait() != 0 or not found:
            errors.seek(0)
            raise RuntimeError(errors.read()[-2000:])
    return found


def flink(folder: pathlib.Path, queries: list[str], events: int) -> dict[str, float | str]:
    from peer_queries import FLINK, FLINK_TABLES
    for name in ("few", "events"):
        (folder / f"{name}.sql").write_text(FLINK_TABLES.replace("{folder}", (folder / name).as_uri()))
    opened = [f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "util", "nio", "net", "time", "util.concurrent")]
    logging = folder / "log4j2.properties"
    logging.write_text("rootLogger.level = OFF\n")
    return ask(["java", "-Xmx3g", *opened, f"-Dlog4j.configurationFile={logging}", "-cp", f"{flink_home()}/lib/*",
                ROOT / "bench/nexmark/FlinkRun.java", folder / "few.sql", folder / "events.sql", (folder / "checkpoints").as_uri(),
                *(f"{query}={' '.join(FLINK[query].split())}" for query in queries if query in FLINK)], events, folder)


def spark(folder: pathlib.Path, queries: list[str], events: int) -> dict[str, float | str]:
    from peer_queries import SPARK
    cut(folder / "few", folder / "cut-few")
    cut(folder / "events", folder / "cut")
    return ask([PEERS / "venv/bin/python", ROOT / "bench/nexmark/spark_run.py", folder / "cut-few", folder / "cut",
                *(query for query in queries if query in SPARK)], events, folder)


def ask_peers(chosen, queries: list[str], bench: pathlib.Path) -> dict[str, dict[str, float | str]]:
    peers = {}
    if not chosen.peers:
        return peers
    set_up()
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        folder = pathlib.Path(scratch)
        subprocess.run([bench / "nexmark", "files", folder / "events", str(chosen.peer_events)], check=True)
        subprocess.run([bench / "nexmark", "files", folder / "few", str(FEW)], check=True)
        for name, run in (("flink", flink), ("spark", spark)):
            if name in chosen.peers.split(","):
                peers[name] = run(folder, queries, chosen.peer_events)
                shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    return peers


def print_query(query: str, run: Run | str, events: int, peers: dict[str, dict[str, float | str]]):
    if isinstance(run, str):
        print(f"nexmark_{query}: waybill {run}", flush=True)
        return
    for name, seconds in ((query, run.cpu), (f"{query}_compute", run.without_lake())):
        ours, line = events / seconds, f"figure nexmark_{name} {events / seconds:.0f} events/s"
        for peer, found in peers.items():
            theirs = found.get(query, "is not asked")
            line += f" peer {peer} {theirs:.0f} ratio {ours / theirs:.2f}" if isinstance(theirs, float) else ""
        print(line, flush=True)
    print(f"figure nexmark_{query}_model {events / run.models():.0f} events/s", flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("waybill", type=pathlib.Path)
    options.add_argument("bench", type=pathlib.Path)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--peer-events", type=int, default=1_000_000)
    options.add_argument("--queries", default="q0,q1,q2,q4,q5,q7,q8")
    options.add_argument("--peers", default="flink,spark")
    chosen = options.parse_args()
    queries, bench = chosen.queries.split(","), chosen.bench.resolve()
    print(f"# load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    peers = ask_peers(chosen, queries, bench)
    for query in queries:
        print_query(query, waybill_run(query, bench, chosen.events), chosen.events, peers)
    for part in (lambda: window_to_delta(bench, chosen.events),
                 lambda: subprocess.run([bench / "bench_stream_latency"], check=True, timeout=PATIENCE_S),
                 lambda: small_memory(bench, chosen.events),
                 lambda: recovery(chosen.waybill.resolve(), bench, chosen.events),
                 lambda: subprocess.run([bench / "bench_pattern"], check=True, timeout=PATIENCE_S)):
        try:
            part()
        except (RuntimeError, subprocess.SubprocessError) as error:
            print(f"# failed: {error}", flush=True)
    print(f"# load after: {os.getloadavg()[0]:.1f}", flush=True)


main()
