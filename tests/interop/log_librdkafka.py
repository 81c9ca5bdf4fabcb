"""librdkafka's own tests against a broker: one line per test number, from the list librdkafka_tests.txt.

    log_librdkafka.py BOOTSTRAP [--without-auto-create BOOTSTRAP] [--only 0012,0103] [--jobs 3] [--keep FOLDER]

The list gives each number either the way it runs or the reason why a single broker cannot run it.
Ends in one line "N passed, N failed".
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import kafka_peer
import log_peers

LIST = pathlib.Path(__file__).with_name("librdkafka_tests.txt")
WAYS = {"runs": ["-Q", "-E"], "sockem": ["-Q"], "full": ["-E"], "noautocreate": ["-E", "-s", "noautocreate"],
        "only": ["-Q", "-E"]}
BROKER_VERSION = "4.0.0"  # what both brokers are announced as: neither share groups nor old message formats
TIMEOUT_S = 300


@dataclasses.dataclass
class Listed:
    number: str
    name: str
    ways: list
    reason: str


@dataclasses.dataclass
class Outcome:
    test: Listed
    way: str
    passed: bool
    seconds: float
    why: str


def read_list():
    """Lines "NUMBER NAME: way[, way]", "NUMBER NAME: only SUBTEST..." or "NUMBER NAME: not run, REASON"."""
    tests = []
    for line in LIST.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        head, rest = line.split(": ", 1)
        number, name = head.split(" ", 1)
        reason = rest[len("not run, "):] if rest.startswith("not run, ") else ""
        ways = [] if reason else rest.split(", ")
        if rest.startswith("only "):
            ways = [f"only {subtest}" for subtest in rest.split()[1:]]
        unknown = [way for way in ways if way.split()[0] not in WAYS]
        if unknown:
            raise ValueError(f"{LIST.name}: {number} has the unknown way {unknown[0]}")
        tests.append(Listed(number, name, ways, reason))
    return tests


def tools_folder(folder, source):
    """What the tests expect of an installed Kafka, bin/kafka-topics.sh and its like, and their own Java programs."""
    (folder / "bin").mkdir()
    for script, main in (("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"), ("kafka-run-class.sh", "")):
        command = " ".join(f"'{part}'" for part in kafka_peer.java(main) if part)
        path = folder / "bin" / script
        path.write_text("#!/bin/sh\nexec " + command.replace("-cp' '", "-cp' \"$CLASSPATH\"':") + ' "$@"\n')
        path.chmod(0o755)
    java = source / "tests" / "java"
    for program in ("TransactionProducerCli", "IncrementalRebalanceCli"):
        if not (java / f"{program}.class").exists():
            log_peers.run(["javac", "-cp", f"{kafka_peer.install()}/*", f"{program}.java"], java)
    return folder


def why_failed(output):
    """The first sentence that says what went wrong."""
    plain = re.sub(r"\x1b\[[0-9;]*m|\x1b\(B", "", output)
    found = re.search(r"### Test .*? failed at (.*?): ###\n(.*)", plain)
    if found:
        return f"{found.group(1).split(' at ')[0]} {found.group(2)}"[:300]
    return " | ".join(plain.strip().splitlines()[-2:])[:300]


def why_skipped(output):
    found = re.search(r"(?i)(skip.*)", re.sub(r"\x1b\[[0-9;]*m|\x1b\(B", "", output))
    return found.group(1)[:200] if found else "for no reason given"


class Runner:
    def __init__(self, bootstrap, without_auto_create, work):
        self.source = log_peers.librdkafka()
        self.bootstrap, self.without_auto_create, self.work = bootstrap, without_auto_create, work
        (work / "src").symlink_to(self.source / "src")
        self.tools = tools_folder(work, self.source)
        (work / "fixtures").symlink_to(self.source / "tests" / "fixtures")

    def run(self, test, way):
        where = self.without_auto_create if way == "noautocreate" else self.bootstrap
        way, _, subtest = way.partition(" ")
        folder = self.work / "-".join(filter(None, (test.number, way, re.sub(r"\W", "", subtest))))
        folder.mkdir()
        (folder / "test.conf").write_text(f"bootstrap.servers={where}\n")
        for needed in ("interceptor_test", "java"):
            (folder / needed).symlink_to(self.source / "tests" / needed)
        environment = {key: value for key, value in os.environ.items() if key != "CI"}
        environment |= {"TESTS": test.number, "TEST_KAFKA_VERSION": BROKER_VERSION, "BROKERS": where,
                        "KAFKA_PATH": str(self.tools),
                        "LD_LIBRARY_PATH": f"{self.source}/src:{self.source}/src-cpp"}
        if subtest:
            environment["SUBTESTS"] = subtest
        command = [self.source / "tests" / "test-runner", "-p1", "-L", *WAYS[way]]
        way = " ".join(filter(None, (way, subtest)))
        began = time.time()
        with open(folder / "output", "wb") as out:
            try:
                code = subprocess.run(command, cwd=folder, env=environment, stdout=out, stderr=subprocess.STDOUT,
                                      timeout=TIMEOUT_S).returncode
            except subprocess.TimeoutExpired:
                code = None
        output = (folder / "output").read_text(errors="replace")
        return self.judge(test, way, code, output, time.time() - began)

    @staticmethod
    def judge(test, way, code, output, seconds):
        if code is None:
            return Outcome(test, way, False, seconds, f"not done after {TIMEOUT_S} s: {why_failed(output)}")
        if code != 0:
            return Outcome(test, way, False, seconds, why_failed(output))
        passed = re.findall(r" " + test.number + r"_\w+ +\|.*?PASSED \| +([0-9.]+)s", output)
        if not any(float(each) > 0 for each in passed):  # without "full" some leave out everything
            return Outcome(test, way, False, seconds, "skipped by itself: " + why_skipped(output))
        return Outcome(test, way, True, seconds, "")


def show(outcome):
    word = "ok    " if outcome.passed else "FAILED"
    extra = "" if outcome.way == "runs" else f" ({outcome.way})"
    why = f": {outcome.why}" if outcome.why else ""
    print(f"{word} {outcome.test.number} {outcome.test.name}{extra} {outcome.seconds:.1f} s{why}", flush=True)


def run_all(bootstrap, without_auto_create=None, only=None, jobs=3, keep=None, quiet=False):
    """Runs the list; returns (numbers passed, numbers failed)."""
    work = pathlib.Path(keep or tempfile.mkdtemp(prefix="librdkafka-tests-"))
    work.mkdir(parents=True, exist_ok=True)
    runner = Runner(bootstrap, without_auto_create, work)
    tests = [t for t in read_list() if not only or t.number in only]
    todo = [(t, way) for t in tests for way in t.ways if way != "noautocreate" or without_auto_create]
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed([pool.submit(runner.run, *each) for each in todo]):
            outcomes.append(done.result())
            if not quiet or not outcomes[-1].passed:
                show(outcomes[-1])
    failed = {o.test.number for o in outcomes if not o.passed}
    passed = {o.test.number for o in outcomes} - failed
    if failed:
        print(f"what the failed ones said is in {work}")
    elif not keep:
        shutil.rmtree(work)
    return passed, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("--without-auto-create")
    parser.add_argument("--only", default="")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--keep")
    given = parser.parse_args()
    only = set(given.only.split(",")) if given.only else None
    passed, failed = run_all(given.bootstrap, given.without_auto_create, only, given.jobs, given.keep)
    reasons = sum(1 for test in read_list() if test.reason)
    print(f"librdkafka {log_peers.LIBRDKAFKA}: numbers that need a broker; {reasons} more are listed with their reason")
    print(f"{len(passed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
