"""What no client should send: random bytes, absurd lengths, broken batches, half-open and slow connections.

    log_garbage.py BOOTSTRAP [--log FILE] [--pid PID] [CASE...]    ends in one line "N passed, N failed"

With --log each refused connection must have left a line in the broker's log; with --pid the broker's memory is
watched. After each case the broker still answers, and what was acknowledged before is still there, byte for byte.
"""
import argparse
import hashlib
import pathlib
import random
import socket
import struct
import sys
import time

from cases import fresh, output_of, run, until
from log_peers import kcat

PRODUCE, FETCH, METADATA, API_VERSIONS = 0, 1, 3, 18
NONE, CORRUPT_MESSAGE, INVALID_RECORD, UNKNOWN_TOPIC_OR_PARTITION = 0, 2, 87, 3
MEMORY_GROWTH_MAX = 256 << 20


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def batch(values, **wrong):
    """A record batch (format 2); `wrong` replaces fields: crc, magic, attributes, count, last_delta, length, records."""
    records = wrong.get("records")
    if records is None:
        records = b""
        for delta, value in enumerate(values):
            body = b"\0" + varint(0) + varint(delta) + varint(-1) + varint(len(value)) + value + varint(0)
            records += varint(len(body)) + body
    checked = struct.pack(">hiqqqhii", wrong.get("attributes", 0), wrong.get("last_delta", len(values) - 1), 1_700_000_000_000,
                          1_700_000_000_000, wrong.get("producer", -1), -1, -1, wrong.get("count", len(values))) + records
    crc = wrong.get("crc", crc32c(checked))
    inner = struct.pack(">ibI", -1, wrong.get("magic", 2), crc) + checked
    return struct.pack(">qi", 0, wrong.get("length", len(inner))) + inner


def text(value):
    data = value.encode()
    return struct.pack(">h", len(data)) + data


def request(api, version, body, correlation=7):
    frame = struct.pack(">hhi", api, version, correlation) + text("garbage") + body
    return struct.pack(">i", len(frame)) + frame


def produce_body(topic, data, acks=-1, length=None):
    return (struct.pack(">hhi", -1, acks, 5000) + struct.pack(">i", 1) + text(topic) + struct.pack(">ii", 1, 0)
            + struct.pack(">i", len(data) if length is None else length) + data)


class Door:
    def __init__(self, bootstrap, log, pid):
        self.address = (bootstrap.split(":")[0], int(bootstrap.split(":")[1]))
        self.bootstrap, self.log, self.pid = bootstrap, log and pathlib.Path(log), pid
        self.random = random.Random(20261123)
        self.kept = fresh("garbage-kept")
        self.lines = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(5000)]
        output_of([kcat(), "-b", bootstrap, "-P", "-t", self.kept, "-p", "0", "-X", "acks=all"],
                  "".join(f"{line}\n" for line in self.lines).encode())
        self.memory_before = self.memory()

    def connect(self, timeout=10):
        return socket.create_connection(self.address, timeout)

    def memory(self):
        if not self.pid:
            return 0
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) * 1024

    def log_length(self):
        return self.log.stat().st_size if self.log else 0

    def said_since(self, position):
        """The broker's log after a position holds a line that is not mere information."""
        if not self.log:
            return
        def complaint():
            return [line for line in self.log.read_bytes()[position:].splitlines() if b" warn" in line or b" error" in line]
        until(complaint, 5, "a line in the log")

    def check_alive(self):
        read = output_of([kcat(), "-b", self.bootstrap, "-C", "-t", self.kept, "-p", "0", "-e", "-q"]).decode().splitlines()
        assert read == self.lines, f"{len(read)} of {len(self.lines)} lines are left"
        grown = self.memory() - self.memory_before
        assert grown < MEMORY_GROWTH_MAX, f"memory grew by {grown >> 20} MiB"

    def refused(self, data):
        """Sends bytes; the broker must end the connection without an answer that is none."""
        before = self.log_length()
        with self.connect() as s:
            try:
                s.sendall(data)
            except OSError:
                pass
            assert ended(s), "the connection stays open"
        self.said_since(before)

    def ask(self, data, s=None):
        with s or self.connect() as s:
            s.sendall(data)
            return read_frame(s)

    def produce_error(self, topic, data, **more):
        """Error code and base offset of a produce request version 7."""
        answer = self.ask(request(PRODUCE, 7, produce_body(topic, data, **more)))
        at = 4 + 4 + 2 + len(topic) + 4 + 4
        return struct.unpack_from(">hq", answer, at)


