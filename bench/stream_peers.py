"""Nexmark on Waybill, on Apache Flink and on Spark Structured Streaming: the same events, in one run, checkpoints on.

    bench/stream_peers.py WAYBILL NEXMARK [--events N] [--queries q0,q1,…] [--peers flink,spark]

    WAYBILL: build/release/waybill     NEXMARK: build/release/bench/nexmark

What is measured is events by second of processor time (user and system, all threads): what one core does, whatever
else the machine is busy with. Waybill takes JSON from its log and commits bronze and the question's table to the lake;
Flink and Spark read the same JSON from files and throw the answer away. Flink and Spark are warm, have one task slot or core, and keep state in
RocksDB; what a question costs before its first event is known from asking it of few events, and taken off.

Prints `figure nexmark_q0 <events/s per core> events/s peer flink <events/s per core> ratio <ours/theirs>`. The peers
are kept under ~/.cache/waybill-peers/stream.
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
TICK = os.sysconf("SC_CLK_TCK")
FEW = 2000  # events that only show what a question costs by itself
FILES = 20  # that the events of one topic are cut into, for micro-batches
PATIENCE_S = 600


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


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
def waybill_run(query: str, binary: pathlib.Path, tool: pathlib.Path, events: int) -> float | str:
    """Events by second of processor time; or why not."""
    os.environ["WAYBILL"] = str(binary)
    from nexmark import TOPICS, make_project, models, refusal, with_sources
    from running import Waybill
    known = models()
    reason = refusal(query, known, binary)
    if reason:
        return reason
    tables = with_sources([f"gold.{query}"], known)
    text = " ".join(known[table].sql for table in tables)
    topics = [topic for topic in TOPICS if f"bronze.{topic}" in text]
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        project = make_project(pathlib.Path(scratch) / "project", tables, known, topics)
        subprocess.run([tool, "log", project / "data", str(events)], check=True)
        with Waybill(project) as waybill:
            waybill.start()
            pid, deadline = waybill.process.pid, time.time() + PATIENCE_S
            before = cpu_seconds(pid)
            while True:
                lags = [pipeline["lag_records"] for pipeline in waybill.request("/v1/status")[1]["pipelines"]]
                if not any(lags) or time.time() > deadline:
                    break
                time.sleep(0.2)
            spent = cpu_seconds(pid) - before
            return events / spent if time.time() < deadline else f"not done within {PATIENCE_S} s"


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


def main():
    options = argparse.ArgumentParser()
    options.add_argument("waybill", type=pathlib.Path)
    options.add_argument("nexmark", type=pathlib.Path)
    options.add_argument("--events", type=int, default=1_000_000)
    options.add_argument("--queries", default=",".join(f"q{n}" for n in range(23)))
    options.add_argument("--peers", default="flink,spark")
    chosen = options.parse_args()
    queries, tool = chosen.queries.split(","), chosen.nexmark.resolve()
    peers = {}
    if chosen.peers:
        set_up()
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        folder = pathlib.Path(scratch)
        subprocess.run([tool, "files", folder / "events", str(chosen.events)], check=True)
        subprocess.run([tool, "files", folder / "few", str(FEW)], check=True)
        for name, run in (("flink", flink), ("spark", spark)):
            if name in chosen.peers.split(","):
                peers[name] = run(folder, queries, chosen.events)
                shutil.rmtree(folder / "checkpoints", ignore_errors=True)
    for query in queries:
        ours = waybill_run(query, chosen.waybill.resolve(), tool, chosen.events)
        for name, found in peers.items():
            theirs = found.get(query, "is not asked")
            if isinstance(ours, float) and isinstance(theirs, float):
                print(f"figure nexmark_{query} {ours:.0f} events/s peer {name} {theirs:.0f} ratio {ours / theirs:.2f}", flush=True)
            else:
                print(f"nexmark_{query}: waybill {ours if isinstance(ours, str) else f'{ours:.0f}'}; {name} "
                      f"{theirs if isinstance(theirs, str) else f'{theirs:.0f}'}", flush=True)
        if not peers:
            print(f"figure nexmark_{query} {ours:.0f} events/s" if isinstance(ours, float) else f"nexmark_{query}: waybill {ours}", flush=True)


main()
