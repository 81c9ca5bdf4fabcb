#!/usr/bin/env python3
"""Seeds of fuzz_lake_log from tables that are there: their log entries, schemas, deletion vectors, paths.

Usage: lake_seeds.py CORPUS FOLDER...    (folders with tables, or with golden *.tar.zst archives)
"""

import glob
import hashlib
import json
import os
import subprocess
import sys
import tempfile

COMMIT, BITMAP, DESCRIPTOR, PATH, SCHEMA, NAME = range(6)  # as lake_log_fuzz.cpp tells them apart


def main(corpus, folders):
    os.makedirs(corpus, exist_ok=True)

    def seed(kind, data):
        name = os.path.join(corpus, hashlib.sha1(bytes([kind]) + data).hexdigest())
        with open(name, "wb") as file:
            file.write(bytes([kind]) + data)

    with tempfile.TemporaryDirectory() as unpacked:
        for folder in folders:
            for archive in glob.glob(folder + "/**/*.tar.zst", recursive=True):
                subprocess.run(["tar", "--zstd", "-xf", archive, "-C", unpacked], check=True)
        for folder in [*folders, unpacked]:
            for log in glob.glob(folder + "/**/_delta_log/*", recursive=True):
                seed(NAME, os.path.basename(log).encode())
                if log.endswith(".json"):
                    take_commit(log, seed)
            for vector in glob.glob(folder + "/**/deletion_vector_*.bin", recursive=True):
                with open(vector, "rb") as file:
                    data = file.read()
                seed(BITMAP, data[5:-4])
                seed(DESCRIPTOR, data)


def take_commit(log, seed):
    with open(log, "rb") as file:
        data = file.read()
    seed(COMMIT, data[:20_000])
    for line in data.splitlines():
        try:
            action = json.loads(line)
        except ValueError:
            continue
        if "metaData" in action:
            seed(SCHEMA, action["metaData"].get("schemaString", "").encode())
        for kind in ("add", "remove"):
            body = action.get(kind) or {}
            if "path" in body:
                seed(PATH, body["path"].encode())
            if body.get("deletionVector"):
                seed(DESCRIPTOR, json.dumps(body["deletionVector"]).encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
