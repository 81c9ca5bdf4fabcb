#!/usr/bin/env python3
"""Writes the seeds of fuzz_kafka_request into a folder: each request of the golden messages as a
frame, and once more as a stream.

usage: seeds.py FOLDER"""

import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHAPE = re.compile(r'kCall = \{(\d+), "(\w+)", \d+, \d+, (\w+)\}')


def shapes():
    """Name to (key, first flexible version), from the headers of the messages."""
    found = {}
    for header in (ROOT / "src/protocol/kafka").glob("messages_*.h"):
        for key, name, flexible in SHAPE.findall(header.read_text()):
            found[name] = (int(key), int(flexible) if flexible.isdigit() else 32767)
    return found


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    calls = shapes()
    golden = ROOT / "tests/protocol/data/kafka_messages.txt"
    for number, line in enumerate(golden.read_text().splitlines()):
        if line.startswith("#"):
            continue
        name, direction, version, body = line.split()
        if direction != "request":
            continue
        key, flexible = calls[name]
        frame = struct.pack(">hhih", key, int(version), number, 4) + b"fuzz"
        if int(version) >= flexible:
            frame += b"\0"
        frame += bytes.fromhex("" if body == "-" else body)
        (folder / f"{name}-{version}-{number}").write_bytes(frame)
        stream = b"\x1f" + struct.pack(">i", len(frame)) + frame
        (folder / f"{name}-{version}-{number}-stream").write_bytes(stream)


main()
