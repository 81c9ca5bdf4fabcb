"""DAGs through the command and HTTP: what `check` refuses, what tasks do, and kill -9 at random moments."""

import http.server
import json
import os
import pathlib
import random
import tempfile
import threading
import time

from running import Waybill

SOURCE = "topic: pings\npartitions: 1\nformat: json\nschema:\n  id: string not null\n  n: integer\n"
MODEL = "---\ntable: gold.totals\nmode: daily at 02:00\n---\nSELECT count(*) AS pings, CAST(sum(n) AS BIGINT) AS n FROM bronze.pings\n"


def make_project(folder: pathlib.Path, dags: dict) -> Waybill:
    for part in ("sources", "models/gold", "dags"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "waybill.yaml").write_text("name: dags\nmemory: 512MB\npools: {narrow: 1}\n"
                                         "capacity: {daily: {memory: 512MB, tasks: 6}, backfill: {memory: 256MB, tasks: 2}}\n")
    (folder / "sources/pings.yaml").write_text(SOURCE)
    (folder / "models/gold/totals.sql").write_text(MODEL)
    for name, text in dags.items():
        (folder / f"dags/{name}.yaml").write_text(text)
    return Waybill(folder)


WRONG = {
    "a cycle is named with its path": (
        "tasks:\n  a: {shell: x, depends_on: c}\n  b: {shell: x, depends_on: a}\n  c: {shell: x, depends_on: b}\n", "a -> c -> b -> a"),
    "an unknown task": ("tasks:\n  a: {shell: x}\n  b: {shell: x, depends_on: [aa]}\n", "wrong.yaml:3: task 'b' waits for 'aa'"),
    "an impossible cron": ("schedule: 0 0 30 2 *\ntasks: {a: {shell: x}}\n", "wrong.yaml:1: cron '0 0 30 2 *': no day ever fits it"),
    "an unknown key, with the nearest": ("schedul: 0 0 1 2 *\ntasks: {a: {shell: x}}\n", "schedule"),
    "an unknown model, with the nearest": ("tasks:\n  a: {model: gold.total}\n", "gold.totals"),
    "an unknown zone, with the nearest": ("schedule: 0 0 * * *\ntime_zone: Europe/Berlim\ntasks: {a: {shell: x}}\n", "Europe/Berlin"),
    "an unknown kind of task": ("tasks:\n  a: {train: {model: eta}}\n", "train"),
    "a template of nothing": ("tasks:\n  a: {shell: 'echo {{ intervall.start }}'}\n", "did you mean 'interval.start'?"),
    "a pool that there is not": ("tasks:\n  a: {shell: x, pool: narow}\n", "narrow"),
    "two things in one task": ("tasks:\n  a: {shell: x, sql: SELECT 1}\n", "does two things"),
}


class Partner(http.server.BaseHTTPRequestHandler):
    """Answers 429 with Retry-After the first time, then 200."""

    calls: list = []

    def do_POST(self):  # noqa: N802 - the base class's name
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.calls.append((time.time(), self.headers.get("Idempotency-Key"), body))
        self.send_response(429 if len(self.calls) == 1 else 200)
        if len(self.calls) == 1:
            self.send_header("Retry-After", "2")
        self.end_headers()
        self.wfile.write(b"thanks")

    def log_message(self, *_):
        pass


def ended(w: Waybill, dag: str, run: str) -> dict | None:
    view = w.request(f"/v1/dags/{dag}/runs/{run}")[1]
    return view if view.get("state") in ("success", "failed") else None


def tasks_of(view: dict) -> dict:
    return {t["task"]: t for t in view["tasks"]}


