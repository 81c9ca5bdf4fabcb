"""What shows that quality is done: Great Expectations' own cases, the real Great Expectations beside
`waybill validate` on one file, and that file's dirt through a running platform: dead letters,
repair, redrive, gold.

  accept_quality.py WAYBILL PEERS   (PEERS has the environment ge1, and ge0 if it could be made)

Runs in PEERS/ge1. The last line is `N passed, N failed`."""

import csv
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]
os.environ["WAYBILL"] = str(pathlib.Path(sys.argv[1]).resolve())

import pandas  # noqa: E402

import quality_cases  # noqa: E402
import quality_lineage  # noqa: E402
import quality_scms  # noqa: E402
import running  # noqa: E402

PEERS = pathlib.Path(sys.argv[2])
SCMS = running.SHARED / "data/scms/SCMS_Delivery_History_Dataset.csv"


def cases(checks):
    folder = running.SHARED / "acceptance/great-expectations"
    passed, failed, explained = quality_cases.run(running.BINARY, folder)
    total = passed + failed + explained
    checks.check("Great Expectations' own cases", failed == 0 and passed >= 0.95 * total,
                 f"{passed} of {total}, {explained} differ with a reason")


def number_of(one):
    """Both sides keep `meta`: it says which expectation of the suite a result is of."""
    return one["expectation_config"]["meta"]["number"]


def kind_of(one):
    return one["expectation_config"].get("type") or one["expectation_config"].get("expectation_type")


