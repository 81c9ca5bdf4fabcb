#!/usr/bin/env python3
"""Writes the seeds of fuzz_postgres_session into a folder: sessions as clients have them.

usage: pg_seeds.py FOLDER"""

import pathlib
import struct
import sys


def message(kind, body=b""):
    return kind + struct.pack(">i", len(body) + 4) + body


def startup(user=b"u", more=b""):
    body = struct.pack(">i", 3 << 16) + b"user\0" + user + b"\0" + more + b"\0"
    return struct.pack(">i", len(body) + 4) + body


def query(text):
    return message(b"Q", text.encode() + b"\0")


def extended(text, values=(), limit=0, portal=b""):
    bind = portal + b"\0s\0" + struct.pack(">hh", 0, len(values))
    for value in values:
        bind += struct.pack(">i", len(value)) + value
    bind += struct.pack(">hh", 1, 1)
    return (message(b"P", b"s\0" + text.encode() + b"\0" + struct.pack(">hi", 1, 25)) + message(b"D", b"Ss\0") +
            message(b"B", bind) + message(b"D", b"P" + portal + b"\0") +
            message(b"E", portal + b"\0" + struct.pack(">i", limit)) +
            message(b"E", portal + b"\0" + struct.pack(">i", limit)) + message(b"C", b"Ss\0") + message(b"S"))


QUERIES = [
    "SELECT 1", "SELECT 1; SELECT 2; x; SELECT 3", "BEGIN; SAVEPOINT a; x; ROLLBACK TO a; RELEASE a; COMMIT",
    "SET application_name = 'a'; SHOW ALL; RESET ALL; SET LOCAL statement_timeout TO '5s'",
    "BEGIN; DECLARE c CURSOR FOR SELECT 1; FETCH 3 FROM c; MOVE 2 IN c; FETCH ALL FROM c; CLOSE c; COMMIT",
    "COPY (SELECT 'a', \"b\") TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';', NULL 'n', FORCE_QUOTE *)",
    "COPY t (a, b) TO STDOUT BINARY", "COPY t FROM STDIN", "COPY t TO STDOUT (DELIMITER '|')",
    "SELECT set_config('search_path', 'a', false)", "SELECT pg_cancel_backend(12)", "DEALLOCATE ALL; DISCARD ALL",
    "/* a /* b */ c */ SELECT $$x$$, E'\\n', 'it''s', $1 -- end",
]


def seeds():
    for text in QUERIES:
        yield b"\0" + startup() + query(text) + message(b"X")
        yield b"\0" + startup(more=b"options\0-c search_path=a\0") + extended(text, [b"abc"], 2, b"p")
    yield b"\0" + struct.pack(">ii", 8, 80877103) + struct.pack(">ii", 8, 80877104) + startup() + query("SELECT 1")
    yield b"\0" + struct.pack(">iiii", 16, 80877102, 7, 9)
    first = b"n,,n=u,r=abc"
    yield (b"\1" + startup() + message(b"p", b"SCRAM-SHA-256\0" + struct.pack(">i", len(first)) + first) +
           message(b"p", b"c=biws,r=abcxyz,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))
    yield b"\2" + startup()
    yield b"\x1c" + startup() + query("SELECT 1") + message(b"F", b"x") + message(b"d", b"y") + message(b"H") + message(b"S")


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds()):
        (folder / f"session{number}").write_bytes(seed)


main()
