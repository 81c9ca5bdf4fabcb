"""A suite of 40 expectations on 10 million rows by `waybill validate`, beside Great Expectations on a
tenth of them scaled up, and beside one DuckDB scan that counts the same columns.

  quality.py WAYBILL [ROWS]   in an environment with great_expectations and pyarrow"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")

import numpy  # noqa: E402
import pyarrow  # noqa: E402
import pyarrow.parquet  # noqa: E402

WAYBILL = str(pathlib.Path(sys.argv[1]).resolve())
ROWS = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000
PIECE = 1_000_000
HERE = pathlib.Path(__file__).resolve().parent
PEER = HERE.parent / "tests/interop/quality_peer.py"
CITIES = ["Lagos", "Lima", "Oslo", "Rome", "Cairo", "Paris", "Quito", "Hanoi"]
NUMBERS = ["quantity", "weight", "price", "delay"]


def piece(random, first, rows):
    city = random.integers(0, len(CITIES), rows)
    numbers = {name: random.normal(100 * (i + 1), 10, rows) for i, name in enumerate(NUMBERS)}
    numbers["delay"][random.random(rows) < 0.02] = numpy.nan
    return pyarrow.table({
        "id": pyarrow.array(numpy.arange(first, first + rows)),
        "city": pyarrow.array(city).cast(pyarrow.int32()),
        "code": pyarrow.DictionaryArray.from_arrays(
            pyarrow.array(city), pyarrow.array(CITIES)).cast(pyarrow.string()),
        "lane": pyarrow.array(random.integers(1, 1000, rows)),
        **{name: pyarrow.array(values, from_pandas=True) for name, values in numbers.items()}})


def suite():
    def one(kind, **kwargs):
        return {"type": kind, "kwargs": kwargs, "meta": {}}
    made = [one("expect_table_row_count_to_be_between", min_value=1),
            one("expect_table_column_count_to_equal", value=8),
            one("expect_column_values_to_match_regex", column="code", regex="^[A-Z][a-z]+$"),
            one("expect_column_values_to_be_in_set", column="code", value_set=CITIES),
            one("expect_column_value_lengths_to_be_between", column="code", min_value=3, max_value=6),
            one("expect_column_distinct_values_to_equal_set", column="code", value_set=CITIES),
            one("expect_column_values_to_be_between", column="lane", min_value=1, max_value=1000),
            one("expect_column_pair_values_a_to_be_greater_than_b", column_A="weight",
                column_B="quantity", mostly=0.9, ignore_row_if="either_value_is_missing")]
    for i, column in enumerate(NUMBERS):
        middle = 100 * (i + 1)
        made += [one("expect_column_values_to_not_be_null", column=column, mostly=0.9),
                 one("expect_column_values_to_be_between", column=column, min_value=middle - 100,
                     max_value=middle + 100),
                 one("expect_column_mean_to_be_between", column=column, min_value=middle - 1,
                     max_value=middle + 1),
                 one("expect_column_stdev_to_be_between", column=column, min_value=9, max_value=11),
                 one("expect_column_min_to_be_between", column=column, min_value=0),
                 one("expect_column_max_to_be_between", column=column, max_value=1000),
                 one("expect_column_sum_to_be_between", column=column, min_value=1),
                 one("expect_column_values_to_not_be_in_set", column=column, value_set=[-1, -2])]
    return {"name": "bench", "expectations": made}


def timed(command, repeats=3):
    best = 1e9
    for _ in range(repeats):
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True)
        best = min(best, time.monotonic() - began)
    return best, done


def main():
    with tempfile.TemporaryDirectory(prefix="waybill-bench-quality-") as folder:
        folder = pathlib.Path(folder)
        random = numpy.random.default_rng(7)
        all_rows, tenth = folder / "all.parquet", folder / "tenth.parquet"
        writer = None
        for first in range(0, ROWS, PIECE):
            table = piece(random, first, min(PIECE, ROWS - first))
            if writer is None:
                writer = pyarrow.parquet.ParquetWriter(all_rows, table.schema)
                pyarrow.parquet.write_table(table, tenth)
            writer.write_table(table)
        writer.close()
        path = folder / "suite.json"
        path.write_text(json.dumps(suite()))
        empty = folder / "empty.json"
        ours, done = timed([WAYBILL, "validate", str(path), "--file", str(all_rows), "--json"])
        answer = json.loads(done.stdout)
        # One scan of the same columns, in the same process and DuckDB: a query of the user's own.
        names = ["code", "lane", *NUMBERS]
        scan = ", ".join([f"min({n}) AS a_{n}, max({n}) AS b_{n}, count({n}) AS c_{n}" for n in names])
        used = " + ".join(f"c_{n}" + ("" if n == "code" else f" + a_{n} + b_{n}") for n in names)
        empty.write_text(json.dumps({"name": "scan", "expectations": [
            {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query":
             f"SELECT * FROM (SELECT {scan} FROM {{batch}}) WHERE {used} < -1e300 OR a_code > b_code"}, "meta": {}}]}))
        raw, _ = timed([WAYBILL, "validate", str(empty), "--file", str(all_rows), "--json",
                        "--result-format", "BOOLEAN_ONLY"])
        raw /= 2  # an expectation of rows runs its query twice: to count, and to show
        peer = subprocess.run([sys.executable, str(PEER), str(tenth), "SUMMARY", str(path)],
                              capture_output=True, text=True, cwd=PEER.parent)
        theirs = json.loads(peer.stdout)
        scaled = theirs["seconds"] * ROWS / PIECE
        count = answer["statistics"]["evaluated_expectations"]
        print(f"      {count} expectations, {answer['statistics']['successful_expectations']} met; Great "
              f"Expectations {theirs['version']}: {theirs['answer']['statistics']['successful_expectations']} met")
        print(f"figure quality_suite_rows {ROWS / ours:.0f} rows/s peer great_expectations "
              f"{ROWS / scaled:.0f} ratio {scaled / ours:.1f}")
        print(f"figure quality_suite_seconds {ours:.2f} s peer duckdb_scan {raw:.2f} ratio {ours / raw:.2f}")


main()
