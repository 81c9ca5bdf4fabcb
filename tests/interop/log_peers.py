"""The clients of others that talk to Waybill's Kafka door: fetched once, pinned, outside the tree.

    log_peers.py            fetches and builds all of them, answers at once when they are there

They live in $WAYBILL_PEERS, or ~/.cache/waybill-peers: librdkafka's own tests and its load tool, kafkajs,
confluent-kafka in a venv; kcat comes from Debian, Apache Kafka's jars by kafka_peer.py.
"""
import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

import kafka_peer

LIBRDKAFKA = "2.15.1"
LIBRDKAFKA_PACKAGE = "@confluentinc/kafka-javascript@1.10.1"
LOAD_TOOL_PACKAGE = "node-rdkafka@3.6.1"  # the package above leaves the examples out
KAFKAJS = "2.2.4"
CONFLUENT = "2.16.1"
DEBIAN = ("kcat", "rapidjson-dev", "g++", "make", "zlib1g-dev", "libzstd-dev", "liblz4-dev",
          "libssl-dev")


def root():
    where = os.environ.get("WAYBILL_PEERS")
    return pathlib.Path(where) if where else pathlib.Path.home() / ".cache" / "waybill-peers"


def run(command, folder=None, **more):
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
    return done.stdout


@contextlib.contextmanager
def installing(name):
    """Yields the folder to fill, or None when it is there; what was begun but not finished is begun again."""
    folder = root() / name
    root().mkdir(parents=True, exist_ok=True)
    with open(root() / "LOCK", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "COMPLETE").exists():
            yield None
            return
        print(f"peers: fetching {name}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        yield folder
        (folder / "COMPLETE").write_text("\n")


def debian():
    missing = [p for p in DEBIAN if subprocess.run(["dpkg-query", "-W", p], capture_output=True).returncode != 0]
    if missing:
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        run([*sudo, "apt-get", "update", "-qq"])
        run([*sudo, "apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])


def npm_unpacked(package, folder):
    folder.mkdir()
    name = run(["npm", "pack", "--silent", package], folder).split()[-1]
    run(["tar", "xzf", name, "--strip-components=1"], folder)
    return folder


def librdkafka():
    """The source folder of librdkafka with tests/test-runner and rdkafka_performance built."""
    name = f"librdkafka-{LIBRDKAFKA}"
    with installing(name) as folder:
        if folder:
            debian()
            source = npm_unpacked(LIBRDKAFKA_PACKAGE, folder / "package") / "deps" / "librdkafka"
            examples = npm_unpacked(LOAD_TOOL_PACKAGE, folder / "examples-package") / "deps/librdkafka/examples"
            shutil.copytree(source, folder / "librdkafka")
            shutil.copytree(examples, folder / "librdkafka" / "examples")
            build_librdkafka(folder / "librdkafka")
            shutil.rmtree(folder / "package")
            shutil.rmtree(folder / "examples-package")
    return root() / name / "librdkafka"


def build_librdkafka(source):
    nice = ["nice", "-n", "10"]
    run([*nice, "./configure", "--disable-curl", "--disable-sasl"], source)
    one_replica(source / "tests" / "test.c")
    run([*nice, "make", "-j2", "libs"], source)
    run([*nice, "make", "-j2", "-C", "tests", "build"], source)
    run([*nice, "cc", "-O2", "-Isrc", "-I.", "examples/rdkafka_performance.c", "-o", "rdkafka_performance",
         "src/librdkafka.a", "-llz4", "-lzstd", "-lz", "-lssl", "-lcrypto", "-lm", "-ldl", "-lpthread", "-lrt"], source)


def one_replica(path):
    """The tests create topics with three replicas; a single broker, Apache Kafka's too, has room for one."""
    text = path.read_text()
    call = "rd_kafka_NewTopic_new(topicname, partition_cnt, replication_factor,"
    if text.count(call) != 1:
        raise RuntimeError(f"{path} does not create its topics in one place any more")
    path.write_text(text.replace(call, "rd_kafka_NewTopic_new(topicname, partition_cnt, 1,"))


def kafkajs():
    """The folder whose node_modules holds kafkajs."""
    name = f"kafkajs-{KAFKAJS}"
    with installing(name) as folder:
        if folder:
            (folder / "package.json").write_text("{}\n")
            run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", f"kafkajs@{KAFKAJS}"], folder)
    return root() / name


def confluent_python():
    """The Python that has confluent_kafka."""
    name = f"confluent-kafka-{CONFLUENT}"
    with installing(name) as folder:
        if folder:
            run([sys.executable, "-m", "venv", folder / "venv"])
            run([folder / "venv/bin/pip", "-q", "--disable-pip-version-check", "install",
                 f"confluent-kafka=={CONFLUENT}"])
    return root() / name / "venv" / "bin" / "python"


def kcat():
    if not shutil.which("kcat"):
        debian()
    return "kcat"


def install():
    for peer in (kcat, kafkajs, confluent_python, kafka_peer.install, librdkafka):
        peer()


if __name__ == "__main__":
    install()
