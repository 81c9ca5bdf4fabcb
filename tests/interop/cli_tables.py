#!/usr/bin/env python3
"""`waybill tables …` on a lake's folder: what it prints, what it does, how it refuses.

Usage: cli_tables.py WAYBILL LAKE_TOOL
Ends in one line "N passed, N failed".
"""

import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

import cases

WAYBILL, TOOL = sys.argv[1:3]
ROOT = tempfile.mkdtemp(prefix="cli-tables-")
ROWS = "SELECT i AS id, 'p' || (i % 3) AS p, i * 10 AS v FROM range({}, {}) AS r(i)"


def tool(*arguments):
    subprocess.run([TOOL, ROOT, *map(str, arguments)], check=True, capture_output=True)


def tables(*arguments, code=0):
    """What the command prints; on its error channel when it fails."""
    done = subprocess.run([WAYBILL, "tables", *map(str, arguments), "--lake", ROOT], capture_output=True, text=True)
    assert done.returncode == code, f"tables {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout if code == 0 else done.stdout + done.stderr


def parsed(*arguments, code=0):
    return json.loads(tables(*arguments, "--json", code=code))


def make():
    """silver/scans: versions 0 to 5, 20 rows; gold/days: empty, partitioned."""
    shutil.rmtree(ROOT, ignore_errors=True)
    os.makedirs(ROOT)
    tool("create", "silver/scans", "id bigint not null, p string, v bigint", "p", "delta.constraints.positive=v >= 0")
    for i in range(4):
        tool("append", "silver/scans", ROWS.format(i * 5, i * 5 + 5))
    tool("delete", "silver/scans", "id = 7")
    tool("create", "gold/days", "day date, n integer")


def list_shows_every_table():
    make()
    rows = {row["table"]: row for row in parsed("list")}
    assert set(rows) == {"silver.scans", "gold.days"}, rows
    assert rows["silver.scans"]["rows"] == 19 and rows["silver.scans"]["version"] == 5
    assert rows["gold.days"]["rows"] == 0 and rows["gold.days"]["files"] == 0
    text = tables("list")
    assert text.splitlines()[0].split()[:3] == ["table", "version", "files"], text
    assert "silver.scans" in text


def list_goes_on_beside_a_broken_table():
    make()
    with open(f"{ROOT}/gold/days/_delta_log/{0:020}.json", "w") as log:
        log.write('{"metaData":')
    rows = {row["table"]: row for row in parsed("list")}
    assert rows["silver.scans"]["rows"] == 19
    assert "line 1 is no JSON" in rows["gold.days"]["problem"], rows["gold.days"]


def history_names_what_was_done():
    make()
    rows = parsed("history", "silver.scans")
    assert [row["operation"] for row in rows] == ["DELETE"] + ["WRITE"] * 4 + ["CREATE TABLE"]
    assert [row["version"] for row in rows] == [5, 4, 3, 2, 1, 0]
    assert all(row["by"].startswith("Waybill/") for row in rows)
    assert len(parsed("history", "silver.scans", "--limit", 2)) == 2
    assert "id = 7" in tables("history", "silver.scans", "--limit", 1)


def describe_tells_columns_and_properties():
    make()
    found = parsed("describe", "silver.scans")
    assert found["rows"] == 19 and found["version"] == 5
    assert found["properties"]["delta.constraints.positive"] == "v >= 0"
    columns = {column["column"]: column for column in found["columns"]}
    assert columns["id"] == {"column": "id", "type": "BIGINT", "nullable": False, "partition": False}
    assert columns["p"]["partition"] and columns["p"]["type"] == "VARCHAR"
    assert parsed("describe", "silver.scans", "--version", 2)["rows"] == 10
    text = tables("describe", "silver.scans")
    assert text.startswith("silver.scans at version 5: 19 rows"), text
    assert "delta.constraints.positive = v >= 0" in text


def diff_shows_rows_of_both_sides():
    make()
    assert parsed("diff", "silver.scans", 4, 5) == [{"change": "-", "id": 7, "p": "p1", "v": 70}]
    added = parsed("diff", "silver.scans", 3, 4)
    assert [row["change"] for row in added] == ["+"] * 5
    assert {row["id"] for row in added} == {15, 16, 17, 18, 19}
    assert len(parsed("diff", "silver.scans", 0, 4, "--limit", 3)) == 3
    assert parsed("diff", "silver.scans", 5, 5) == []
    assert tables("diff", "silver.scans", 4, 5).split()[:4] == ["change", "id", "p", "v"]


