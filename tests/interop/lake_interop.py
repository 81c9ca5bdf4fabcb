#!/usr/bin/env python3
"""Every kind of table that Waybill writes, changed in every way, read by delta-rs, DuckDB's delta
extension and Spark; tables of theirs, read and changed by Waybill; and all on one table at once.

Usage: lake_interop.py LAKE_TOOL [--golden TEST_LAKE] [--seconds N] [--spark] [--only TEXT]
Needs deltalake, pyarrow, duckdb and duckdb-ext-delta; --spark also pyspark and delta-spark's jars in
the folder SPARK_JARS, by default ~/.cache/waybill-peers/lake/spark-jars (lake_pom.xml brings them).
Ends in one line "N passed, N failed".
"""

import argparse
import shutil
import subprocess
import sys
import time
import traceback

import lake_peers as peers

PARSER = argparse.ArgumentParser()
PARSER.add_argument("tool")
PARSER.add_argument("--seconds", type=int, default=60, help="of writing one table together")
PARSER.add_argument("--spark", action="store_true")
PARSER.add_argument("--golden", metavar="TEST_LAKE", help="the program that reads the tables of WAYBILL_SHARED")
PARSER.add_argument("--only", default="", help="cases whose name has this text")


def golden(program):
    """Tables that Spark wrote, with the rows that it reads."""
    done = subprocess.run([program, "--gtest_filter=GoldenTables*"], capture_output=True, text=True)
    verdicts = [line for line in done.stdout.splitlines() if line.startswith("golden ")]
    for line in verdicts:
        print("  " + line)
    assert verdicts, "there are no golden tables: set WAYBILL_SHARED to the folder that has acceptance/delta"
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    print(f"  {sum(' equal' in line for line in verdicts)} of {len(verdicts)} tables equal, "
          f"{sum(' refused' in line for line in verdicts)} refused")


def cases(arguments):
    import lake_kinds
    import lake_shapes
    import lake_theirs
    import lake_together

    found = [("every golden table has Spark's rows or is refused", lambda: golden(arguments.golden))] if arguments.golden else []
    found += lake_kinds.cases() + lake_shapes.cases() + lake_theirs.cases()
    found += lake_together.cases(arguments.seconds)
    if arguments.spark:
        import lake_spark

        found += lake_spark.cases()
    return [(name, case) for name, case in found if arguments.only in name]


def main():
    arguments = PARSER.parse_args()
    peers.TOOL = arguments.tool
    passed, failed = 0, 0
    for name, case in cases(arguments):
        start = time.monotonic()
        try:
            case()
            passed += 1
            print(f"ok     {name} ({time.monotonic() - start:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED {name}", flush=True)
            traceback.print_exc()
    shutil.rmtree(peers.ROOT, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