def ended(s, seconds=8):
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
        return True
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def read_exactly(s, count):
    data = b""
    while len(data) < count:
        part = s.recv(count - len(data))
        if not part:
            raise ConnectionError("the connection ended")
        data += part
    return data


def read_frame(s):
    return read_exactly(s, struct.unpack(">i", read_exactly(s, 4))[0])


# --- frames -----------------------------------------------------------------------------------------------------------

def random_bytes_end_the_connection(door):
    for size in (1, 3, 4, 5, 64, 4096, 100_000):
        data = door.random.randbytes(size)
        with door.connect() as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            assert ended(s), f"{size} random bytes and an end leave the connection open"


def absurd_frame_lengths_are_refused_at_once(door):
    for length in (-1, -2**31, 2**31 - 1, 1 << 30, 0, 3):
        door.refused(struct.pack(">i", length) + b"\0" * 64)


def other_protocols_are_refused(door):
    for hello in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300),
                  b"*1\r\n$4\r\nPING\r\n" + bytes(64)):
        door.refused(hello)


def unknown_calls_and_versions_are_refused(door):
    for api, version in ((999, 0), (-1, 0), (PRODUCE, 99), (FETCH, -1), (METADATA, 32767)):
        door.refused(request(api, version, bytes(32)))


def an_unknown_version_of_api_versions_is_answered(door):
    answer = door.ask(request(API_VERSIONS, 99, b"\0" * 8))
    correlation, error = struct.unpack_from(">ih", answer)
    assert (correlation, error) == (7, 35), (correlation, error)


def absurd_lengths_inside_a_request_are_refused(door):
    huge = struct.pack(">i", 2**31 - 1)
    door.refused(request(METADATA, 4, huge))  # topics
    door.refused(request(METADATA, 4, struct.pack(">ih", 1, 32767)))  # length of a name
    door.refused(request(PRODUCE, 7, struct.pack(">hhi", -1, -1, 5000) + huge))
    door.refused(request(PRODUCE, 7, produce_body(door.kept, b"x" * 10, length=2**31 - 1)))
    door.refused(request(FETCH, 11, struct.pack(">iiiibii", -1, 100, 1, 1 << 30, 0, 0, -1) + huge))
    door.refused(request(METADATA, 9, b"\0" + b"\xff" * 9 + b"\x7f"))  # a varint without an end


def cut_requests_are_dropped(door):
    whole = request(PRODUCE, 7, produce_body(door.kept, batch([b"never"])))
    for at in range(1, len(whole), 7):
        with door.connect() as s:
            s.sendall(whole[:at])
    frame = whole[4:]
    for at in range(10, len(frame), 11):  # frames that are complete and requests that are not
        with door.connect() as s:
            s.sendall(struct.pack(">i", at) + frame[:at])
            assert ended(s), f"a request cut at {at} leaves the connection open"


def flipped_bits_neither_kill_nor_store(door):
    topic = fresh("garbage-flip")
    assert door.produce_error(topic, batch([b"first"]))[0] in (NONE, UNKNOWN_TOPIC_OR_PARTITION)
    output_of([kcat(), "-b", door.bootstrap, "-P", "-t", topic, "-p", "0"], b"made\n")
    whole = bytearray(request(PRODUCE, 7, produce_body(topic, batch([b"value that is long enough"] * 5))))
    for _ in range(300):
        bad = bytearray(whole)
        bad[door.random.randrange(4, len(bad))] ^= 1 << door.random.randrange(8)
        with door.connect() as s:
            s.sendall(bad)
            s.shutdown(socket.SHUT_WR)
            ended(s)
    values = output_of([kcat(), "-b", door.bootstrap, "-C", "-t", topic, "-p", "0", "-e", "-q", "-X", "check.crcs=true"])
    assert set(values.split(b"\n")) <= {b"", b"first", b"made", b"value that is long enough"}, set(values.split(b"\n"))


