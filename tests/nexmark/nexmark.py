"""Nexmark's questions as streaming models: each table equals DuckDB's answer to the same SQL at once.

    tests/nexmark/nexmark.py NEXMARK [EVENTS [SEED]]        NEXMARK: build/release/bench/nexmark

Every model that `waybill check` lets stream runs in one project over the embedded log. The events come by HTTP in
pieces of random sizes, each topic in its own rhythm, and the process is killed (kill -9) at random moments. What does
not stream is listed with the reason as printed. Last line: `N passed, N failed`.
"""
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

import duckdb
import yaml
from deltalake import DeltaTable

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))
from running import Checks, Waybill  # noqa: E402

PROJECT = ROOT / "tests/nexmark/project"
TOPICS = ["person", "auction", "bid"]
QUERIES = [f"q{n}" for n in range(23)]
REFUSED_MAX = 3
PIECE_BYTES = 4 << 20


class Model:
    def __init__(self, path: pathlib.Path):
        self.path = path
        _, header, self.sql = path.read_text().split("---\n", 2)
        self.header = yaml.safe_load(header)
        self.table = self.header["table"]

    def reads(self) -> list[str]:
        return re.findall(r"\b(silver\.\w+)", self.sql)


def models() -> dict[str, Model]:
    return {model.table: model for model in map(Model, sorted(PROJECT.glob("models/*/*.sql")))}


def with_sources(names: list[str], known: dict[str, Model]) -> set[str]:
    """The tables and all that they read."""
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += known[name].reads()
    return found


def make_project(folder: pathlib.Path, tables: set[str], known: dict[str, Model], topics=TOPICS, **settings) -> pathlib.Path:
    """A project of these models alone."""
    shutil.copytree(PROJECT / "sources", folder / "sources", ignore=lambda _, names: [n for n in names if n.removesuffix(".yaml") not in topics])
    for table in tables:
        place = folder / known[table].path.relative_to(PROJECT)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(known[table].path, place)
    text = yaml.safe_load((PROJECT / "waybill.yaml").read_text())
    (folder / "waybill.yaml").write_text(yaml.safe_dump({**text, **settings}))
    return folder


def refusal(query: str, known: dict[str, Model], waybill: pathlib.Path) -> str:
    """Why the model does not stream, as printed; empty when it does."""
    with tempfile.TemporaryDirectory(prefix="nexmark-") as folder:
        project = make_project(pathlib.Path(folder) / "p", with_sources([f"gold.{query}"], known), known)
        done = subprocess.run([waybill, "--project", project, "check"], capture_output=True, text=True, timeout=60)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).replace(f"{project}/", "").strip().splitlines()[0]


def pieces(folder: pathlib.Path, chance: random.Random):
    """All events, topic by topic in random pieces that keep the event times about together."""
    lines = {topic: (folder / f"{topic}.jsonl").read_bytes().splitlines(keepends=True) for topic in TOPICS}
    at = dict.fromkeys(TOPICS, 0)
    while any(at[t] < len(lines[t]) for t in TOPICS):
        share = {t: at[t] / max(1, len(lines[t])) for t in TOPICS if at[t] < len(lines[t])}
        topic = min(share, key=share.get) if chance.random() < 0.7 else chance.choice(list(share))
        size = max(1, int(len(lines[topic]) * chance.choice([0.0005, 0.004, 0.02])))
        yield topic, b"".join(lines[topic][at[topic]:at[topic] + size])
        at[topic] += size


def send(waybill: Waybill, folder: pathlib.Path, chance: random.Random, kills: int) -> int:
    everything = list(pieces(folder, chance))
    die_at = set(chance.sample(range(len(everything)), min(kills, len(everything))))
    for number, (topic, body) in enumerate(everything):
        status, answer = waybill.request(f"/v1/topics/{topic}/records", body, {"Content-Type": "application/x-ndjson"})
        if status >= 300:
            raise RuntimeError(f"{topic}: {answer}")
        if number in die_at:
            waybill.kill()
            waybill.start()
        elif chance.random() < 0.2:
            time.sleep(chance.uniform(0, 0.15))
    return len(everything)