def run_tasks(checks) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Partner)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/hook"
    dags = {
        "work": f"""
parameters: {{region: eu}}
tasks:
  call:
    http: {{method: POST, url: {url}, body: '{{"region": "{{{{ parameters.region }}}}"}}', allow_private: true}}
    retries: 2
    retry_delay: 1ms
  private: {{http: {url}, depends_on: call}}
  cleanup: {{shell: echo cleaned, depends_on: private, trigger: all_done}}
""",
        "shell": """
parameters: {word: hello}
tasks:
  say:
    shell: {command: 'echo {{ parameters.word }} "$MORE" "$WAYBILL_TASK"', env: {MORE: 'at {{ interval.start | date }}'}}
  slow: {shell: 'sleep 77 & sleep 77', timeout: 1 second}
  file: {sensor: {file: ready.txt, every: 200 ms}}
  after: {sql: 'SELECT 1 = 1', depends_on: file}
  no: {sql: 'SELECT 1 = 2', depends_on: file}
""",
        "timed": "schedule: 0 2 * * *\ntime_zone: Europe/Berlin\ntasks: {a: {model: gold.totals}}\n",
    }
    with tempfile.TemporaryDirectory(prefix="dags-") as folder:
        w = make_project(pathlib.Path(folder), dags)
        for name, (text, words) in WRONG.items():
            (w.project / "dags/wrong.yaml").write_text(text)
            done = w.run("check", check=False)
            said = done.stdout + done.stderr
            checks.check(f"dags: check names {name}", done.returncode == 1 and words in said and "wrong.yaml:" in said, said.strip()[:160])
        (w.project / "dags/wrong.yaml").unlink()
        checks.check("dags: check passes good ones", w.run("check", check=False).returncode == 0)
        w.start()
        w.send("pings", [{"id": str(i), "n": i} for i in range(10)])
        w.settle()
        run = w.request("/v1/dags/work/run", json.dumps({"parameters": {"region": 'u"s'}}).encode())[1]["run"]
        view = w.until("the calls", lambda: ended(w, "work", run), 60)
        states = {name: t["state"] for name, t in tasks_of(view).items()}
        checks.equal("dags: an HTTP task is tried again, a private address refused, the cleanup runs",
                     states, {"call": "success", "private": "failed", "cleanup": "success"})
        checks.check("dags: Retry-After is waited for", Partner.calls[1][0] - Partner.calls[0][0] >= 2)
        checks.equal("dags: the same key each time", len({c[1] for c in Partner.calls}), 1)
        checks.equal("dags: a parameter stays one value in JSON", json.loads(Partner.calls[1][2]), {"region": 'u"s'})
        run = w.request("/v1/dags/shell/run", json.dumps({"parameters": {"word": "a; touch hacked"}}).encode())[1]["run"]
        time.sleep(2.5)
        before = tasks_of(w.request(f"/v1/dags/shell/runs/{run}")[1])
        (w.project / "ready.txt").write_text("")
        view = w.until("the shell tasks", lambda: ended(w, "shell", run), 60)
        states = {name: t["state"] for name, t in tasks_of(view).items()}
        checks.equal("dags: a sensor waits without a slot", before["file"]["state"], "sensing")
        checks.equal("dags: timeouts, sensors and questions", states,
                     {"say": "success", "slow": "failed", "file": "success", "after": "success", "no": "failed"})
        out = w.run("dags", "logs", "shell", run, "say").stdout
        checks.check("dags: a parameter stays one word in a command, the log has the output",
                     "a; touch hacked at 20" in out and not (w.project / "hacked").exists(), out.strip()[-80:])
        left = [p for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if b"sleep\x0077" in read(p)]
        checks.equal("dags: what a task past its timeout started is ended with it", len(left), 0)
        checks.check("dags: list, show and next answer",
                     "timed" in w.run("dags", "list").stdout and "gold.totals" not in w.run("dags", "show", "shell").stdout
                     and "Europe" not in w.run("dags", "next", "--limit", "3").stdout)
        w.run("dags", "pause", "timed")
        checks.check("dags: pause is kept over a restart", w.stop() == 0 and w.start() > 0 and
                     "paused" in w.run("dags", "list").stdout)
        w.run("dags", "resume", "timed")
        fixed = w.request(f"/v1/dags/shell/runs/{run}/mark", json.dumps({"task": "slow", "state": "success"}).encode())[0]
        w.run("dags", "clear", "shell", run, "no")
        view = w.until("the cleared task", lambda: ended(w, "shell", run), 60)
        checks.equal("dags: mark and clear by command", (fixed, tasks_of(view)["slow"]["state"], tasks_of(view)["no"]["generation"]), (200, "success", 2))
        made = w.run("dags", "backfill", "timed", "--from", "2026-03-20", "--to", "2026-04-02", "--parallel", "4").stdout
        runs = w.until("the backfill", lambda: (r := w.request("/v1/dags/timed/runs?limit=100")[1]) and all(x["state"] == "success" for x in r) and r, 90)
        checks.equal("dags: a backfill makes a run for each interval, over summer time", (made.strip(), len({r["interval"]["end"] for r in runs})), ("13 runs made", 13))
        w.stop()
    server.shutdown()


