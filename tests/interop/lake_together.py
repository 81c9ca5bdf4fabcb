"""delta-rs and Waybill append, merge and compact one table at the same time; one of Waybill's writers
is killed now and then. Every acknowledged row is there at the end, once."""

import random
import subprocess
import threading
import time

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from lake_kinds import COLUMNS, NAMES
from lake_peers import by_delta_rs, by_duckdb, by_waybill, path, tool, tool_command

TABLE = "together"
ONE = "SELECT {0} AS id, '{1}' AS p, {0} AS v"
KINDS = {1: "delta-rs appends", 2: "delta-rs merges", 3: "Waybill appends", 4: "Waybill merges", 5: "Waybill's killed writer"}
FIRST = 10_000_000


class Run:
    def __init__(self, seconds):
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.acknowledged, self.problems, self.lost = set(), [], 0

    def going(self):
        return time.monotonic() < self.end

    def acknowledge(self, number):
        with self.lock:
            self.acknowledged.add(number)

    def work(self, kind, write):
        number = kind * FIRST
        while self.going():
            number += 1
            try:
                write(number)
            except Exception as error:  # delta-rs gives up after its retries: not acknowledged
                self.note(error)
                continue
            self.acknowledge(number)

    def note(self, error):
        """Waybill may lose to the other only by name; anything else is a problem."""
        with self.lock:
            self.lost += 1
            text = str(error)
            if "lake_tool" in text and not any(known in text for known in ("may or may not", "attempts lost the race", "version")):
                self.problems.append(text[:300])

    def maintain(self, run):
        while self.going():
            try:
                run()
            except Exception as error:
                self.note(error)
            time.sleep(1)

    def killed_writer(self):
        """Appends in one process until it is killed; then another goes on with new numbers."""
        number = 5 * FIRST
        while self.going():
            first, number = number, number + 100_000
            command = tool_command("append-many", TABLE, ONE.format(f"({first} + {{n}})", "killed"), 100_000)
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
                until = min(time.monotonic() + random.uniform(1, 6), self.end)
                threading.Timer(until - time.monotonic(), process.kill).start()
                for line in process.stdout:
                    if line.startswith("ok ") and line.endswith("\n"):
                        self.acknowledge(first + int(line[3:]))


def rs_append(number):
    write_deltalake(path(TABLE), pa.table({"id": [number], "p": ["rs"], "v": [number]}), mode="append")


def rs_merge(number):
    """In a partition of its own: a merge that reads the whole table loses to every append."""
    source = pa.table({"id": [number], "p": ["rs merges"], "v": [number]})
    (DeltaTable(path(TABLE)).merge(source, "t.p = 'rs merges' AND t.id = s.id", source_alias="s", target_alias="t")
     .when_matched_update_all().when_not_matched_insert_all().execute())


def together(seconds):
    tool("create", TABLE, COLUMNS, "p")
    run = Run(seconds)
    targets = [
        (run.work, (1, rs_append)),
        (run.work, (2, rs_merge)),
        (run.work, (3, lambda n: tool("append", TABLE, ONE.format(n, "appends")))),
        (run.work, (4, lambda n: tool("merge", TABLE, ONE.format(n, "merges"), "target.id = source.id"))),
        (run.killed_writer, ()),
        (run.maintain, (lambda: tool("compact", TABLE),)),
        (run.maintain, (lambda: DeltaTable(path(TABLE)).optimize.compact(),)),
    ]
    threads = [threading.Thread(target=target, args=arguments) for target, arguments in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not run.problems, run.problems[:3]
    rows = by_waybill(TABLE, NAMES)
    found = [row[0] for row in rows]
    assert len(found) == len(set(found)), "a row is there twice"
    missing = run.acknowledged - set(found)
    assert not missing, f"{len(missing)} of {len(run.acknowledged)} acknowledged rows are missing: {sorted(missing)[:5]}"
    assert all(row[2] == row[0] for row in rows), "a row has other values"
    assert by_delta_rs(TABLE, NAMES) == rows and by_duckdb(TABLE, NAMES) == rows, "other engines read other rows"
    each = {name: sum(1 for n in run.acknowledged if n // FIRST == kind) for kind, name in KINDS.items()}
    assert all(each.values()), f"one of them wrote nothing: {each}"
    print(f"  in {seconds} s, version {DeltaTable(path(TABLE)).version()}, acknowledged {len(run.acknowledged)} of {len(found)}: "
          + ", ".join(f"{name} {count}" for name, count in each.items()) + f"; {run.lost} refused")


def cases(seconds):
    return [("delta-rs and Waybill on one table: every acknowledged row is there once", lambda: together(seconds))]
