"""Great Expectations' own cases through `waybill validate`: every case that is meant for pandas,
PostgreSQL or SQLite, one suite each, results compared by the keys that the case names."""

import json
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import dateutil.parser
import pandas
import pyarrow
import pyarrow.parquet

ENGINES = {"pandas", "postgresql", "sqlite"}
SQL = {"postgresql", "sqlite"}
DIFFERENCES = pathlib.Path(__file__).with_name("quality_differences.txt")
TYPES = {"INTEGER": "int", "BIGINT": "int", "SMALLINT": "int", "INT": "int", "INT64DTYPE": "int",
         "DOUBLE_PRECISION": "float", "FLOAT": "float", "REAL": "float", "NUMERIC": "float",
         "DATETIME": "time", "TIMESTAMP": "time", "DATETIME64": "time", "DATE": "time",
         "VARCHAR": "text", "TEXT": "text", "STR": "text", "OBJECT": "text", "BOOLEAN": "bool"}


def engines(part):
    """The engines that a dataset or case is meant for."""
    def named(words):
        out = set(words)
        return out | (SQL if "sqlalchemy" in out else set())
    meant = set(ENGINES)
    if part.get("only_for") is not None:
        meant &= named(part["only_for"])
    return meant - named(part.get("suppress_test_for") or [])


def kind_of(values, declared):
    declared = TYPES.get(str(declared).upper().split("(")[0]) if declared else None
    present = [v for v in values if v is not None]
    if declared == "time":
        return "time"
    if not values and declared is None:
        return "float"
    if all(isinstance(v, bool) for v in present) and present:
        return "bool"
    if present and all(isinstance(v, int) and not isinstance(v, bool) for v in present):
        return "int"
    if present and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in present):
        return "float"
    if present and declared in ("int", "float"):
        try:
            [float(v) for v in present]
            return declared
        except (TypeError, ValueError):
            return "text"
    return "text" if present or declared in (None, "text") else declared


ARROW = {"int": pyarrow.int64(), "float": pyarrow.float64(), "bool": pyarrow.bool_(),
         "text": pyarrow.string(), "time": pyarrow.timestamp("us")}
CAST = {"int": lambda v: int(v), "float": float, "bool": bool, "time": dateutil.parser.parse,
        "text": lambda v: v if isinstance(v, str) else json.dumps(v)}


def write(data, schema, path):
    columns = {}
    for name, values in data.items():
        kind = kind_of(values, schema.get(name))
        columns[name] = pyarrow.array(
            [None if v is None else CAST[kind](v) for v in values], type=ARROW[kind])
    rows = len(next(iter(data.values()))) if data else 0
    columns["pk_index"] = pyarrow.array(range(rows), type=pyarrow.int64())
    pyarrow.parquet.write_table(pyarrow.table(columns), path)


TIME = re.compile(r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:?\d\d)?)?$")


def plain(value):
    """Times as one form, whole floats as ints, so that equal values look equal."""
    if isinstance(value, str) and TIME.match(value):
        try:
            return dateutil.parser.parse(value).replace(tzinfo=None).isoformat()
        except ValueError:
            return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return value


def same(ours, theirs, tolerance):
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours == theirs
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return math.isclose(ours, theirs, rel_tol=max(1e-7, tolerance), abs_tol=max(1e-6, tolerance))
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(a, b, tolerance) for a, b in zip(ours, theirs))
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return all(k in ours and same(ours[k], v, tolerance) for k, v in theirs.items())
    return ours == theirs


def sorted_plain(values):
    return sorted((plain(v) for v in values), key=lambda v: json.dumps(v, sort_keys=True))