def read(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


KILL = """
max_active_runs: 5
defaults: {retries: 3, retry_delay: 50ms}
tasks:
  a: {sql: {query: "SELECT '{{ run }}' AS run, 'a' AS task", into: gold.effects, mode: append}}
  b: {depends_on: a, shell: 'echo "$WAYBILL_INSTANCE" >> started.txt; sleep 0.05; sleep 600 & sleep 0.05'}
  model: {depends_on: a, model: gold.totals}
  c: {depends_on: [b, model], sql: {query: "SELECT '{{ run }}' AS run, 'c' AS task", into: gold.effects, mode: append}}
"""


def marked(data: str) -> list:
    return [p.parent.name for p in pathlib.Path("/proc").glob("[0-9]*/environ") if f"WAYBILL_TASKS_OF={data}\0".encode() in read(p)]


def trigger(w: Waybill, name: str) -> bool:
    try:
        return w.request("/v1/dags/kill/run", json.dumps({"id": name}).encode())[0] == 200
    except OSError:
        return False


def run_kills(checks, rounds: int = 25, seed: int = 20261123) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        w = make_project(pathlib.Path(folder), {"kill": KILL})
        data = str((w.project / "data").resolve())
        w.start()
        w.send("pings", [{"id": str(i), "n": i} for i in range(100)])
        w.settle()
        asked, resumed = [], 0
        for round_ in range(rounds):
            for n in range(4):
                asked.append(f"kill-{round_}-{n}")
                trigger(w, asked[-1])
            time.sleep(rng.uniform(0.02, 0.9))
            w.kill()
            w.start()
            view = w.request("/v1/dags/kill/runs?limit=1000")[1]
            resumed += sum(r["state"] == "running" for r in view)
        for name in asked:
            trigger(w, name)
        w.until("all runs", lambda: all(ended(w, "kill", name) for name in asked[-40:]) and
                all(r["state"] != "running" for r in w.request("/v1/dags/kill/runs?limit=1000")[1]), 180)
        runs = w.request("/v1/dags/kill/runs?limit=1000")[1]
        checks.equal(f"kills: every run asked for is there once after {rounds} kills (seed {seed})", sorted(r["run"] for r in runs), sorted(asked))
        checks.equal("kills: every run ends well", {r["state"] for r in runs}, {"success"})
        checks.check("kills: runs were under way when it was killed", resumed >= rounds / 2, f"{resumed} resumed")
        rows = w.sql("SELECT run, task, count(*) AS n FROM gold.effects GROUP BY 1, 2")
        checks.equal("kills: each append's effect is there", len(rows), 2 * len(asked))
        checks.equal("kills: and only once", [r for r in rows if r[2] != 1], [])
        ledger = [r for r in w.request("/v1/runs?limit=1000&model=gold.totals")[1] if r["mode"] == "daily"]
        first = len(ledger) - len(asked)  # the model's own first run, by its schedule
        checks.check("kills: the model committed once for each run", first in (0, 1), f"{len(ledger)} runs, {len(asked)} asked")
        commits = [h for h in w.sql("SELECT count(*) FROM gold.totals")]
        checks.equal("kills: and its table has one row", commits[0][0], 1)
        started = (w.project / "started.txt").read_text().split()
        checks.check("kills: each command started at least once, again only when cut off",
                     len(set(started)) == len(asked) and len(started) <= len(asked) + 6 * rounds, f"{len(started)} starts of {len(asked)}")
        w.until("commands' leftovers", lambda: not marked(data), 20)
        checks.equal("kills: no process of a task is left behind", len(marked(data)), 0)
        checks.equal("kills: it stops cleanly", w.stop(), 0)