# --- batches ----------------------------------------------------------------------------------------------------------

def broken_batches_are_answered_and_not_stored(door):
    topic = fresh("garbage-batch")
    output_of([kcat(), "-b", door.bootstrap, "-P", "-t", topic, "-p", "0"], b"made\n")
    good = batch([b"good"])
    cases = {
        "wrong CRC": (batch([b"a"], crc=1), {CORRUPT_MESSAGE}),
        "one byte changed": (good[:-2] + bytes([good[-2] ^ 1]) + good[-1:], {CORRUPT_MESSAGE}),
        "cut in the middle": (good[:-3], {CORRUPT_MESSAGE, INVALID_RECORD}),
        "empty": (b"", {CORRUPT_MESSAGE, INVALID_RECORD}),
        "header only": (good[:40], {CORRUPT_MESSAGE, INVALID_RECORD}),
        "absurd length": (batch([b"a"], length=2**31 - 1), {CORRUPT_MESSAGE, INVALID_RECORD}),
        "negative length": (batch([b"a"], length=-5), {CORRUPT_MESSAGE, INVALID_RECORD}),
        "unknown format": (batch([b"a"], magic=7), {CORRUPT_MESSAGE, INVALID_RECORD, 43, 76}),
        "wrong count": (batch([b"a"], count=5), {INVALID_RECORD, CORRUPT_MESSAGE}),
        "absurd count": (batch([b"a"], count=2**31 - 1, last_delta=2**31 - 2), {INVALID_RECORD, CORRUPT_MESSAGE}),
        "wrong last delta": (batch([b"a"], last_delta=9), {INVALID_RECORD, CORRUPT_MESSAGE}),
        "control batch of a client": (batch([b"a"], attributes=0x20), {INVALID_RECORD, CORRUPT_MESSAGE}),
        "transaction without a producer": (batch([b"a"], attributes=0x10), {INVALID_RECORD, CORRUPT_MESSAGE, 48, 49, 59}),
        "unknown codec": (batch([b"a"], attributes=5), {INVALID_RECORD, CORRUPT_MESSAGE, 76}),
        "two batches": (good + good, {INVALID_RECORD, CORRUPT_MESSAGE}),
    }
    for name, (data, wanted) in cases.items():
        error, offset = door.produce_error(topic, data)
        assert error in wanted and offset == -1, f"{name}: error {error}, offset {offset}"
    error, offset = door.produce_error(topic, good)
    assert (error, offset) == (NONE, 1), f"a whole batch got error {error}, offset {offset}"
    assert output_of([kcat(), "-b", door.bootstrap, "-C", "-t", topic, "-p", "0", "-e", "-q"]) == b"made\ngood\n"


def records_that_lie_inside_a_compressed_batch_harm_nobody(door):
    topic = fresh("garbage-codec")
    output_of([kcat(), "-b", door.bootstrap, "-P", "-t", topic, "-p", "0"], b"made\n")
    for codec in (1, 2, 3, 4):
        door.produce_error(topic, batch([b"a"], attributes=codec, records=door.random.randbytes(200)))
    assert b"made\n" in output_of([kcat(), "-b", door.bootstrap, "-C", "-t", topic, "-p", "0", "-c", "1", "-q"])


# --- connections ------------------------------------------------------------------------------------------------------

def silent_and_half_open_connections_hold_nobody_up(door):
    silent = [door.connect() for _ in range(200)]
    half = request(PRODUCE, 7, produce_body(door.kept, batch([b"never"])))[:30]
    for s in silent[:100]:
        s.sendall(half)
    began = time.time()
    door.check_alive()
    assert time.time() - began < 10, f"a reader took {time.time() - began:.1f} s"
    for s in silent:
        s.close()


