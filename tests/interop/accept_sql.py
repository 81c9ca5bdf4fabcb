"""Every client of the SQL doors, in turn; the last line is "N passed, N failed" over all of them.

    python3 accept_sql.py BUILD [NAME …]

BUILD is the folder of the build (tests/pg_server in it; Redis and the dashboards take the release's waybill); names choose
from the list. The peers are in WAYBILL_SQL_PEERS: clients/, a venv with SQLAlchemy and pandas, node_modules/ with pg, jars/
with pgjdbc.
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

import sql_server

FOLDER = os.path.dirname(os.path.abspath(__file__))
PEERS = os.environ.get("WAYBILL_SQL_PEERS", os.path.expanduser("~/.cache/waybill-peers/sql"))
ALCHEMY = f"{PEERS}/clients/bin/python"


def script(name, *arguments):
    return [sys.executable, f"{FOLDER}/{name}", *arguments]


def jdbc(build):
    with tempfile.TemporaryDirectory() as lake:
        server = sql_server.Waybill(f"{build}/tests/pg_server", lake)
        try:
            jars = ":".join(glob.glob(f"{PEERS}/jars/*.jar"))
            url = f"jdbc:postgresql://127.0.0.1:{server.port}/waybill?user=tester"
            return run(["java", "-cp", jars, f"{FOLDER}/SqlMetadata.java", url])
        finally:
            server.stop()


def node(build):
    with tempfile.TemporaryDirectory() as lake:
        server = sql_server.Waybill(f"{build}/tests/pg_server", lake)
        try:
            return run(["node", f"{FOLDER}/sql_node.js", str(server.port)], {"NODE_PATH": f"{PEERS}/node_modules"})
        finally:
            server.stop()


def run(words, more=None):
    """What it prints is passed on; its last line counts. A script that says nothing of the kind has failed."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(more or {})})
    last = ""
    for line in process.stdout:
        print("  " + line, end="", flush=True)
        last = line if re.search(r"\d+ passed, \d+ failed", line) else last
    status = process.wait()
    found = re.search(r"(\d+) passed, (\d+) failed", last)
    if found is None:
        return 0, 1
    passed, failed = int(found[1]), int(found[2])
    return passed, failed or (1 if status != 0 else 0)


def suites(build):
    server = f"{build}/tests/pg_server"
    return {
        "psql and psycopg 3": lambda: run(script("pg_interop.py", server)),
        "passwords and encryption": lambda: run(script("pg_access.py", server)),
        "results in pieces": lambda: run(script("pg_streams.py", server)),
        "workers": lambda: run(script("sql_workers.py", server)),
        "hostile queries": lambda: run(script("pg_hostile.py", server)),
        "catalogs, versions and changes": lambda: run(script("sql_catalogs.py", server)),
        "JDBC": lambda: jdbc(build),
        "node pg": lambda: node(build),
        "SQLAlchemy and pandas": lambda: run([ALCHEMY, f"{FOLDER}/sql_alchemy.py", server]),
        "statements beside PostgreSQL 15": lambda: run(script("sql_postgres.py", server)),
        "redis-cli and redis-py": lambda: run(script("redis_interop.py")),
        "dashboards in Chromium": lambda: run(script("dashboards_browser.py")),
    }


def main():
    build, only = os.path.abspath(sys.argv[1]), sys.argv[2:]
    passed = failed = 0
    summary = []
    for name, call in suites(build).items():
        if only and not any(word in name for word in only):
            continue
        print(f"{name}:", flush=True)
        good, bad = call()
        passed, failed = passed + good, failed + bad
        summary.append(f"{name}: {good} passed, {bad} failed")
    print("\n".join(summary))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
