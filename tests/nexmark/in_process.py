"""Nexmark's questions one by one over a filled log, without the platform around the stream engine.

    tests/nexmark/in_process.py NEXMARK NEXMARK_RUN [EVENTS [SEED]]

Epochs are of random sizes. Each table equals DuckDB's answer to the same SQL at once; what does not stream is listed
with the reason as printed. Last line: `N passed, N failed`.
"""
import pathlib
import random
import subprocess
import sys
import tempfile
import time
from types import SimpleNamespace

from nexmark import QUERIES, REFUSED_MAX, Checks, batch, compare, make_project, models, with_sources


def main():
    tool, run = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    events = int(sys.argv[3]) if len(sys.argv) > 3 else 50_000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else time.time_ns() % 1_000_000
    print(f"seed {seed}")
    checks, known, chance, refused = Checks(), models(), random.Random(seed), []
    counts = {"person": events // 50, "auction": events // 50 * 3, "bid": events // 50 * 46}
    for query in QUERIES:
        with tempfile.TemporaryDirectory(prefix="nexmark-") as scratch:
            project = make_project(pathlib.Path(scratch) / "project", with_sources([f"gold.{query}"], known), known)
            subprocess.run([tool, "log", project / "data", str(events), str(seed + 1), "200"], check=True)
            rows = chance.choice([700, 3000, 10_000])
            done = subprocess.run([run, project, str(rows)], capture_output=True, text=True, timeout=600)
            if done.returncode != 0:
                reason = (done.stdout + done.stderr).replace(f"{project}/", "").strip().splitlines()
                print(f"does not stream: {query}: {reason[-1] if reason else done.returncode}", flush=True)
                refused.append(query)
                continue
            there = SimpleNamespace(project=project)
            judge = batch(there, known, counts, Checks() if query != QUERIES[0] else checks)
            compare(judge, there, known[f"gold.{query}"], checks)
    checks.check(f"at most {REFUSED_MAX} questions do not stream", len(refused) <= REFUSED_MAX, ", ".join(refused))
    return checks.close()


sys.exit(main())
