"""`waybill topics | groups | produce | consume` against a Kafka: the broker of Waybill by itself.

    python3 cli_kafka.py KAFKA_SERVER WAYBILL
    python3 cli_kafka.py kafka://host:port WAYBILL

starts KAFKA_SERVER on a folder of its own (or takes the Kafka that is named), runs each case and
prints "N passed, N failed".
"""
import datetime as dt
import json
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import uuid


class Server:
    def __init__(self, where, waybill, folder):
        self.waybill = waybill
        self.process = None
        self.url = where
        if not where.startswith("kafka://"):
            self.process = subprocess.Popen([where, folder], stdout=subprocess.PIPE, text=True)
            line = self.process.stdout.readline()
            assert line.startswith("listening "), line
            self.url = "kafka://" + line.split()[1]

    def run(self, *arguments, stdin="", check=True):
        """The output of a command; with check=False its error."""
        if isinstance(stdin, str):
            stdin = stdin.encode()
        done = subprocess.run([self.waybill, *arguments, "--url", self.url], input=stdin,
                              capture_output=True, timeout=60)
        if check:
            assert done.returncode == 0, done.stderr.decode()
            return done.stdout.decode()
        assert done.returncode != 0, done.stdout.decode()
        return done.stderr.decode()

    def json(self, *arguments):
        return json.loads(self.run(*arguments, "--json"))

    def topic(self, partitions=1, *more):
        name = "cli-" + uuid.uuid4().hex[:12]
        self.run("topics", "create", name, "--partitions", str(partitions), *more)
        return name

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=20)


def records(text):
    return [json.loads(line) for line in text.splitlines()]


# --- topics ---------------------------------------------------------------------------------------


def topics_are_created_listed_described_and_deleted(server):
    name = server.topic(3, "--config", "retention.ms=3600000")
    assert {"topic": name, "partitions": 3, "replicas": 1, "records": 0} in server.json("topics", "list")
    (described,) = server.json("topics", "describe", name)
    assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]
    settings = {s["name"]: s for s in described["settings"]}
    assert settings["retention.ms"]["value"] == "3600000"
    assert settings["retention.ms"]["source"] == "topic"
    assert settings["cleanup.policy"]["source"] == "default", settings["cleanup.policy"]
    text = server.run("topics", "describe", name)
    assert "retention.ms" in text and "partition" in text, text
    assert server.run("topics", "delete", name) == f"deleted {name}\n"
    assert name not in [t["topic"] for t in server.json("topics", "list")]


def altering_a_topic_keeps_its_other_settings(server):
    name = server.topic(1, "--config", "retention.ms=3600000", "--config", "cleanup.policy=compact")
    server.run("topics", "alter", name, "--config", "retention.ms=7200000", "--partitions", "4")
    (described,) = server.json("topics", "describe", name)
    settings = {s["name"]: s for s in described["settings"]}
    assert settings["retention.ms"]["value"] == "7200000"
    assert settings["cleanup.policy"]["value"] == "compact"
    assert len(described["partitions"]) == 4
    server.run("topics", "alter", name, "--reset", "retention.ms")
    settings = {s["name"]: s for s in server.json("topics", "describe", name)[0]["settings"]}
    assert settings["retention.ms"]["source"] != "topic", settings["retention.ms"]
    assert settings["cleanup.policy"]["value"] == "compact"


def what_cannot_be_done_to_topics_is_an_error_with_a_reason(server):
    name = server.topic()
    assert "already exists" in server.run("topics", "create", name, check=False).lower()
    assert "nothing is named" in server.run("topics", "alter", name, check=False)
    assert "is no setting" in server.run("topics", "alter", name, "--config", "x", check=False)
    assert "no-such" in server.run("topics", "delete", "no-such-topic", check=False)
    server.run("topics", "alter", name, "--config", "no.such.setting=1", check=False)


def offsets_of_a_time_are_those_of_the_first_record_from_then_on(server):
    name = server.topic()
    base = 1_780_000_000_000
    lines = "".join(json.dumps({"value": str(i), "timestamp": base + i * 1000}) + "\n" for i in range(10))
    server.run("produce", name, "--format", "json-records", stdin=lines)
    time = dt.datetime.fromtimestamp(base / 1000 + 4, dt.timezone.utc).isoformat()
    (offsets,) = server.json("topics", "offsets", name, "--time", time)
    assert offsets == {"topic": name, "partition": 0, "start_offset": 0, "end_offset": 10, "at_time": 4}
    out = server.run("consume", name, "--from", time, "--format", "%v")
    assert out.split() == ["4", "5", "6", "7", "8", "9"], out


