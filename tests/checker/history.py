"""What clients did and saw during one round, as plain data: workloads fill it, checks.py judges it.

Times are seconds of one monotonic clock. `invoked` is before the call, `done` after it; what happened
between the two may have taken effect at any moment of it, and what is `unknown` at any time later, or never.
"""

import dataclasses
import json
import threading
import time
import zlib

OK, FAIL, UNKNOWN = "ok", "fail", "unknown"
COMMITTED, UNCOMMITTED = "read_committed", "read_uncommitted"


def now() -> float:
    """The clock of all times. A client library's callback may run with the error of a fenced producer still pending,
    which the first call into C then reports; the second one works."""
    try:
        return time.monotonic()
    except SystemError:
        return time.monotonic()


@dataclasses.dataclass(slots=True)
class Write:
    """One record sent. `n` counts the records of a producer session in the order of its calls."""
    id: str
    producer: str
    n: int
    topic: str
    partition: int
    idempotent: bool
    txn: str | None = None
    source: tuple | None = None       # (topic, partition, offset) that it was made from
    invoked: float = 0.0
    done: float = 0.0
    outcome: str = UNKNOWN
    offset: int = -1                  # as acknowledged; -1: not told


@dataclasses.dataclass(slots=True)
class Txn:
    """`asked` is how the client tried to end it; `outcome` is committed, aborted or unknown.

    `aborted` is only written down when it is certain: the abort was acknowledged, or the producer was
    fenced by a newer one before a commit was tried.
    """
    id: str
    producer: str
    begun: float
    commit_invoked: float | None = None
    done: float | None = None
    outcome: str = UNKNOWN
    group: str | None = None
    offsets: dict = dataclasses.field(default_factory=dict)   # (topic, partition) -> next offset


@dataclasses.dataclass(slots=True)
class Session:
    """One consumer's look at partitions, from one assignment to the next.

    reads: (topic, partition, offset, id or None where the value was broken, time)
    """
    name: str
    isolation: str
    group: str | None = None
    reads: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class OffsetCommit:
    group: str
    topic: str
    partition: int
    offset: int
    invoked: float
    done: float = 0.0
    outcome: str = UNKNOWN


@dataclasses.dataclass(slots=True)
class OffsetSeen:
    """What the group's committed offset was found to be; -1: none."""
    group: str
    topic: str
    partition: int
    offset: int
    invoked: float
    done: float


@dataclasses.dataclass(slots=True)
class EndSeen:
    """An answer to ListOffsets: the high watermark, or with read_committed the last stable offset."""
    topic: str
    partition: int
    isolation: str
    offset: int
    invoked: float
    done: float


@dataclasses.dataclass
class Final:
    """A partition read from its start to its end after the faults; (offset, id or None) in order."""
    topic: str
    partition: int
    isolation: str
    records: list
    end: int                          # where the read began to know the end
    stuck: str = ""                   # why it could not be read to the end


class History:
    """Appended to from any thread."""

    def __init__(self):
        self.lock = threading.Lock()
        self.writes: dict[str, Write] = {}
        self.txns: dict[str, Txn] = {}
        self.sessions: list[Session] = []
        self.commits: list[OffsetCommit] = []
        self.offsets_seen: list[OffsetSeen] = []
        self.ends_seen: list[EndSeen] = []
        self.finals: list[Final] = []
        self.exactly_once: dict[str, str] = {}    # group -> topic that its transactions write to
        self.events: list[tuple] = []             # (time, text): faults and what clients complained of
        self.refused = 0                          # writes that were answered as corrupt

    def add_write(self, write: Write):
        with self.lock:
            self.writes[write.id] = write
        return write

    def add_txn(self, txn: Txn):
        with self.lock:
            self.txns[txn.id] = txn
        return txn

    def new_session(self, name: str, isolation: str, group: str | None = None) -> Session:
        session = Session(name, isolation, group)
        with self.lock:
            self.sessions.append(session)
        return session

    def note(self, text: str):
        with self.lock:
            self.events.append((now(), text))

    def count(self) -> int:
        return (len(self.writes) + len(self.txns) + sum(len(s.reads) for s in self.sessions) + len(self.commits)
                + len(self.offsets_seen) + len(self.ends_seen) + sum(len(f.records) for f in self.finals))

    def dump(self, path):
        """One JSON line per operation, for a look at what an anomaly came from."""
        with open(path, "w") as out:
            def line(kind, value):
                out.write(json.dumps({"kind": kind, **value}) + "\n")
            for time_, text in sorted(self.events):
                line("event", {"time": time_, "text": text})
            for kind, values in (("write", self.writes.values()), ("commit", self.commits),
                                 ("offset_seen", self.offsets_seen), ("end_seen", self.ends_seen)):
                for value in values:
                    line(kind, dataclasses.asdict(value))
            for txn in self.txns.values():
                line("txn", {**dataclasses.asdict(txn), "offsets": [[*k, v] for k, v in txn.offsets.items()]})
            for session in self.sessions:
                for read in session.reads:
                    line("read", {"session": session.name, "isolation": session.isolation, "read": read})
            for final in self.finals:
                line("final", dataclasses.asdict(final))


def value_of(record_id: str, size: int) -> bytes:
    """The bytes of a record: mark, id, filling, and a checksum over all of it."""
    body = b"WbChk|" + record_id.encode() + b"|"
    body += b"abcdefghijklmnopqrstuvwxyz"[: 1 + size % 26] * (max(0, size - len(body)) // (1 + size % 26))
    return body + b"|%08x" % zlib.crc32(body)


def id_of(value: bytes | None) -> str | None:
    """The id in a record's bytes; None when they are not what was sent."""
    if not value or len(value) < 16 or not value.startswith(b"WbChk|"):
        return None
    body, checksum = value[:-9], value[-9:]
    if checksum != b"|%08x" % zlib.crc32(body):
        return None
    return body.split(b"|", 2)[1].decode()
