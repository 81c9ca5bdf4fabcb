"""A TCP proxy between clients and broker that cuts, delays, truncates, swallows and flips bits.

As a process of its own (`Proxy`), told what to do by lines of JSON on its standard input. Bytes that it
holds when a connection is cut are lost, as are those of a client that went away: a request that nobody
waits for any longer is not delivered late by the proxy.
"""

import collections
import json
import pathlib
import random
import selectors
import socket
import struct
import subprocess
import sys
import threading
import time

MARK = b"WbChk|"
HELD_BYTES_MAX = 4 << 20        # per direction; above it the proxy stops reading


class Half:
    """One direction of a connection."""

    def __init__(self, source, target, to_server):
        self.source, self.target, self.to_server = source, target, to_server
        self.held = collections.deque()      # (when it may go, bytes)
        self.held_bytes = 0


class Relay:
    def __init__(self, listener, target_port, seed):
        self.target_port = target_port
        self.random = random.Random(seed)
        self.selector = selectors.DefaultSelector()
        self.listener = listener
        self.halves = {}                     # source socket -> Half
        self.delay = {True: 0.0, False: 0.0}
        self.swallow = False                 # answers are dropped until the next cut
        self.cut_after = {True: None, False: None}   # bytes until the connection is cut, by direction
        self.flips = 0
        self.selector.register(listener, selectors.EVENT_READ, self.accept)
        self.lines = collections.deque()
        self.wake_in, self.wake_out = socket.socketpair()
        self.wake_in.setblocking(False)
        self.selector.register(self.wake_in, selectors.EVENT_READ, self.obey)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in sys.stdin:
            self.lines.append(json.loads(line))
            self.wake_out.send(b"x")
        self.lines.append({"do": "end"})
        self.wake_out.send(b"x")

    def obey(self, _):
        self.wake_in.recv(4096)
        while self.lines:
            command = self.lines.popleft()
            do = command["do"]
            if do == "end":
                sys.exit(0)
            elif do == "cut":
                self.cut_some(command.get("share", 1.0))
            elif do == "delay":
                self.delay = {True: command["to_server"], False: command["to_client"]}
            elif do == "swallow":
                self.swallow = True
            elif do == "truncate":
                self.cut_after[command["to_server"]] = command["bytes"]
            elif do == "flip":
                self.flips += command["count"]
            elif do == "heal":
                self.delay = {True: 0.0, False: 0.0}
                self.cut_after = {True: None, False: None}
                self.flips = 0
                if self.swallow:
                    self.cut_some(1.0)
                self.swallow = False

    def cut_some(self, share):
        for source in [h.source for h in list(self.halves.values()) if h.to_server]:
            if self.random.random() < share and source in self.halves:
                self.close(self.halves[source])
        self.swallow = False

    def accept(self, _):
        client, _address = self.listener.accept()
        server = socket.socket()
        try:
            server.connect(("127.0.0.1", self.target_port))
        except OSError:
            server.close()
            self.reset(client)
            return
        for s in (client, server):
            s.setblocking(False)
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.halves[client] = Half(client, server, True)
        self.halves[server] = Half(server, client, False)
        self.watch(client)
        self.watch(server)

    @staticmethod
    def reset(s):
        try:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        s.close()

    def watch(self, s):
        """Registers the events that this socket is wanted for now."""
        own, other = self.halves[s], self.halves[self.halves[s].target]
        events = selectors.EVENT_READ if own.held_bytes < HELD_BYTES_MAX else 0
        if other.held and other.held[0][0] <= time.monotonic():
            events |= selectors.EVENT_WRITE
        try:
            known = self.selector.get_key(s).events
        except KeyError:
            known = 0
        if events == known:
            return
        if not events:
            self.selector.unregister(s)
        elif known:
            self.selector.modify(s, events, self.serve)
        else:
            self.selector.register(s, events, self.serve)

    def close(self, half):
        for s in (half.source, half.target):
            try:
                self.selector.unregister(s)
            except KeyError:
                pass
            self.halves.pop(s, None)
            self.reset(s)

    def serve(self, s):
        half = self.halves.get(s)
        if half is None:
            return
        try:
            data = s.recv(65536)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        if data:
            self.take(half, data)
        elif data == b"":
            self.flush(half, ended=True)
            self.close(half)
        if s in self.halves:
            self.flush(self.halves[half.target])

    def take(self, half, data):
        if not half.to_server and self.swallow:
            return
        if half.to_server and self.flips and MARK in data:
            data = self.flip(data)
        left = self.cut_after[half.to_server]
        if left is not None:
            if len(data) > left:
                self.cut_after[half.to_server] = None
                half.held.append((0.0, data[:left]))
                half.held_bytes += left
                self.flush(half)
                if half.source in self.halves:
                    self.close(half)
                return
            self.cut_after[half.to_server] = left - len(data)
        half.held.append((time.monotonic() + self.delay[half.to_server], data))
        half.held_bytes += len(data)
        self.flush(half)

    def flip(self, data):
        """One bit of a record's value: inside of what the batch's checksum covers."""
        place = data.rfind(MARK) + 1 + self.random.randrange(len(MARK) - 1)
        self.flips -= 1
        changed = bytearray(data)
        changed[place] ^= 1 << self.random.randrange(8)
        return bytes(changed)

    def flush(self, half, ended=False):
        if ended and half.to_server:
            return                               # nobody waits for it any longer
        moment = time.monotonic()
        try:
            while half.held and (ended or half.held[0][0] <= moment):
                when, data = half.held[0]
                sent = half.target.send(data)
                half.held_bytes -= sent
                if sent < len(data):
                    half.held[0] = (when, data[sent:])
                    break
                half.held.popleft()
        except BlockingIOError:
            pass
        except OSError:
            if not ended:
                self.close(half)
            return
        if half.source in self.halves and half.target in self.halves:
            self.watch(half.source)
            self.watch(half.target)

    def run(self):
        while True:
            moment = time.monotonic()
            waiting = [h.held[0][0] for h in self.halves.values() if h.held and h.held[0][0] > moment]
            timeout = max(0.001, min(waiting) - moment) if waiting else None
            for key, _ in self.selector.select(timeout):
                key.data(key.fileobj)
            moment = time.monotonic()
            for half in [h for h in self.halves.values() if h.held and h.held[0][0] <= moment]:
                if half.source in self.halves:
                    self.flush(half)


class Proxy:
    """The proxy as a child process; every method returns at once."""

    def __init__(self, target_port, seed):
        self.process = subprocess.Popen(
            [sys.executable, str(pathlib.Path(__file__)), str(target_port), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def tell(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    Relay(listener, int(sys.argv[1]), int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
