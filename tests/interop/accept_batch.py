"""Batch that can be trusted, from outside: cron beside croniter, DAGs under kill -9.

Usage: accept_batch.py BUILD [part...]: the build folder with `waybill` and `tests/cron_tool`."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import batch_cron  # noqa: E402
import batch_dags  # noqa: E402
from running import Checks  # noqa: E402


def main() -> int:
    build = pathlib.Path(sys.argv[1])
    parts = {"cron": lambda checks: batch_cron.run(checks, str(build / "tests/cron_tool")),
             "dags": batch_dags.run_tasks,
             "kills": batch_dags.run_kills}
    checks = Checks()
    for name in sys.argv[2:] or parts:
        parts[name](checks)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
