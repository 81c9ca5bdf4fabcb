"""The proxy passes bytes on unchanged, and does each thing that it is told."""

import pathlib
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from proxy import Proxy


class Echo:
    """A server that sends back what it gets and keeps it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.got = bytearray()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            while data := connection.recv(65536):
                self.got += data
                connection.sendall(data)
        except OSError:
            pass


def read(connection, size):
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            break
        data += more
    return data


class ProxyDoes(unittest.TestCase):
    def setUp(self):
        self.echo = Echo()
        self.proxy = Proxy(self.echo.port, 7)
        self.connection = socket.create_connection(("127.0.0.1", self.proxy.port), 5)
        self.connection.settimeout(5)
        self.connection.sendall(b"hello")
        self.assertEqual(read(self.connection, 5), b"hello")

    def tearDown(self):
        self.connection.close()
        self.proxy.stop()
        self.proxy.process.stdout.close()
        self.echo.listener.close()

    def ended(self):
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def test_megabytes_pass_unchanged_both_ways(self):
        data = bytes(range(256)) * 20000
        threading.Thread(target=self.connection.sendall, args=(data,), daemon=True).start()
        self.assertEqual(read(self.connection, len(data)), data)

    def test_a_cut_ends_the_connection_and_new_ones_work(self):
        self.proxy.tell("cut")
        self.assertTrue(self.ended())
        with socket.create_connection(("127.0.0.1", self.proxy.port), 5) as again:
            again.sendall(b"again")
            self.assertEqual(read(again, 5), b"again")

    def test_a_delay_holds_bytes_back_in_order(self):
        self.proxy.tell("delay", to_server=0.1, to_client=0.1)
        time.sleep(0.05)
        began = time.monotonic()
        for n in range(10):
            self.connection.sendall(b"%d" % n)
        self.assertEqual(read(self.connection, 10), b"0123456789")
        self.assertGreater(time.monotonic() - began, 0.19)

    def test_a_truncated_frame_ends_in_the_middle(self):
        self.proxy.tell("truncate", to_server=True, bytes=3)
        time.sleep(0.1)
        self.connection.sendall(b"abcdef")
        self.assertEqual(read(self.connection, 6)[3:], b"") if not self.ended() else None
        time.sleep(0.1)
        self.assertEqual(bytes(self.echo.got), b"helloabc")

    def test_swallowed_answers_do_not_come_though_the_server_has_the_request(self):
        self.proxy.tell("swallow")
        time.sleep(0.1)
        self.connection.sendall(b"unheard")
        time.sleep(0.2)
        self.proxy.tell("cut")
        self.assertTrue(self.ended())
        self.assertEqual(bytes(self.echo.got), b"hellounheard")

    def test_a_flip_changes_one_bit_in_a_record(self):
        self.proxy.tell("flip", count=1)
        time.sleep(0.1)
        sent = b"header WbChk|id|filling"
        self.connection.sendall(sent)
        got = read(self.connection, len(sent))
        self.assertEqual(sum(bin(a ^ b).count("1") for a, b in zip(sent, got)), 1)
        self.connection.sendall(sent)
        self.assertEqual(read(self.connection, len(sent)), sent)


if __name__ == "__main__":
    unittest.main()
