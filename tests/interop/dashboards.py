"""Every panel of the project's dashboards, asked by psql: as the page asks it and as Grafana would.

    tests/interop/dashboards.py

Starts a Waybill with a simulated fleet and waits for its first gold tables. Last line: `N passed, N failed`.
"""
import json
import pathlib
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from running import ROOT, Checks, Waybill  # noqa: E402

GRAFANA = ROOT / "projects" / "logistics" / "grafana" / "dashboards"
PROMETHEUS = ROOT / "projects" / "logistics" / "prometheus"
NEEDED = ["gold.truck_latest", "gold.hub_throughput", "gold.shipment_status"]


def psql(waybill, sql):
    done = subprocess.run(["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
                           str(waybill.postgres_port), "-U", "waybill", "waybill", "-c", sql],
                          capture_output=True, text=True, timeout=120)
    return done.returncode == 0, (done.stdout if done.returncode == 0 else done.stderr).strip()


def as_page(sql, chosen):
    """What the page puts in for the range and the parameters (web/src/views/dashboards/range.ts)."""
    words = {"from": "(now() - INTERVAL '86400 seconds')", "to": "now()", "bucket": "INTERVAL '900 seconds'"}
    return re.sub(r"\$([a-z_]+)", lambda m: words.get(m[1], chosen), sql)


def as_grafana(sql, chosen):
    """What Grafana's PostgreSQL data source puts in for its macros and variables."""
    sql = sql.replace("$__timeFrom()", "'2026-01-01T00:00:00Z'").replace("$__timeTo()", "'2027-01-01T00:00:00Z'")
    sql = sql.replace("$__interval_ms", "60000")
    return re.sub(r"\$\{[a-z_]+:sqlstring\}", f"'{chosen}'", sql)


def wait_for_tables(waybill):
    deadline = time.time() + 120
    while time.time() < deadline:
        if all(psql(waybill, f"SELECT 1 FROM {table} LIMIT 1") == (True, "1") for table in NEEDED):
            return True
        time.sleep(1)
    return False


def page_panels(waybill, checks):
    boards = waybill.request("/v1/dashboards")[1]
    checks.check("three dashboards or more, overview first",
                 len(boards) >= 3 and boards[0]["name"] == "overview", [board["name"] for board in boards])
    for name in (board["name"] for board in boards):
        spec = waybill.request(f"/v1/dashboards/{name}")[1]
        panels = spec.get("tiles", []) + spec.get("charts", []) + spec.get("parameters", [])
        for chosen in (["NULL", "'DEHAM'"] if spec.get("parameters") else ["NULL"]):
            for panel in panels:
                ok, answer = psql(waybill, as_page(panel["sql"], chosen))
                checks.check(f"page: {name}: {panel['title']} ({chosen})", ok, "" if ok else answer)


def grafana_panels(waybill, checks):
    for path in sorted(GRAFANA.glob("*.json")):
        board = json.loads(path.read_text())
        for chosen in ["*", "DEHAM"]:
            for panel in board["panels"]:
                ok, answer = psql(waybill, as_grafana(panel["targets"][0]["rawSql"], chosen))
                checks.check(f"grafana: {path.stem}: {panel['title']} ({chosen})", ok, "" if ok else answer)
        for variable in board["templating"]["list"]:
            ok, answer = psql(waybill, variable["query"])
            checks.check(f"grafana: {path.stem}: variable {variable['name']}", ok and "*" in answer, "" if ok else answer)


def prometheus_rules(waybill, checks):
    done = subprocess.run(["promtool", "check", "rules", str(PROMETHEUS / "rules.yaml")], capture_output=True, text=True)
    checks.check("promtool takes the rules", done.returncode == 0, done.stderr.strip())
    metrics = waybill.request("/metrics")[1]
    done = subprocess.run(["promtool", "check", "metrics"], input=metrics, capture_output=True, text=True)
    checks.check("promtool takes /metrics", done.returncode == 0, (done.stdout + done.stderr).strip()[:500])
    names = set(re.findall(r"\bwaybill_[a-z_]+", (PROMETHEUS / "rules.yaml").read_text()))
    for name in sorted(names):
        checks.check(f"rules: {name} is a metric", re.search(rf"^# TYPE {name.removesuffix('_bucket')} ", metrics, re.M) is not None)


def main():
    checks = Checks()
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "grafana.py"), "--check"], capture_output=True, text=True)
    checks.check("the Grafana files are those of the dashboards", done.returncode == 0, done.stdout.strip())
    with Waybill() as waybill:
        waybill.start(200)
        checks.check("gold tables have rows", wait_for_tables(waybill))
        waybill.run("run", "gold.on_time", check=False)
        waybill.run("run", "gold.delivery_performance", check=False)
        page_panels(waybill, checks)
        grafana_panels(waybill, checks)
        prometheus_rules(waybill, checks)
    return checks.close()


sys.exit(main())
