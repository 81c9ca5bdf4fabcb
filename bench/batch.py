"""Figures of batch work: task starts a second, and what heavy batch work costs the live path.

Usage: batch.py BUILD [part...]; AIRFLOW names a virtual environment with Apache Airflow, if there is one."""

import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from running import Waybill  # noqa: E402

PROBES = 150
PROBE_EVERY_S = 0.2
HEAVY = """
tasks:
""" + "".join(f"""
  t{n}: {{sql: "SELECT count(*) FROM (SELECT range % 1000003 AS k, sum(hash(range + {n})) AS s FROM range(0, 4000000000) GROUP BY 1)"}}
""" for n in range(4))


def figure(name: str, value: float, unit: str, peer: str = "") -> None:
    print(f"figure {name} {value:.3g} {unit}{peer}", flush=True)


def scheduler(build: pathlib.Path) -> None:
    out = subprocess.run([build / "bench/bench_scheduler"], capture_output=True, text=True, check=True, timeout=300).stdout
    peer = airflow()
    for line in out.splitlines():
        _, name, value, unit = line.split()
        more = f" peer airflow {peer:.3g} ratio {float(value) / peer:.3g}" if peer else ""
        print(f"figure {name} {value} {unit}{more}", flush=True)


AIRFLOW_DAG = """
from airflow import DAG
from airflow.providers.standard.operators.bash import BashOperator
with DAG("bench", schedule=None, catchup=False, max_active_tasks=32, max_active_runs=16) as dag:
    rows = [[BashOperator(task_id=f"t{r}_{n}", bash_command="true") for n in range(10)] for r in range(4)]
    for above, below in zip(rows, rows[1:]):
        for a, b in zip(above, below):
            a >> b
"""


def airflow() -> float:
    """Tasks a second of `airflow dags test`-free real scheduling (LocalExecutor, SQLite); 0 when it is not there."""
    venv = pathlib.Path(os.environ.get("AIRFLOW", pathlib.Path.home() / ".cache/waybill-peers/batch/airflow"))
    if not (venv / "STAMP").exists():
        print("  airflow is not installed: no peer", flush=True)
        return 0
    import tempfile
    with tempfile.TemporaryDirectory(prefix="airflow-") as folder:
        home = pathlib.Path(folder)
        (home / "dags").mkdir()
        (home / "dags/bench.py").write_text(AIRFLOW_DAG)
        env = {**os.environ, "AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
               "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"), "AIRFLOW__CORE__PARALLELISM": "8",
               "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
               "AIRFLOW__API__HOST": "127.0.0.1", "PATH": f"{venv / 'bin'}:{os.environ['PATH']}"}
        command = str(venv / "bin/airflow")
        process = subprocess.Popen([command, "standalone"], env=env, stdout=open(home / "out.log", "w"),
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            query = [str(venv / "bin/python"), "-c",
                     f"import sqlite3; c = sqlite3.connect('{home}/airflow.db'); print(c.execute(\"select state, count(*), "
                     "min(start_date), max(end_date) from task_instance group by 1\").fetchall())"]
            deadline = time.time() + 150
            while time.time() < deadline and subprocess.run([command, "dags", "trigger", "bench"], env=env, capture_output=True).returncode:
                time.sleep(3)
            begin = time.time()
            while time.time() < deadline + 120:
                rows = eval(subprocess.run(query, capture_output=True, text=True).stdout or "[]")  # noqa: S307 - our own query
                done = {r[0]: r for r in rows}
                if done.get("success", (0, 0))[1] == 40:
                    import datetime
                    first, last = (datetime.datetime.fromisoformat(t) for t in done["success"][2:])
                    return 40 / (last - first).total_seconds()
                time.sleep(1)
            print(f"  airflow did not end its 40 tasks within {time.time() - begin:.0f} s", flush=True)
            return 0
        finally:
            os.killpg(process.pid, 9)


def quantile(values: list, share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def to_gold(w: Waybill, name: str) -> list:
    """Milliseconds from sending a record until the look-up of its gold row shows it."""
    times = []
    for n in range(PROBES):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{n:03d}Z"
        begin = time.time()
        w.send("positions", [{"truck_id": f"probe-{name}", "event_time": stamp, "lat": 50.1, "lon": 8.6, "speed_kmh": n % 90,
                              "heading": 90, "status": "moving", "carrier": "Probe"}])
        while True:
            status, row = w.request(f"/v1/trucks/probe-{name}")
            if status == 200 and row["speed_kmh"] == n % 90:
                break
            if time.time() - begin > 20:
                raise RuntimeError(f"probe {n} did not arrive")
            time.sleep(0.005)
        times.append((time.time() - begin) * 1000)
        time.sleep(PROBE_EVERY_S * (0.5 + (n * 37 % 100) / 100))
    return times


def capacity(build: pathlib.Path) -> None:
    with Waybill() as w:
        (w.project / "dags").mkdir(exist_ok=True)
        (w.project / "dags/heavy.yaml").write_text(HEAVY)
        (w.project / "dags/old.yaml").write_text("schedule: '@daily'\n" + HEAVY)
        w.start(0)
        load = subprocess.Popen([build / "waybill", "simulate", "--to", w.url, "--trucks", "5000", "--rate", "2000/s", "--duration", "600s"],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            to_gold(w, "warm")
            alone = to_gold(w, "alone")
            figure("event_to_gold_p50_alone", quantile(alone, 0.5), "ms")
            figure("event_to_gold_p99_alone", quantile(alone, 0.99), "ms")
            for name, begin in {"daily": ("heavy/run", {}), "backfill": ("old/backfill", {"from": "2026-01-01", "to": "2026-01-11", "parallel": 10})}.items():
                w.request("/v1/dags/" + begin[0], json.dumps(begin[1]).encode())
                dag = begin[0].split("/")[0]
                w.until("heavy work", lambda d=dag: any(t["state"] == "running" for r in w.request(f"/v1/dags/{d}")[1]["runs"] for t in r["tasks"]), 20)
                beside = to_gold(w, name)
                still = any(t["state"] == "running" for r in w.request(f"/v1/dags/{dag}")[1]["runs"] for t in r["tasks"])
                figure(f"event_to_gold_p50_beside_{name}", quantile(beside, 0.5), "ms")
                figure(f"event_to_gold_p99_beside_{name}", quantile(beside, 0.99), "ms",
                       f" peer alone {quantile(alone, 0.99):.3g} ratio {quantile(beside, 0.99) / quantile(alone, 0.99):.3g}")
                if not still:
                    print(f"  the {name} work ended before the measurement did", flush=True)
                for run in w.request(f"/v1/dags/{dag}/runs?limit=100")[1]:
                    for n in range(4):
                        w.request(f"/v1/dags/{dag}/runs/{run['run']}/mark", json.dumps({"task": f"t{n}", "state": "skipped"}).encode())
                time.sleep(2)
        finally:
            load.kill()
            load.wait()


def main() -> int:
    build = pathlib.Path(sys.argv[1])
    os.environ.setdefault("WAYBILL", str(build / "waybill"))
    parts = {"scheduler": scheduler, "capacity": capacity}
    for name in sys.argv[2:] or parts:
        parts[name](build)
    return 0


if __name__ == "__main__":
    sys.exit(main())
