#!/usr/bin/env python3
"""Figures of the lake, with DuckDB's COPY and delta-rs beside it.

Usage: lake.py BENCH_LAKE
Prints `figure NAME VALUE UNIT [peer NAME VALUE ratio RATIO]` lines (ratio = ours / theirs) with
their aims. Each time is taken in a process of its own, so that its memory is its own; where a run
is cheap it is the median of three, ours and theirs in turn. A missed aim is no failure.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROWS, CHANGED, COMMITS, FILES, SCANNED_FILES, RUNS = 10_000_000, 100_000, 1_000, 100_000, 200, 3


def rows(first, last):
    import numpy as np
    import pyarrow as pa

    i = np.arange(first, last)
    return pa.table({
        "id": i, "a": i * 7, "b": i % 100,
        "truck": pa.DictionaryArray.from_arrays(pa.array((i % 5000).astype("int32")), [f"truck-{k}" for k in range(5000)]).cast(pa.string()),
        "carrier": pa.DictionaryArray.from_arrays(pa.array((i % 40).astype("int32")), [f"carrier {k}" for k in range(40)]).cast(pa.string()),
        "load": i * 0.25,
        "event_time": pa.array(1767225600000000 + i * 1003, pa.int64()).cast(pa.timestamp("us", "UTC")),
    })


def report(name, start):
    took = (time.monotonic() - start) * 1000
    print(f"{name} {took:.3f} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}")


def rs_append(folder, _):
    import pyarrow as pa
    from deltalake import write_deltalake

    schema = rows(0, 1).schema
    start = time.monotonic()
    reader = pa.RecordBatchReader.from_batches(
        schema, (b for first in range(0, ROWS, 500_000) for b in rows(first, first + 500_000).to_batches()))
    write_deltalake(folder + "/rs", reader, mode="append")
    report("append", start)


def rs_commits(folder, number):
    from deltalake import write_deltalake

    start = time.monotonic()
    for i in range(number):
        write_deltalake(folder + "/rs_small", rows(i * 10, i * 10 + 10), mode="append")
    report("commits", start)


def rs_merge(folder, offset):
    import pyarrow as pa
    from deltalake import DeltaTable

    step = ROWS // CHANGED
    changed = rows(0, CHANGED)
    changed = changed.set_column(0, "id", pa.array(range(offset, offset + CHANGED * step, step), pa.int64()))
    start = time.monotonic()
    (DeltaTable(folder + "/rs").merge(changed, "t.id = s.id", source_alias="s", target_alias="t")
     .when_matched_update_all().when_not_matched_insert_all().execute())
    report("merge", start)


def rs_snapshot(folder, _):
    from deltalake import DeltaTable

    start = time.monotonic()
    files = len(DeltaTable(folder + "/many").file_uris())
    report("snapshot", start)
    assert files >= FILES, files


def rs_update(folder, number):
    from deltalake import DeltaTable

    table, took = DeltaTable(folder + "/many"), []
    for _ in range(number):
        subprocess.run([sys.argv[1], folder, "commit-one", "1"], check=True)
        start = time.monotonic()
        table.update_incremental()
        took.append((time.monotonic() - start) * 1000)
    print(f"update {statistics.median(took):.3f} 0")


def rs_query(sql):
    def run(folder, _):
        from deltalake import DeltaTable, QueryBuilder

        start = time.monotonic()
        QueryBuilder().register("t", DeltaTable(folder + "/files")).execute(sql).read_all()
        report("query", start)

    return run


DELTA_RS = {"append": rs_append, "commits": rs_commits, "merge": rs_merge, "snapshot": rs_snapshot, "update": rs_update,
            "count": rs_query("SELECT count(*) FROM t"),
            "filtered": rs_query(f"SELECT count(*), sum(load) FROM t WHERE id BETWEEN {ROWS // 2} AND {ROWS // 2 + 999}")}


class Bench:
    def __init__(self, binary):
        self.binary, self.folder = binary, tempfile.mkdtemp(prefix="bench-lake-")

    def take(self, command, environment):
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}:\n{done.stderr}")
        words = done.stdout.split()
        return (float(words[1]), int(words[2])) if words else None

    def own(self, figure, number, **environment):
        return self.take([self.binary, self.folder, figure, str(number)], environment)

    def rs(self, figure, number=0):
        return self.take([sys.executable, __file__, self.binary, self.folder, figure, str(number)], {})

    def remove(self, table):
        shutil.rmtree(f"{self.folder}/{table}", ignore_errors=True)

    def append(self):
        own, copied, theirs = [], [], []
        for _ in range(RUNS):
            self.remove("big")
            copied.append(self.own("copy", ROWS))
            own.append(self.own("append", ROWS))
        for _ in range(RUNS):
            self.remove("rs")
            theirs.append(self.rs("append"))
        show("append_10m_rows", own, "ms", ("duckdb_copy", copied), ("delta_rs", theirs), aim="duckdb_copy <= 1.15")

    def commits(self):
        show("fdatasync_of_a_small_file", [self.own("sync", 200)], "ms")
        each = lambda taken: [(taken[0] / COMMITS, taken[1])]
        own = each(self.own("commits", COMMITS))
        show("small_commit", own, "ms", ("delta_rs_without_sync", each(self.rs("commits", COMMITS))), aim="15 ms")

    def merge(self):
        own, theirs = [], []
        for run in range(RUNS):
            own.append(self.own("merge", CHANGED, BENCH_OFFSET=str(run)))
            theirs.append(self.rs("merge", run))
        show("upsert_100k_into_10m", own, "ms", ("delta_rs", theirs), aim="<= 0.33")
        show("upsert_100k_into_10m_memory", [(m, 0) for _, m in own], "MB", ("delta_rs", [(m, 0) for _, m in theirs]), aim="<= 0.25")
        self.remove("big")
        self.remove("copy.parquet")
        self.own("append", ROWS, BENCH_VECTORS="1")
        vectors = [self.own("merge", CHANGED, BENCH_OFFSET=str(run)) for run in range(RUNS)]
        show("upsert_100k_into_10m_vectors", vectors, "ms", ("delta_rs", theirs))
        self.remove("big")
        self.remove("rs")

    def snapshot(self):
        self.own("prepare-snapshot", FILES)
        for name in ("snapshot_100k_files_json", "snapshot_100k_files_checkpoint"):
            own, theirs = [], []
            for _ in range(RUNS):
                own.append(self.own("snapshot", FILES))
                theirs.append(self.rs("snapshot"))
            show(name, own, "ms", ("delta_rs", theirs))
            show(name + "_memory", [(m, 0) for _, m in own], "MB", ("delta_rs", [(m, 0) for _, m in theirs]))
            if name.endswith("json"):
                show("checkpoint_100k_files", [self.own("checkpoint", FILES)], "ms")
        show("snapshot_update_100k_files", [self.own("update", 20)], "ms", ("delta_rs", [self.rs("update", 5)]))
        self.remove("many")

    def scan(self):
        self.own("prepare-scan", SCANNED_FILES)
        for name, number in (("count", 0), ("filtered", ROWS // 2)):
            own, theirs = [], []
            for _ in range(RUNS):
                own.append(self.own(name, number))
                theirs.append(self.rs(name))
            show(f"open_and_{name}_{SCANNED_FILES}_files", own, "ms", ("delta_rs", theirs))


def show(name, own, unit, *peers, aim=""):
    middle = lambda taken: statistics.median(value for value, _ in taken)
    text = lambda value: f"{value:.0f}" if value >= 100 else f"{value:.2f}"
    line = f"figure {name} {text(middle(own))} {unit}"
    for peer, taken in peers:
        line += f" peer {peer} {text(middle(taken))} ratio {middle(own) / middle(taken):.2f}"
    print(line + (f"  (aim {aim})" if aim else ""), flush=True)


def main(binary):
    bench = Bench(binary)
    try:
        bench.append()
        bench.commits()
        bench.merge()
        bench.snapshot()
        bench.scan()
    finally:
        shutil.rmtree(bench.folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        DELTA_RS[sys.argv[3]](sys.argv[2], int(sys.argv[4]))
    else:
        main(sys.argv[1])
