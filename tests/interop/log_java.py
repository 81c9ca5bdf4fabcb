"""The Java client of Apache Kafka 4 and the tools that come with it against a Kafka door.

    log_java.py BOOTSTRAP [CASE...]    ends in one line "N passed, N failed"
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from kafka_peer import install, java
from cases import fresh, output_of, run, until

TOOLS = "org.apache.kafka.tools."


def quick(command):
    """Starts the virtual machine in the way that suits a short life."""
    return [command[0], "-XX:TieredStopAtLevel=1", "-Xshare:auto", *command[1:]]


class Java:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def tool(self, name, *arguments, given=None, seconds=90, check=True):
        main = name if name.startswith("kafka.") else TOOLS + name
        command = quick(java(main, "--bootstrap-server", self.bootstrap, *map(str, arguments)))
        return output_of(command, given and given.encode(), seconds, check).decode()

    def topics(self, *arguments):
        return self.tool("TopicCommand", *arguments)

    def groups(self, *arguments):
        return self.tool("consumer.group.ConsumerGroupCommand", *arguments)

    def topic(self, partitions=4):
        name = fresh("java")
        self.topics("--create", "--topic", name, "--partitions", partitions, "--replication-factor", 1)
        return name

    def produce(self, topic, lines, *arguments):
        self.tool("ConsoleProducer", "--topic", topic, *arguments, given="".join(line + "\n" for line in lines))

    def consume(self, topic, count, *arguments):
        """`count` lines from the beginning, and a look whether there are more."""
        return self.tool("consumer.ConsoleConsumer", "--topic", topic, "--from-beginning", "--max-messages", count + 1,
                         "--timeout-ms", 4000, *arguments, check=False).splitlines()


def columns(text, *wanted):
    """The named columns of a table that a tool printed, as tuples."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    head = next(i for i, line in enumerate(lines) if wanted[0] in line)
    at = [lines[head].index(name) for name in wanted]
    return [tuple(line[i] for i in at) for line in lines[head + 1:]]


def console_producer_and_consumer_carry_keys_and_headers(kafka):
    topic = kafka.topic()
    lines = [f"hub:{i % 5}\ttruck-{i % 20}\tvalue {i} ü" for i in range(3000)]
    kafka.produce(topic, lines, "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
                  "--reader-property", "key.separator=\t", "--reader-property", "headers.delimiter=\t")
    properties = [x for name in ("print.key", "print.headers") for x in ("--formatter-property", f"{name}=true")]
    assert sorted(kafka.consume(topic, 3000, *properties)) == sorted(lines)


def every_codec_is_read_back(kafka):
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        topic = kafka.topic(1)
        lines = [f"a line that repeats itself {i % 50}" for i in range(2000)]
        kafka.produce(topic, lines, "--compression-codec", codec)
        assert kafka.consume(topic, 2000) == lines, codec


def a_group_of_the_console_consumer_goes_on(kafka):
    topic, group = kafka.topic(), fresh("java-g")
    kafka.produce(topic, [f"a{i}" for i in range(100)])
    assert sorted(kafka.consume(topic, 100, "--group", group)) == sorted(f"a{i}" for i in range(100))
    kafka.produce(topic, ["b"])
    assert kafka.consume(topic, 1, "--group", group) == ["b"]


def topics_tool_creates_describes_alters_and_deletes(kafka):
    name = fresh("java-topics")
    kafka.topics("--create", "--topic", name, "--partitions", 3, "--replication-factor", 1,
                 "--config", "retention.ms=3600000", "--config", "cleanup.policy=compact")
    described = kafka.topics("--describe", "--topic", name)
    assert re.search(r"PartitionCount: 3\s+ReplicationFactor: 1", described), described
    assert "retention.ms=3600000" in described and "cleanup.policy=compact" in described, described
    assert len(re.findall(r"Leader: (\d+)\s+Replicas: \1\s+Isr: \1", described)) == 3, described
    kafka.topics("--alter", "--topic", name, "--partitions", 5)
    assert "PartitionCount: 5" in kafka.topics("--describe", "--topic", name)
    assert name in kafka.topics("--list").split()
    kafka.topics("--delete", "--topic", name)
    until(lambda: name not in kafka.topics("--list").split())