# --- produce and consume --------------------------------------------------------------------------


def lines_come_back_as_records_with_keys_and_headers(server):
    name = server.topic()
    server.run("produce", name, "--key-separator", ":", "--header", "source=cli", "--header", "n=1",
               stdin="a:1\nb:2:3\nZürich:ü\n")
    got = records(server.run("consume", name, "--format", "json"))
    assert [(r["key"], r["value"], r["offset"]) for r in got] == [("a", "1", 0), ("b", "2:3", 1), ("Zürich", "ü", 2)]
    assert got[0]["headers"] == [{"name": "source", "value": "cli"}, {"name": "n", "value": "1"}]
    assert server.run("consume", name, "--format", "%o %k=%v [%h]", "--count", "1") == "0 a=1 [source=cli,n=1]\n"
    text = server.run("consume", name, "--from", "2")
    assert "0:2  Zürich  ü  [source=cli,n=1]" in text, text


def what_json_prints_can_be_produced_again(server):
    one, two = server.topic(), server.topic()
    lines = [{"key": None, "value": "x"}, {"key": "", "value": None}, {"value_base64": "//4A", "key": "k"},
             {"key": "h", "value": '{"a": 1}', "headers": [{"name": "t", "value": None}, {"name": "t", "value": "2"}]}]
    server.run("produce", one, "--format", "json-records", stdin="".join(json.dumps(x) + "\n" for x in lines))
    printed = server.run("consume", one, "--format", "json")
    server.run("produce", two, "--format", "json-records", stdin=printed)
    again = server.run("consume", two, "--format", "json")
    assert printed.replace(one, two) == again
    assert records(again)[2]["value_base64"] == "//4A"


def every_compression_is_written_and_read(server):
    name = server.topic()
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        server.run("produce", name, "--compression", codec, stdin=f"{codec} {'x' * 500}\n" * 20)
    values = server.run("consume", name, "--format", "%v").splitlines()
    assert len(values) == 100 and values[99].startswith("zstd xxx")


def a_hundred_thousand_lines_are_acknowledged_and_read(server):
    name = server.topic(4)
    lines = "".join(f"key-{i}:value-{i}\n" for i in range(100_000))
    done = subprocess.run([server.waybill, "produce", name, "--key-separator", ":", "--url", server.url],
                          input=lines.encode(), capture_output=True, timeout=60)
    assert done.stderr == b"100000 records acknowledged\n", done.stderr
    out = server.run("consume", name, "--format", "%k:%v")
    assert sorted(out.splitlines()) == sorted(lines.splitlines())


def a_line_that_cannot_be_sent_is_named_and_the_exit_says_so(server):
    name = server.topic()
    error = server.run("produce", name, "--format", "json", stdin='{"a":1}\nnot json\n', check=False)
    assert "1 record acknowledged" in error and "line 2 of stdin: the value is no JSON" in error, error
    error = server.run("produce", name, "--partition", "7", stdin="x\n", check=False)
    assert "were not acknowledged" in error, error


def one_partition_can_be_written_and_read(server):
    name = server.topic(3)
    server.run("produce", name, "--partition", "2", stdin="two\n")
    assert server.run("consume", name, "--partition", "2", "--format", "%p %v") == "2 two\n"
    assert server.run("consume", name, "--partition", "1") == ""
    assert "no partition 9" in server.run("consume", name, "--partition", "9", check=False)


def following_prints_what_comes_later_and_stops_on_a_signal(server):
    name = server.topic()
    server.run("produce", name, stdin="old\n")
    follower = subprocess.Popen([server.waybill, "consume", name, "--from", "end", "-f", "--format", "%v", "--url",
                                 server.url], stdout=subprocess.PIPE, text=True)
    time.sleep(1.5)
    server.run("produce", name, stdin="new\n")
    assert follower.stdout.readline() == "new\n"
    follower.send_signal(signal.SIGINT)
    assert follower.wait(timeout=10) == 0
    assert follower.stdout.read() == ""


# --- groups ---------------------------------------------------------------------------------------