def near(ours, theirs):
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(near(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(near, ours, theirs))
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return math.isclose(ours, theirs, rel_tol=1e-7, abs_tol=1e-9)
    return ours == theirs


def differences(ours, theirs):
    """What differs between two results of one expectation."""
    found = []
    if ours["success"] != theirs["success"]:
        found.append(f"success {ours['success']} for {theirs['success']}")
    for name in ("element_count", "unexpected_count", "missing_count", "unexpected_percent",
                 "observed_value"):
        # Theirs has counts for some aggregates, too; ours has none of missing rows about nulls.
        aggregate = "observed_value" in ours["result"] and name.endswith("count")
        about_nulls = name == "missing_count" and kind_of(ours).endswith("_null")
        if theirs["result"].get(name) is None or aggregate or about_nulls:
            continue
        if not near(ours["result"].get(name), theirs["result"][name]):
            found.append(f"{name} {ours['result'].get(name)} for {theirs['result'][name]}")
    return found


def beside(checks, scratch, environment, suite):
    python = PEERS / environment / "bin/python"
    if not python.exists():
        print(f"--    {environment} could not be installed")
        return
    (scratch / "suite.json").write_text(json.dumps(suite))
    done = subprocess.run([str(python), str(HERE / "quality_peer.py"), str(scratch / "scms.parquet"),
                           "SUMMARY"], capture_output=True, text=True, timeout=300, cwd=HERE)
    if done.returncode != 0:
        checks.check(f"{environment} runs", False, done.stderr[-500:])
        return
    peer = json.loads(done.stdout)
    began = time.monotonic()
    mine = subprocess.run([str(running.BINARY), "validate", str(scratch / "suite.json"), "--file",
                           str(scratch / "scms.parquet"), "--json"], capture_output=True, text=True)
    seconds = time.monotonic() - began
    ours = {number_of(one): one for one in json.loads(mine.stdout)["results"]}
    theirs = {number_of(one): one for one in peer["answer"]["results"]}
    checks.equal(f"expectations beside {peer['version']}", len(ours), len(theirs))
    for which, result in theirs.items():
        found = differences(ours[which], result) if which in ours else ["not there"]
        checks.check(f"{peer['version']} {which} {kind_of(result)}", not found, "; ".join(found))
    print(f"      {seconds:.2f} s with the start of a process, Great Expectations "
          f"{peer['seconds']:.2f} s without it")


def bad_input(checks, scratch):
    for name, suite, words in (
            ("unknown expectation", [{"type": "expect_column_values_to_be_betwen", "kwargs": {}}],
             ["suite.json", "expectation 1", "did you mean 'expect_column_values_to_be_between'"]),
            ("unknown argument", [{"type": "expect_column_to_exist", "kwargs": {"colum": "a"}}],
             ["suite.json", "expectation 1", "did you mean 'column'"])):
        (scratch / "suite.json").write_text(json.dumps({"name": "s", "expectations": suite}))
        done = subprocess.run([str(running.BINARY), "validate", str(scratch / "suite.json"), "--file",
                               str(scratch / "scms.parquet")], capture_output=True, text=True)
        checks.check(name, done.returncode == 1 and all(w in done.stderr for w in words), done.stderr.strip())


def profiled(checks, scratch):
    out = scratch / "proposed.json"
    subprocess.run([str(running.BINARY), "profile", "--file", str(scratch / "scms.parquet"), "--suite",
                    str(out)], check=True, capture_output=True)
    done = subprocess.run([str(running.BINARY), "validate", str(out), "--file",
                           str(scratch / "scms.parquet")], capture_output=True, text=True)
    checks.check("a proposed suite holds for the data that it came from", done.returncode == 0,
                 done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr)


def expected_dirt():
    """IDs of lines that break a rule of the project's suite, by our own reading of the file."""
    from datetime import datetime

    def day(text):
        for form in ("%d-%b-%y", "%m/%d/%y", "%Y-%m-%d"):
            try:
                return datetime.strptime(text, form)
            except ValueError:
                pass
        return None

    bad = {}
    with open(SCMS, encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            scheduled, delivered, recorded = (day(row[c]) for c in (
                "Scheduled Delivery Date", "Delivered to Client Date", "Delivery Recorded Date"))
            reasons = []
            if scheduled and delivered and not -365 <= (delivered - scheduled).days <= 365:
                reasons.append("days_late")
            if recorded and delivered and not 0 <= (recorded - delivered).days <= 365:
                reasons.append("days_to_record")
            if row["Weight (Kilograms)"] == "0":
                reasons.append("weight_kg")
            if reasons:
                bad[row["ID"]] = reasons
    return bad


def platform(checks):
    with running.Waybill() as waybill:
        inbox = waybill.project / "inbox/deliveries"
        inbox.mkdir(parents=True, exist_ok=True)
        shutil.copy(SCMS, inbox / "scms.csv")
        recorder = quality_lineage.Recorder()
        with open(waybill.project / "waybill.yaml", "a", encoding="utf-8") as file:
            file.write(f"\nopenlineage: {recorder.url}\n")
        (waybill.project / "quality/watch.yaml").write_text(
            "table: silver.deliveries\ntime: delivered_date\ndays: data\nnulls: [ordered_date]\n"
            "drift: [shipment_mode]\n")
        waybill.start()
        end = time.time() + 120

        def counts():
            try:
                return waybill.sql("SELECT (SELECT count(*) FROM silver.deliveries), (SELECT count(*) "
                                   "FROM dead_letters WHERE model = 'silver.deliveries')")[0]
            except Exception:  # noqa: BLE001 - the tables come with the first epoch
                return [0, 0]
        while sum(counts()) < 10324 and time.time() < end:
            time.sleep(0.5)
        good, dead = counts()
        checks.equal("good and dead rows are all rows", good + dead, 10324)
        bad = expected_dirt()
        letters = waybill.sql("SELECT id, reason, raw FROM dead_letters WHERE model = 'silver.deliveries'")
        by_line = {next(csv.reader([raw]))[0]: (id_, reason) for id_, reason, raw in letters}
        checks.equal("the lines that break a rule are the dead letters, and no others", sorted(by_line, key=int),
                     sorted(bad, key=int))
        unsaid = [line for line, reasons in bad.items()
                  for reason in reasons if line in by_line and f"{reason}: " not in by_line[line][1]]
        checks.check("each says every rule that it broke", not unsaid, unsaid[:5])
        both = waybill.sql("SELECT count(*) FROM silver.deliveries WHERE CAST(id AS VARCHAR) IN (" +
                           ", ".join(f"'{line}'" for line in by_line) + ")")[0][0]
        checks.equal("no dead line is in silver as well", both, 0)
        watched(checks, waybill, len(bad))
        redrive(checks, waybill, by_line, good)
        quality_lineage.check(checks, recorder)
        recorder.close()


def watched(checks, waybill, bad):
    status, partners = waybill.request("/v1/quality/partners")
    files = {one["file"]: one for topic in partners for one in topic["files"]} if status == 200 else {}
    file = next((one for name, one in files.items() if name.endswith("scms.csv")), {})
    checks.equal("the partner's file has its rows and bad rows", (file.get("rows"), file.get("bad")), (10324, bad))
    status, monitor = waybill.request("/v1/quality/monitors/watch/run", b"{}", {"Content-Type": "application/json"})
    checks.check("a monitor measures the table day by day",
                 status == 200 and "error" not in monitor and len(monitor["series"]) == 4,
                 monitor if status != 200 else monitor.get("error"))
    status, graph = waybill.request("/v1/lineage")
    edges = {(one["from"], one["to"]) for one in graph["edges"]} if status == 200 else {}
    checks.check("the graph of tables has the way to gold",
                 {("bronze.deliveries", "silver.deliveries"), ("silver.deliveries", "gold.delivery_performance"), ("silver.scans", "gold.long_dwells")} <= edges,
                 status)


def redrive(checks, waybill, by_line, good):
    # A line of which only the day of its record is wrong: it becomes the day of the delivery.
    line = next(line for line, reasons in expected_dirt().items() if reasons == ["days_to_record"])
    with open(SCMS, encoding="utf-8-sig") as file:
        row = next(row for row in csv.DictReader(file) if row["ID"] == line)
    id_ = by_line[line][0]
    repair = f"replace(raw, '{row['Delivery Recorded Date']}', '{row['Delivered to Client Date']}')"
    say = lambda *words: waybill.run("dead-letters", *words, check=False)  # noqa: E731
    dry = say("repair", id_, "--sql", repair, "--dry-run")
    checks.check("a dry run sends nothing", "would redrive 1" in dry.stdout, dry.stdout[-200:] + dry.stderr)
    checks.check("a repaired letter is sent", "redriven 1" in say("repair", id_, "--sql", repair).stdout)
    end = time.time() + 30
    while time.time() < end and waybill.sql("SELECT count(*) FROM silver.deliveries")[0][0] < good + 1:
        time.sleep(0.3)
    found = waybill.sql(f"SELECT count(*) FROM silver.deliveries WHERE CAST(id AS VARCHAR) = '{line}'")[0][0]
    checks.equal("the repaired row is in silver", found, 1)
    again = say("redrive", id_)
    checks.check("the same letter is not sent twice in silence",
                 "redriven 0" in again.stdout and "1 were redriven before" in again.stdout, again.stdout)
    waybill.run("run", "gold.delivery_performance")
    lines = waybill.sql("SELECT sum(deliveries) FROM gold.delivery_performance")[0][0]
    checks.equal("the repaired row arrives in gold", lines, good + 1)
    status, answer = waybill.request("/v1/quality/validate", json.dumps(
        {"suite": "deliveries.json", "table": "silver.deliveries"}).encode(), {"Content-Type": "application/json"})
    checks.check("a validation by HTTP", status == 200 and answer["success"], status)
    status, history = waybill.request("/v1/quality/history")
    checks.check("validations are kept", status == 200 and len(history) == 1, history if status != 200 else "")
    waybill.stop()
    waybill.start()
    status, history = waybill.request("/v1/quality/history")
    checks.check("and outlive a restart", status == 200 and len(history) == 1, status)
    again = say("redrive", id_)
    checks.check("as does what was redriven", "1 were redriven before" in again.stdout, again.stdout + again.stderr)


def main():
    checks = running.Checks()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="waybill-quality-"))
    try:
        frame = pandas.read_csv(SCMS, encoding="utf-8-sig", keep_default_na=False, na_values=[""])
        frame.to_parquet(scratch / "scms.parquet")
        cases(checks)
        beside(checks, scratch, "ge1", quality_scms.suite_1())
        beside(checks, scratch, "ge0", quality_scms.suite_018())
        bad_input(checks, scratch)
        profiled(checks, scratch)
        platform(checks)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return checks.close()


sys.exit(main())