def lake_table(waybill: Waybill, table: str):
    return DeltaTable(str(waybill.project / "data/lake" / table.replace(".", "/"))).to_pyarrow_table()


def batch(waybill: Waybill, known: dict[str, Model], counts: dict[str, int], checks: Checks):
    """DuckDB over what landed, with the models' own SQL as views."""
    judge = duckdb.connect()
    judge.execute("SET timezone = 'UTC'; CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold")
    for topic in TOPICS:
        landed = lake_table(waybill, f"bronze.{topic}")
        judge.register("landed", landed)
        judge.execute(f"CREATE TABLE bronze.{topic} AS SELECT * FROM landed")
        checks.equal(f"bronze.{topic} has every event", landed.num_rows, counts[topic])
    for name in ("silver.bid", "silver.side_input"):
        judge.execute(f"CREATE VIEW {name} AS {known[name].sql}")
    return judge


def compare(judge, waybill: Waybill, model: Model, checks: Checks):
    have = lake_table(waybill, model.table)
    judge.register("have", have)
    want = judge.execute(f"CREATE OR REPLACE TEMP TABLE want AS {model.sql}; SELECT * FROM want LIMIT 0").description
    columns = [column[0] for column in want]
    kinds = dict(judge.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'want'").fetchall())
    # Numbers with a fraction to nine digits: sums of doubles depend on their order.
    shown = ", ".join(f'round(CAST("{c}" AS DOUBLE), 6) AS "{c}"' if kinds[c] in ("DOUBLE", "FLOAT") else f'CAST("{c}" AS VARCHAR) AS "{c}"'
                      if kinds[c].startswith("TIMESTAMP") else f'"{c}"' for c in columns)
    plain = shown.replace(" AS VARCHAR)", " AS TIMESTAMP)")
    extra, lacking = (judge.execute(f"SELECT * FROM (SELECT {plain} FROM {a} EXCEPT ALL SELECT {plain} FROM {b}) LIMIT 3").fetchall()
                      for a, b in (("have", "want"), ("want", "have")))
    rows = judge.execute("SELECT count(*) FROM want").fetchone()[0]
    checks.check(f"{model.table} equals batch", not extra and not lacking and have.num_rows == rows and rows > 0,
                 f"{rows} rows" if not extra and not lacking else f"{have.num_rows} rows, want {rows}; too many: {extra}; missing: {lacking}")


def main():
    tool = pathlib.Path(sys.argv[1]).resolve()
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 60_000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else time.time_ns() % 1_000_000
    print(f"seed {seed}")
    from running import BINARY
    checks, known, chance = Checks(), models(), random.Random(seed)
    why = {query: refusal(query, known, BINARY) for query in QUERIES}
    for query, reason in why.items():
        if reason:
            print(f"does not stream: {query}: {reason}")
    refused = [query for query, reason in why.items() if reason]
    checks.check(f"at most {REFUSED_MAX} questions do not stream", len(refused) <= REFUSED_MAX, ", ".join(refused))
    streamed = with_sources([f"gold.{query}" for query in QUERIES if not why[query]], known)
    with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
        folder = pathlib.Path(scratch)
        # 200 events a second of event time: windows, sessions and auctions of every length.
        subprocess.run([tool, "files", folder / "events", str(events), str(seed + 1), "200"], check=True)
        counts = {topic: sum(1 for _ in (folder / "events" / f"{topic}.jsonl").open("rb")) for topic in TOPICS}
        checks.equal("one person and three auctions in fifty events", (counts["person"] * 50, counts["auction"] * 50), (events, 3 * events))
        with Waybill(make_project(folder / "project", streamed, known, epoch="100 ms")) as waybill:
            waybill.start()
            if "silver.side_input" in streamed:
                waybill.run("run", "silver.side_input", check=False)
            sent = send(waybill, folder / "events", chance, kills=3)
            waybill.settle(300)
            print(f"{events} events in {sent} pieces, three kills")
            waybill.stop()
            judge = batch(waybill, known, counts, checks)
            for query in QUERIES:
                if not why[query]:
                    compare(judge, waybill, known[f"gold.{query}"], checks)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
