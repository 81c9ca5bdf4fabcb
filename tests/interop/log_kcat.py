"""kcat (librdkafka 2.0.2) against a Kafka door: lists, produces, consumes, groups, queries.

    log_kcat.py BOOTSTRAP [CASE...]    ends in one line "N passed, N failed"
"""
import hashlib
import json
import random
import subprocess
import sys
import time

from cases import fresh, output_of, run, until
from log_peers import kcat


class Kcat:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.tool = kcat()

    def command(self, *arguments):
        return [self.tool, "-b", self.bootstrap, "-q", *map(str, arguments)]

    def __call__(self, *arguments, given=None, seconds=60):
        if isinstance(given, str):
            given = given.encode()
        return output_of(self.command(*arguments), given, seconds).decode()

    def produce(self, topic, lines, *arguments):
        self("-P", "-t", topic, *arguments, given="".join(line + "\n" for line in lines))

    def consume(self, topic, *arguments):
        return self("-C", "-t", topic, "-e", *arguments).splitlines()


def lists_brokers_topics_and_partitions(cat):
    topic = fresh("kcat-list")
    cat.produce(topic, ["a"])
    listed = json.loads(cat("-L", "-J"))
    assert f"{listed['brokers'][0]['name']}" == cat.bootstrap, listed["brokers"]
    found = [t for t in listed["topics"] if t["topic"] == topic]
    assert [p["partition"] for p in sorted(found[0]["partitions"], key=lambda p: p["partition"])] == [0, 1, 2, 3]
    assert all(p["leader"] == listed["brokers"][0]["id"] for p in found[0]["partitions"])


def what_is_produced_comes_back_in_order(cat):
    topic = fresh("kcat-order")
    lines = [f"line {i} ü" for i in range(20000)]
    cat.produce(topic, lines, "-p", 1)
    assert cat.consume(topic, "-p", 1) == lines
    assert cat.consume(topic, "-p", 0) == []


def every_codec_gives_the_same_bytes(cat):
    lines = [hashlib.sha256(str(i).encode()).hexdigest() * (1 + i % 7) for i in range(3000)]
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = fresh(f"kcat-{codec}")
        cat.produce(topic, lines, "-p", 0, "-z", codec)
        assert cat.consume(topic, "-p", 0, "-X", "check.crcs=true") == lines, codec


def keys_headers_and_timestamps_are_kept(cat):
    topic = fresh("kcat-keys")
    before = int(time.time() * 1000)
    cat.produce(topic, [f"key{i}|value {i}" for i in range(10)], "-K", "|", "-H", "origin=hub 7", "-H", "empty=", "-p", 2)
    rows = [json.loads(line) for line in cat.consume(topic, "-J")]
    assert [(r["key"], r["payload"]) for r in rows] == [(f"key{i}", f"value {i}") for i in range(10)]
    assert all(r["headers"] == ["origin", "hub 7", "empty", ""] for r in rows), rows[0]
    assert [r["offset"] for r in rows] == list(range(10)) and all(r["partition"] == 2 for r in rows)
    assert all(before <= r["ts"] <= time.time() * 1000 and r["tstype"] == "create" for r in rows)


def null_and_empty_keys_and_values_differ(cat):
    topic = fresh("kcat-null")
    cat.produce(topic, ["k1|", "|v2", "k3|v3"], "-K", "|", "-Z", "-p", 0)
    rows = [json.loads(line) for line in cat.consume(topic, "-J")]
    assert [(r["key"], r["payload"]) for r in rows] == [("k1", None), (None, "v2"), ("k3", "v3")], rows
    cat.produce(topic, ["k1|", "|v2"], "-K", "|", "-p", 1)
    rows = [json.loads(line) for line in cat.consume(topic, "-p", 1, "-J")]
    assert [(r["key"], r["payload"]) for r in rows] == [("k1", ""), ("", "v2")], rows


def the_same_key_goes_to_one_partition(cat):
    topic = fresh("kcat-partitioner")
    cat.produce(topic, [f"truck-{i % 40}|{i}" for i in range(2000)], "-K", "|")
    at = {}
    for line in cat.consume(topic, "-f", "%k %p %s\n"):
        key, partition, value = line.split()
        at.setdefault(key, []).append((partition, int(value)))
    assert len(at) == 40 and all(len({p for p, _ in rows}) == 1 for rows in at.values())
    assert all([v for _, v in rows] == sorted(v for _, v in rows) for rows in at.values())


def reading_starts_at_offsets_and_times(cat):
    topic = fresh("kcat-time")
    cat.produce(topic, ["old 0", "old 1"], "-p", 0)
    time.sleep(0.3)
    middle = int(time.time() * 1000)
    time.sleep(0.1)
    cat.produce(topic, ["new 2", "new 3"], "-p", 0)
    assert cat.consume(topic, "-p", 0, "-o", f"s@{middle}") == ["new 2", "new 3"]
    assert cat.consume(topic, "-p", 0, "-o", "beginning", "-o", f"e@{middle}") == ["old 0", "old 1"]
    assert cat.consume(topic, "-p", 0, "-o", 1) == ["old 1", "new 2", "new 3"]
    assert cat.consume(topic, "-p", 0, "-o", -1) == ["new 3"]
    assert cat.consume(topic, "-p", 0, "-o", "end") == []
    assert cat("-Q", "-t", f"{topic}:0:{middle}").split() == [topic, "[0]", "offset", "2"]
    assert cat("-Q", "-t", f"{topic}:0:-1").split()[-1] == "4" and cat("-Q", "-t", f"{topic}:0:-2").split()[-1] == "0"