def configs_tool_alters_and_describes(kafka):
    topic = kafka.topic(1)
    configs = lambda *more: kafka.tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic,  # noqa: E731
                                       *more)
    configs("--alter", "--add-config", "retention.ms=60000,max.message.bytes=2000")
    told = configs("--describe")
    assert "retention.ms=60000" in told and "max.message.bytes=2000" in told, told
    configs("--alter", "--delete-config", "retention.ms")
    assert "retention.ms=60000" not in configs("--describe")
    assert "segment.bytes=" in configs("--describe", "--all")
    bad = kafka.tool("kafka.admin.ConfigCommand", "--entity-type", "topics", "--entity-name", topic, "--alter",
                     "--add-config", "retention.ms=soon", check=False)
    assert "InvalidConfiguration" in bad or "retention.ms=soon" not in configs("--describe"), bad


def groups_tool_describes_resets_and_deletes(kafka):
    topic, group = kafka.topic(2), fresh("java-g")
    kafka.produce(topic, [f"k{i}\tv{i}" for i in range(200)], "--reader-property", "parse.key=true")
    kafka.consume(topic, 200, "--group", group)
    assert group in kafka.groups("--list").split()
    rows = columns(kafka.groups("--describe", "--group", group), "TOPIC", "PARTITION", "CURRENT-OFFSET",
                   "LOG-END-OFFSET", "LAG")
    assert len(rows) == 2 and all(row[0] == topic and row[2] == row[3] and row[4] == "0" for row in rows), rows
    assert sum(int(row[3]) for row in rows) == 200
    assert columns(kafka.groups("--describe", "--group", group, "--state"), "STATE", "#MEMBERS")[0][-1] == "0"
    kafka.groups("--reset-offsets", "--group", group, "--topic", f"{topic}:0", "--to-offset", 10, "--execute")
    kafka.groups("--reset-offsets", "--group", group, "--topic", f"{topic}:1", "--shift-by", -5, "--execute")
    after = columns(kafka.groups("--describe", "--group", group), "PARTITION", "CURRENT-OFFSET", "LAG")
    ends = {row[1]: int(row[3]) for row in rows}
    assert sorted(after) == [("0", "10", str(ends["0"] - 10)), ("1", str(ends["1"] - 5), "5")], after
    left = ends["0"] - 10 + 5
    assert len(kafka.consume(topic, left, "--group", group)) == left
    kafka.groups("--delete", "--group", group)
    assert group not in kafka.groups("--list").split()


def offsets_are_told_and_records_deleted(kafka):
    topic = kafka.topic(2)
    kafka.produce(topic, [f"v{i}" for i in range(50)], "--compression-codec", "none")
    offsets = lambda *more: dict(line.split(":")[1:] for line in kafka.tool(  # noqa: E731
        "GetOffsetShell", "--topic", topic, *more).split() if line.startswith(topic))
    ends = offsets("--time", "latest")
    assert sum(map(int, ends.values())) == 50 and set(offsets("--time", "earliest").values()) == {"0"}
    full = max(ends, key=lambda p: int(ends[p]))
    assert offsets("--time", str(int(time.time() * 1000) - 3_600_000))[full] == "0"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as wanted:
        json.dump({"partitions": [{"topic": topic, "partition": int(full), "offset": 7}], "version": 1}, wanted)
        wanted.flush()
        assert "low_watermark: 7" in kafka.tool("DeleteRecordsCommand", "--offset-json-file", wanted.name)
    assert offsets("--time", "earliest")[full] == "7"


