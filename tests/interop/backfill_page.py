"""A backfill from the page alone, in Chromium: web/tests/backfills.mjs against a Waybill with a mistake in March.

    tests/interop/backfill_page.py

Screenshots go to build/screenshots. Last line: `N passed, N failed`.
"""
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from accept_backfill import HEADER, SELECT, SILVER, SOURCE, SUITE, WRONG, post  # noqa: E402
from running import ROOT, Waybill  # noqa: E402

# As it is mended; one day of May has something that it cannot compute.
MENDED = SELECT.format(minutes="CASE WHEN flown = DATE '2026-05-04' AND carrier = 'C1' THEN error('no weather that day') ELSE arr_delay END")
MONTHS = """---
table: gold.months
mode: daily at 03:00
---
SELECT month(day) AS month, sum(minutes)::BIGINT AS minutes FROM gold.delays GROUP BY ALL
"""


def flights() -> list[dict]:
    first = datetime.date(2026, 2, 20)
    return [{"flown": (first + datetime.timedelta(days=day)).isoformat(), "carrier": f"C{carrier}", "flight": day, "origin": "HAM",
             "dest": "MUC", "dep_delay": day + carrier, "arr_delay": day - carrier - 1, "distance": 600}
            for day in range(90) for carrier in range(3)]


def main() -> int:
    with Waybill() as w:
        shutil.rmtree(w.project / "patterns")  # they are not in question
        (w.project / "sources/hops.yaml").write_text(SOURCE)
        (w.project / "models/silver/hops.sql").write_text(SILVER)
        (w.project / "models/gold/months.sql").write_text(MONTHS)
        (w.project / "quality/delays.json").write_text(json.dumps(SUITE))
        model = w.project / "models/gold/delays.sql"
        model.write_text(HEADER.format(version=1) + WRONG)
        w.start(0)
        status, answer = w.send("hops", flights())
        assert status == 200, answer
        w.settle(60)
        for name in ("gold.delays", "gold.months"):
            status, answer = post(w, f"/v1/models/{name}/run", {})
            assert status == 200, answer
        model.write_text(HEADER.format(version=2) + MENDED)
        return subprocess.run(["node", str(ROOT / "web/tests/backfills.mjs")], env={**os.environ, "WAYBILL_URL": w.url},
                              timeout=600).returncode


if __name__ == "__main__":
    sys.exit(main())