def restore_makes_a_new_version():
    make()
    text = tables("restore", "silver.scans", 2)
    assert "version 2" in text and "version 6" in text, text
    assert parsed("diff", "silver.scans", 2, 6) == []
    assert parsed("describe", "silver.scans")["rows"] == 10
    assert parsed("history", "silver.scans", "--limit", 1)[0]["operation"] == "RESTORE"


def optimize_joins_files_and_keeps_rows():
    make()
    before = parsed("describe", "silver.scans")["files"]
    assert f"{before} files of silver.scans replaced" in tables("optimize", "silver.scans")
    assert parsed("describe", "silver.scans")["files"] == 3
    assert parsed("diff", "silver.scans", 5, 6) == []
    assert "0 files" in tables("optimize", "silver.scans")
    assert "3 files" in tables("optimize", "silver.scans", "--zorder", "id,v")
    assert parsed("diff", "silver.scans", 5, 7) == []


def data_files():
    return sorted(glob.glob(ROOT + "/silver/scans/p=*/*.parquet"))


def vacuum_says_first_and_deletes_then():
    make()
    tables("optimize", "silver.scans")
    before = data_files()
    assert "0 files" in tables("vacuum", "silver.scans"), "everything is younger than what the table promises"
    dry = parsed("vacuum", "silver.scans", "--dry-run", "--keep", "0s", "--force")
    assert dry["dry_run"] and len(dry["paths"]) == len(before) - 3 and dry["bytes"] > 0
    assert data_files() == before
    said = tables("vacuum", "silver.scans", "--keep", "0s", code=1)
    assert "is less than its" in said and "force" in said, said
    assert data_files() == before
    assert f"{len(before) - 3} files" in tables("vacuum", "silver.scans", "--keep", "0s", "--force")
    assert len(data_files()) == 3
    assert parsed("describe", "silver.scans")["rows"] == 19
    said = tables("restore", "silver.scans", 2, code=1)
    assert "cannot restore" in said and "is gone" in said, said


def fsck_finds_what_is_wrong():
    make()
    assert parsed("fsck") == []
    victim = data_files()[0]
    with open(victim, "r+b") as file:
        file.truncate(20)
    said = tables("fsck", code=1)
    assert os.path.basename(victim) in said and "it has 20 bytes" in said and "1 problems found" in said, said
    os.remove(victim)
    assert os.path.basename(victim) in tables("fsck", "silver.scans", code=1)
    assert tables("fsck", "gold.days") is not None
    os.remove(f"{ROOT}/silver/scans/_delta_log/{2:020}.json")
    assert "version 2 is missing" in tables("fsck", "silver.scans", code=1)


def what_is_wrong_is_said_with_its_mend():
    make()
    cases = [
        (("describe", "silver.scan"), "there is no table silver.scan", "silver.scans"),
        (("describe", "../silver"), "is no table name", "use letters"),
        (("describe", "silver.scans", "--version", 99), "has no version 99", "newest is 5"),
        (("diff", "silver.scans", "yesterday", 2), "is no version and no time", "write a version"),
        (("restore", "silver.scans", 99), "has no version 99", ""),
        (("diff", "silver.scans", "2001-01-01T00:00:00Z", 2), "no version at", "ask for a time from"),
        (("optimize", "silver.scans", "--zorder", "nope"), "no such column", "name columns"),
        (("vacuum", "silver.scans", "--keep", "soon"), "not a duration", "for example"),
    ]
    wrong = []
    for arguments, first, mend in cases:
        said = tables(*arguments, code=1)
        if not said.startswith("waybill: ") or first not in said or mend not in said:
            wrong.append(f"{arguments}: {said}")
    assert not wrong, "\n".join(wrong)
    done = subprocess.run([WAYBILL, "tables", "list", "--lake", ROOT + "/none"], capture_output=True, text=True)
    assert done.returncode == 1 and "there is no lake at" in done.stderr, done.stderr
    assert parsed("history", "silver.scans", "--limit", 1)[0]["version"] == 5, "nothing was changed"


CASES = (list_shows_every_table, list_goes_on_beside_a_broken_table, history_names_what_was_done, describe_tells_columns_and_properties,
         diff_shows_rows_of_both_sides, restore_makes_a_new_version, optimize_joins_files_and_keeps_rows,
         vacuum_says_first_and_deletes_then, fsck_finds_what_is_wrong, what_is_wrong_is_said_with_its_mend)


def main():
    status = cases.run(CASES)
    shutil.rmtree(ROOT, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