def a_group_goes_on_where_it_was_and_shows_its_lag(server):
    name, group = server.topic(2), "g-" + uuid.uuid4().hex[:8]
    server.run("produce", name, "--partition", "0", stdin="a\nb\nc\n")
    server.run("produce", name, "--partition", "1", stdin="d\n")
    got = server.run("consume", name, "--group", group, "--format", "%v")
    assert sorted(got.split()) == ["a", "b", "c", "d"], got
    server.run("produce", name, "--partition", "0", stdin="e\nf\n")
    (described,) = server.json("groups", "describe", group)
    lags = {(p["partition"], p["committed"], p["lag"]) for p in described["partitions"]}
    assert lags == {(0, 3, 2), (1, 1, 0)}, lags
    assert "lag in all: 2" in server.run("groups", "describe", group)
    assert group in [g["group"] for g in server.json("groups", "list")]
    assert server.run("consume", name, "--group", group, "--format", "%v").split() == ["e", "f"]


def a_group_can_be_reset_in_every_way(server):
    name, group = server.topic(), "g-" + uuid.uuid4().hex[:8]
    base = 1_780_000_000_000
    lines = "".join(json.dumps({"value": str(i), "timestamp": base + i * 1000}) + "\n" for i in range(10))
    server.run("produce", name, "--format", "json-records", stdin=lines)
    server.run("consume", name, "--group", group)

    def reset(*how):
        (one,) = server.json("groups", "reset", group, "--topic", name, *how)
        return one["before"], one["after"]

    assert reset("--to-earliest", "--dry-run") == (10, 0)
    assert reset("--to-offset", "5") == (10, 5)
    assert reset("--to-offset", "500") == (5, 10)
    time = dt.datetime.fromtimestamp(base / 1000 + 7, dt.timezone.utc).isoformat()
    assert reset("--to-time", time) == (10, 7)
    assert reset("--to-latest") == (7, 10)
    assert reset("--to-earliest") == (10, 0)
    assert server.run("consume", name, "--group", group, "--count", "2", "--format", "%v").split() == ["0", "1"]
    assert server.run("consume", name, "--group", group, "--format", "%v").split() == [str(i) for i in range(2, 10)]
    assert "exactly one place" in server.run("groups", "reset", group, check=False)
    server.run("groups", "delete", group)
    assert "no group" in server.run("groups", "describe", group, check=False)


def a_group_with_members_is_neither_reset_nor_deleted(server):
    name, group = server.topic(), "g-" + uuid.uuid4().hex[:8]
    server.run("produce", name, stdin="x\n")
    member = subprocess.Popen([server.waybill, "consume", name, "--group", group, "-f", "--format", "%v", "--url",
                               server.url], stdout=subprocess.PIPE, text=True)
    assert member.stdout.readline() == "x\n"
    (described,) = server.json("groups", "describe", group)
    assert described["state"] == "Stable" and len(described["members"]) == 1, described
    assert described["partitions"][0]["member"] == described["members"][0]["member"]
    assert "has 1 members" in server.run("groups", "reset", group, "--to-latest", check=False)
    server.run("groups", "delete", group, check=False)
    member.send_signal(signal.SIGTERM)
    assert member.wait(timeout=10) == 0
    assert server.json("groups", "describe", group)[0]["members"] == []


# --- finding the server ---------------------------------------------------------------------------


def without_a_running_server_the_error_names_the_command_that_starts_one(server):
    done = subprocess.run([server.waybill, "topics", "list", "--url", "kafka://127.0.0.1:1"], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "start 'waybill up'" in done.stderr, done.stderr
    with tempfile.TemporaryDirectory() as folder:
        project = folder + "/p"
        subprocess.run([server.waybill, "init", project], check=True, capture_output=True)
        done = subprocess.run([server.waybill, "--project", project, "topics", "list"], capture_output=True,
                              text=True, timeout=60)
    assert done.returncode == 1 and "start 'waybill up'" in done.stderr, done.stderr


def cases():
    skip = {"Server", "records", "cases", "main"}
    return [(name, case) for name, case in globals().items()
            if callable(case) and name not in skip and getattr(case, "__module__", None) == __name__]


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        server = Server(sys.argv[1], sys.argv[2], folder)
        try:
            for name, case in cases():
                started = time.monotonic()
                try:
                    case(server)
                    passed += 1
                    print(f"ok     {name} ({time.monotonic() - started:.1f} s)", flush=True)
                except Exception:
                    failed += 1
                    print(f"FAILED {name}", flush=True)
                    traceback.print_exc()
        finally:
            server.stop()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