def announced_but_unsent_bytes_take_no_memory(door):
    before = door.memory()
    held = [door.connect() for _ in range(100)]
    for s in held:
        s.sendall(struct.pack(">i", 90 << 20) + b"\0\0\0\7")
    time.sleep(1)
    grown = door.memory() - before
    for s in held:
        s.close()
    assert grown < MEMORY_GROWTH_MAX, f"100 promises of 90 MiB took {grown >> 20} MiB"


def a_byte_at_a_time_is_still_a_request(door):
    data = request(API_VERSIONS, 0, b"", correlation=11)
    with door.connect() as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
            time.sleep(0.02)
        assert struct.unpack_from(">ih", read_frame(s)) == (11, 0)


def a_reader_that_takes_nothing_holds_nobody_up(door):
    body = struct.pack(">iiiibii", -1, 100, 1, 8 << 20, 0, 0, -1) + struct.pack(">i", 1) + text(door.kept) + struct.pack(
        ">iiiqqi", 1, 0, -1, 0, -1, 8 << 20) + struct.pack(">i", 0) + text("")
    before = door.memory()
    with door.connect(timeout=2) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            for i in range(2000):  # two thousand fetches, no answer taken
                s.sendall(request(FETCH, 11, body, i))
        except TimeoutError:
            pass
        time.sleep(1)
        began = time.time()
        door.check_alive()
        assert time.time() - began < 10
        assert door.memory() - before < MEMORY_GROWTH_MAX, f"{(door.memory() - before) >> 20} MiB of unread answers"


def pipelined_requests_are_answered_in_order(door):
    with door.connect() as s:
        for i in range(200):
            s.sendall(request(METADATA if i % 3 else API_VERSIONS, 4 if i % 3 else 0,
                              struct.pack(">i", 0) + b"\0" if i % 3 else b"", i))
        assert [struct.unpack_from(">i", read_frame(s))[0] for _ in range(200)] == list(range(200))


def a_reset_in_the_middle_of_a_produce_leaves_whole_batches(door):
    topic = fresh("garbage-reset")
    output_of([kcat(), "-b", door.bootstrap, "-P", "-t", topic, "-p", "0"], b"made\n")
    values = [f"value {i}".encode() for i in range(20)]
    whole = request(PRODUCE, 7, produce_body(topic, batch(values)))
    for i in range(60):
        s = door.connect()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.sendall(whole if i % 2 else whole[:door.random.randrange(len(whole))])
        s.close()
    read = output_of([kcat(), "-b", door.bootstrap, "-C", "-t", topic, "-p", "0", "-e", "-q"]).splitlines()
    assert read[0] == b"made" and (len(read) - 1) % 20 == 0, len(read)
    assert all(read[at:at + 20] == values for at in range(1, len(read), 20))


CASES = [
    random_bytes_end_the_connection, absurd_frame_lengths_are_refused_at_once, other_protocols_are_refused,
    unknown_calls_and_versions_are_refused, an_unknown_version_of_api_versions_is_answered,
    absurd_lengths_inside_a_request_are_refused, cut_requests_are_dropped, flipped_bits_neither_kill_nor_store,
    broken_batches_are_answered_and_not_stored, records_that_lie_inside_a_compressed_batch_harm_nobody,
    silent_and_half_open_connections_hold_nobody_up, announced_but_unsent_bytes_take_no_memory,
    a_byte_at_a_time_is_still_a_request, a_reader_that_takes_nothing_holds_nobody_up,
    pipelined_requests_are_answered_in_order, a_reset_in_the_middle_of_a_produce_leaves_whole_batches,
]


def and_alive(case):
    def both(door):
        case(door)
        door.check_alive()
    both.__name__ = case.__name__
    return both


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("--log")
    parser.add_argument("--pid", type=int)
    parser.add_argument("cases", nargs="*")
    given = parser.parse_args()
    door = Door(given.bootstrap, given.log, given.pid)
    return run([and_alive(case) for case in CASES], door, only=given.cases)


if __name__ == "__main__":
    sys.exit(main())