def transactions_tool_lists_and_describes(kafka):
    topic, transactional_id = kafka.topic(1), fresh("java-tid")
    kafka.tool("ProducerPerformance", "--topic", topic, "--num-records", 2000, "--record-size", 100, "--throughput",
               -1, "--transactional-id", transactional_id, "--transaction-duration-ms", 200)
    rows = columns(kafka.tool("TransactionsCommand", "list"), "TransactionalId", "TransactionState")
    assert (transactional_id, "CompleteCommit") in rows, rows
    told = kafka.tool("TransactionsCommand", "describe", "--transactional-id", transactional_id)
    assert columns(told, "TransactionalId", "TransactionState") == [(transactional_id, "CompleteCommit")], told


def performance_tools_move_every_record(kafka):
    topic, count = kafka.topic(), 100_000
    told = kafka.tool("ProducerPerformance", "--topic", topic, "--num-records", count, "--record-size", 100,
                      "--throughput", -1, "--command-property", "acks=all")
    assert f"{count} records sent" in told, told
    told = kafka.tool("ConsumerPerformance", "--topic", topic, "--num-records", count, "--timeout", 20000)
    read = int(told.splitlines()[-1].split(",")[4])
    assert read == count, told
    told = kafka.tool("EndToEndLatency", "--topic", topic, "--num-records", 200, "--producer-acks", "all",
                      "--record-size", 100)
    assert re.search(r"Percentiles: 50th = \d+", told), told


def the_broker_tells_its_versions_and_features(kafka):
    told = kafka.tool("BrokerApiVersionsCommand")
    for api, least in (("Produce", 9), ("Fetch", 12), ("InitProducerId", 4), ("JoinGroup", 7), ("OffsetFetch", 8)):
        found = re.search(rf"\t{api}\(\d+\): (\d+)(?: to (\d+))? \[usable: (\d+)\]", told)
        assert found and int(found.group(3)) >= least, (api, found and found.group(0))
    assert "UNSUPPORTED" not in re.search(r"\tMetadata\(3\).*", told).group(0)


def a_topic_is_copied_exactly_once(kafka):
    source, target, group = kafka.topic(), kafka.topic(), fresh("java-copy")
    lines = [f"k{i % 100}\tv{i}" for i in range(6000)]
    kafka.produce(source, lines, "--reader-property", "parse.key=true")
    program = pathlib.Path(__file__).with_name("LogCopy.java")
    command = quick(["java", "-Xmx256m", "-cp", f"{install()}/*", str(program), kafka.bootstrap, source, target, group,
                     "6000"])
    said = subprocess.run(command, capture_output=True, text=True, timeout=120)
    told = re.search(r"copied 6000 committed (\d+) aborted (\d+)", said.stdout)
    assert told and int(told.group(2)) >= 5, said.stdout + said.stderr[-2000:]
    committed = ["--isolation-level", "read_committed", "--formatter-property", "print.key=true"]
    copied = kafka.consume(target, 6000, *committed)
    assert sorted(copied) == sorted(lines), f"{len(copied)} lines, {len(set(copied))} different"
    assert len(kafka.consume(target, 20000, *committed[2:])) > 6000, "the aborted ones are nowhere"
    rows = columns(kafka.groups("--describe", "--group", group), "TOPIC", "LAG")
    assert {lag for _, lag in rows} == {"0"}, rows


CASES = [
    console_producer_and_consumer_carry_keys_and_headers, every_codec_is_read_back,
    a_group_of_the_console_consumer_goes_on, topics_tool_creates_describes_alters_and_deletes,
    configs_tool_alters_and_describes, groups_tool_describes_resets_and_deletes, offsets_are_told_and_records_deleted,
    transactions_tool_lists_and_describes, performance_tools_move_every_record,
    the_broker_tells_its_versions_and_features, a_topic_is_copied_exactly_once,
]

if __name__ == "__main__":
    sys.exit(run(CASES, Java(sys.argv[1]), only=sys.argv[2:]))