def a_reader_waits_for_what_is_produced_later(cat):
    topic = fresh("kcat-follow")
    cat.produce(topic, ["first"], "-p", 0)
    reader = subprocess.Popen(cat.command("-C", "-t", topic, "-p", 0, "-c", 3, "-u"), stdout=subprocess.PIPE, text=True)
    try:
        assert reader.stdout.readline() == "first\n"
        time.sleep(1.2)
        sent = time.time()
        cat.produce(topic, ["second", "third"], "-p", 0)
        assert reader.stdout.readline() == "second\n"
        assert time.time() - sent < 2, f"a waiting fetch answered after {time.time() - sent:.1f} s"
        assert reader.stdout.readline() == "third\n" and reader.wait(10) == 0
    finally:
        reader.kill()


def large_messages_of_random_bytes_come_back_whole(cat):
    topic = fresh("kcat-large")
    data = random.Random(7).randbytes(900_000)
    for codec in ("none", "lz4"):
        output_of(cat.command("-P", "-t", topic, "-p", 0, "-D", "END OF DATA", "-z", codec), data)
    assert output_of(cat.command("-C", "-t", topic, "-p", 0, "-e", "-f", "%s")) == data + data


def a_message_over_the_limit_is_refused(cat):
    topic = fresh("kcat-too-large")
    cat.produce(topic, ["small"], "-p", 0)
    done = subprocess.run([cat.tool, "-b", cat.bootstrap, "-P", "-t", topic, "-p", "0", "-X",
                           "message.max.bytes=3000000"], input=b"x" * 2_000_000, capture_output=True, timeout=60)
    assert done.returncode != 0 and b"Message size too large" in done.stderr, done.stderr
    assert cat.consume(topic, "-p", 0) == ["small"]


def a_group_reads_all_and_goes_on_where_it_stopped(cat):
    topic, group = fresh("kcat-group"), fresh("kcat-g")
    first, second = [f"a{i}" for i in range(400)], [f"b{i}" for i in range(400)]
    options = ["-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000"]
    cat.produce(topic, first)
    read = lambda: cat("-G", group, *options, "-e", topic).splitlines()  # noqa: E731
    assert sorted(read()) == sorted(first)
    cat.produce(topic, second)
    assert sorted(read()) == sorted(second)
    assert read() == []


def two_members_of_a_group_share_the_partitions(cat):
    topic, group = fresh("kcat-share"), fresh("kcat-g")
    cat.produce(topic, ["begin"], "-p", 0)
    options = ["-X", "auto.offset.reset=earliest", "-X", "session.timeout.ms=6000", "-u", "-f", "%p %s\n"]
    members = [subprocess.Popen([*cat.command("-G", group, *options, topic)], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True) for _ in range(2)]
    try:
        time.sleep(5)
        for partition in range(4):
            cat.produce(topic, [f"m{partition}-{i}" for i in range(50)], "-p", partition)
        time.sleep(2)
    finally:
        for member in members:
            member.terminate()
    read = [[line.split() for line in member.communicate(timeout=20)[0].splitlines()] for member in members]
    values = [value for rows in read for _, value in rows if value != "begin"]
    assert sorted(values) == sorted(f"m{p}-{i}" for p in range(4) for i in range(50))
    owned = [{p for p, value in rows if value != "begin"} for rows in read]
    assert sorted(map(len, owned)) == [2, 2] and not owned[0] & owned[1], owned


def transactions_and_idempotence_are_accepted(cat):
    topic = fresh("kcat-txn")
    lines = [f"t{i}" for i in range(500)]
    cat.produce(topic, lines, "-p", 0, "-X", "transactional.id=" + fresh("kcat-tid"))
    cat.produce(topic, lines, "-p", 1, "-X", "enable.idempotence=true")
    for partition in (0, 1):
        assert cat.consume(topic, "-p", partition, "-X", "isolation.level=read_committed") == lines


def acks_none_one_and_all_store_the_same(cat):
    topic = fresh("kcat-acks")
    for acks in (0, 1, -1):
        cat.produce(topic, [f"acks {acks}"], "-p", 0, "-X", f"acks={acks}")
        until(lambda acks=acks: f"acks {acks}" in cat.consume(topic, "-p", 0), what=f"acks={acks}")
    assert cat.consume(topic, "-p", 0) == ["acks 0", "acks 1", "acks -1"]


CASES = [
    lists_brokers_topics_and_partitions, what_is_produced_comes_back_in_order, every_codec_gives_the_same_bytes,
    keys_headers_and_timestamps_are_kept, null_and_empty_keys_and_values_differ, the_same_key_goes_to_one_partition,
    reading_starts_at_offsets_and_times, a_reader_waits_for_what_is_produced_later,
    large_messages_of_random_bytes_come_back_whole, a_message_over_the_limit_is_refused,
    a_group_reads_all_and_goes_on_where_it_stopped, two_members_of_a_group_share_the_partitions,
    transactions_and_idempotence_are_accepted, acks_none_one_and_all_store_the_same,
]

if __name__ == "__main__":
    sys.exit(run(CASES, Kcat(sys.argv[1]), only=sys.argv[2:]))
