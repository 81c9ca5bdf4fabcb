#!/usr/bin/env python3
"""Figures of the lake, with DuckDB's COPY and delta-rs beside it.

Usage: lake.py BENCH_LAKE
Prints `figure NAME VALUE UNIT` lines with their aims; each figure is taken in a process of its own,
so that its memory is its own. A missed aim is no failure.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

ROWS, CHANGED, COMMITS, FILES = 10_000_000, 100_000, 1_000, 100_000


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
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name} {(time.monotonic() - start) * 1000:.1f} {peak}")


def delta_rs(folder, figure):
    from deltalake import DeltaTable, write_deltalake

    if figure == "append":
        start = time.monotonic()
        import pyarrow as pa

        schema = rows(0, 1).schema
        reader = pa.RecordBatchReader.from_batches(
            schema, (b for first in range(0, ROWS, 500_000) for b in rows(first, first + 500_000).to_batches()))
        write_deltalake(folder + "/rs", reader, mode="append")
        report("append", start)
    elif figure == "commits":
        start = time.monotonic()
        for i in range(COMMITS):
            write_deltalake(folder + "/rs_small", rows(i * 10, i * 10 + 10), mode="append")
        report("commits", start)
    elif figure == "merge":
        import pyarrow as pa

        step = ROWS // CHANGED
        changed = rows(0, CHANGED)
        changed = changed.set_column(0, "id", pa.array(range(0, CHANGED * step, step), pa.int64()))
        start = time.monotonic()
        (DeltaTable(folder + "/rs").merge(changed, "t.id = s.id", source_alias="s", target_alias="t")
         .when_matched_update_all().when_not_matched_insert_all().execute())
        report("merge", start)
    elif figure == "snapshot":
        start = time.monotonic()
        DeltaTable(folder + "/many")
        report("snapshot", start)


def take(command, **environment):
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        return None
    words = done.stdout.split()
    return (float(words[1]), int(words[2])) if words else None


def show(name, value, unit, note=""):
    print(f"figure {name} {value} {unit}{'  ' + note if note else ''}", flush=True)


def main(bench):
    folder = tempfile.mkdtemp(prefix="bench-lake-")
    own = lambda figure, number, **environment: take([bench, folder, figure, str(number)], **environment)
    rs = lambda figure: take([sys.executable, __file__, bench, folder, figure])
    try:
        copy, append, theirs = own("copy", ROWS), own("append", ROWS), rs("append")
        show("append_10m_rows", round(append[0]), "ms", f"{append[1]} MB")
        print(f"  DuckDB COPY {copy[0]:.0f} ms, {append[0] / copy[0]:.2f} of it (aim <= 1.15); "
              f"delta-rs {theirs[0]:.0f} ms, {theirs[1]} MB")
        small, theirs = own("commits", COMMITS), rs("commits")
        show("small_commit", round(small[0] / COMMITS, 2), "ms", f"of {COMMITS}")
        print(f"  aim <= 15 ms; delta-rs {theirs[0] / COMMITS:.2f} ms")
        merged, theirs = own("merge", CHANGED), rs("merge")
        show("upsert_100k_into_10m", round(merged[0]), "ms", f"{merged[1]} MB")
        print(f"  delta-rs {theirs[0]:.0f} ms, {theirs[1]} MB: {theirs[0] / merged[0]:.1f} times as fast (aim >= 3), "
              f"{merged[1] / theirs[1]:.2f} of its memory (aim <= 0.25)")
        shutil.rmtree(folder + "/big")
        own("append", ROWS, BENCH_VECTORS="1")
        vectors = own("merge", CHANGED)
        show("upsert_100k_into_10m_vectors", round(vectors[0]), "ms", f"{vectors[1]} MB, deletion vectors")
        own("prepare-snapshot", FILES)
        opened, theirs = own("snapshot", FILES), rs("snapshot")
        show("snapshot_100k_files", round(opened[0]), "ms", f"{opened[1]} MB")
        print(f"  delta-rs {theirs[0]:.0f} ms, {theirs[1]} MB")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        delta_rs(sys.argv[2], sys.argv[3])
    else:
        main(sys.argv[1])