def problem(case, answer, stderr):
    """What differs, or None."""
    out = case["out"]
    wanted = out.get("traceback_substring") or (case.get("error") or {}).get("traceback_substring")
    if answer is None:
        if wanted:
            return None if wanted.lower() in stderr.lower() else f"error without '{wanted}': {stderr.strip()}"
        return stderr.strip() or "no answer"
    one = answer["results"][0]
    if wanted:
        message = str(one["exception_info"]["exception_message"])
        if one["exception_info"]["raised_exception"] and wanted.lower() in message.lower():
            return None
        return f"error '{wanted}' expected, got {message} {one['result']}"
    if one["exception_info"]["raised_exception"]:
        return one["exception_info"]["exception_message"]
    tolerance = case.get("tolerance", 0)
    result = one["result"]
    for key, expected in out.items():
        if key == "success":
            ours = one["success"]
        elif key == "value_counts":
            ours = result.get("details", {}).get("value_counts")
        elif key == "result":
            ours = result
        else:
            ours = result.get(key, [] if key.startswith("unexpected") else None)
        if key in ("unexpected_list", "unexpected_index_list"):
            ours, expected = sorted_plain(ours), sorted_plain(expected)
        if not same(plain(ours), plain(expected), tolerance):
            return f"{key}: {json.dumps(ours)[:200]} for {json.dumps(expected)[:200]}"
    return None


class Runner:
    def __init__(self, waybill):
        self.waybill = waybill
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-cases-"))

    def run(self, expectation, kwargs, table, others):
        suite = self.folder / "suite.json"
        suite.write_text(json.dumps({"name": "case", "expectations": [
            {"type": expectation, "kwargs": kwargs, "meta": {}}]}))
        command = [self.waybill, "validate", str(suite), "--file", str(table), "--json",
                   "--result-format", "COMPLETE", "--index", "pk_index"]
        for name, path in others.items():
            command += ["--with", f"{name}={path}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        return (json.loads(done.stdout) if done.stdout.strip() else None), done.stderr


def differences():
    """Cases that differ for a reason: `file | title | reason`."""
    known = {}
    if DIFFERENCES.exists():
        for line in DIFFERENCES.read_text().splitlines():
            if line.strip() and not line.startswith("#"):
                file, title, reason = (part.strip() for part in line.split("|", 2))
                known[(file, title)] = reason
    return known


def schema_of(dataset):
    schemas = dataset.get("schemas", {})
    for engine in ("pandas", "postgresql", "sqlite"):
        if engine in schemas:
            return schemas[engine]
    return {}


def tables(runner, dataset):
    data = dataset["data"]
    if isinstance(data, dict):
        path = runner.folder / "table.parquet"
        write(data, schema_of(dataset), path)
        return path, {}, len(data)
    others = {}
    for one in data:
        path = runner.folder / f"{one['dataset_name']}.parquet"
        write(one["data"], {}, path)
        others[one["dataset_name"]] = path
    return next(iter(others.values())), others, 0


def adapted(expectation, case, columns):
    """The marking column is one more than the case's table has."""
    case = json.loads(json.dumps(case))
    if expectation == "expect_table_column_count_to_equal" and isinstance(case["in"]["value"], int):
        case["in"]["value"] += 1
        if "observed_value" in case["out"]:
            case["out"]["observed_value"] += 1
    return case


def run_file(runner, file, known, only=None):
    spec = json.loads(file.read_text())
    expectation = spec["expectation_type"]
    for dataset in spec["datasets"]:
        meant = engines(dataset)
        if not meant or not dataset["tests"]:
            continue
        needs_plain = expectation == "expect_table_columns_to_match_set"
        table, others, columns = tables(runner, dataset)
        if needs_plain:
            pyarrow.parquet.write_table(
                pyarrow.parquet.read_table(table).drop_columns(["pk_index"]), table)
        for case in dataset["tests"]:
            if not (meant & engines(case)) or (only and case["title"] != only):
                continue
            case = adapted(expectation, case, columns)
            kwargs = {k: v for k, v in case["in"].items() if k != "result_format"}
            answer, stderr = runner.run(expectation, kwargs, table, others)
            yield case["title"], problem(case, answer, stderr), known.get((file.name, case["title"]))


def run(waybill, folder):
    """(passed, failed, explained) over the folder's cases; prints each that differs."""
    runner = Runner(waybill)
    known = differences()
    passed = failed = explained = 0
    for file in sorted(pathlib.Path(folder).glob("*.json")):
        for title, found, reason in run_file(runner, file, known):
            if found is None:
                passed += 1
            elif reason:
                explained += 1
                print(f"differs: {file.stem}: {title}: {reason}")
            else:
                failed += 1
                print(f"FAILED: {file.stem}: {title}: {found}")
    return passed, failed, explained


if __name__ == "__main__":
    print("%d passed, %d failed, %d with a reason" % run(sys.argv[1], sys.argv[2]))
