"""Who gets in at the PostgreSQL door: psql and psycopg with passwords and TLS.

    tests/interop/pg_access.py PG_SERVER      last line: N passed, N failed
"""
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

import psycopg

import cases

TABLE = "silver.numbers=SELECT i AS id, 'text ' || i AS word FROM range(1000) t(i)"


def certificate(folder):
    """A certificate for localhost that nobody but its maker trusts, and its key."""
    crt, key = os.path.join(folder, "server.crt"), os.path.join(folder, "server.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", key, "-out", crt, "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], check=True, capture_output=True)
    return crt, key


class Server:
    def __init__(self, program, *arguments):
        self.folder = tempfile.TemporaryDirectory(prefix="pg-access-")
        self.process = subprocess.Popen([program, self.folder.name, "0", *arguments, TABLE], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])

    def connect(self, **more):
        return psycopg.connect(**{"host": "127.0.0.1", "port": self.port, "user": "w", "dbname": "waybill",
                                  "autocommit": True, **more})

    def psql(self, *words, password=None, **environment):
        env = {**os.environ, "PGUSER": "w", **({"PGPASSWORD": password} if password else {}), **environment}
        return subprocess.run(["psql", "-X", "-w", "-h", "127.0.0.1", "-p", str(self.port), "-d", "waybill", *words],
                              capture_output=True, text=True, timeout=60, env=env)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.folder.cleanup()


class Doors:
    """The server in the ways in which it can be set up."""

    def __init__(self, program):
        self.files = tempfile.TemporaryDirectory(prefix="pg-tls-")
        self.crt, key = certificate(self.files.name)
        tls = [f"--certificate={self.crt}", f"--key={key}"]
        users = ["--user=w:geheim", "--user=ü:p ä$s:w"]
        self.open = Server(program)
        self.password = Server(program, *users)
        self.tls = Server(program, *tls)
        self.both = Server(program, *users, *tls)

    def stop(self):
        for server in (self.open, self.password, self.tls, self.both):
            server.stop()
        self.files.cleanup()


def count(connection):
    return connection.execute("SELECT count(*) FROM silver.numbers").fetchone()[0]


def refused(server, **more):
    try:
        server.connect(**more).close()
    except psycopg.OperationalError as error:
        return error
    raise AssertionError("it was let in")


def everybody_comes_in_where_there_are_no_users(doors):
    for server in (doors.open, doors.tls):
        with server.connect() as connection, server.connect(user="anybody", password="anything") as other:
            assert count(connection) == count(other) == 1000


def a_user_comes_in_with_his_password(doors):
    for server in (doors.password, doors.both):
        with server.connect(password="geheim") as connection:
            assert count(connection) == 1000
            assert connection.execute("SELECT current_user").fetchone() == ("w",)
        with server.connect(user="ü", password="p ä$s:w") as connection:
            assert count(connection) == 1000
        done = server.psql("-Atc", "SELECT count(*) FROM silver.numbers", password="geheim")
        assert done.stdout == "1000\n", done.stderr


def a_wrong_password_and_an_unknown_user_are_refused_alike(doors):
    for server in (doors.password, doors.both):
        for user, password in (("w", "geheim "), ("w", "x"), ("nobody", "geheim")):
            error = refused(server, user=user, password=password)
            assert f'password authentication failed for user "{user}"' in str(error), error
            done = server.psql("-c", "SELECT 1", password=password, PGUSER=user)
            assert done.returncode == 2 and "password authentication failed" in done.stderr, done.stderr
        assert "no password" in str(refused(server)), "no password was asked for"


def the_refusal_is_28P01(doors):
    with socket.create_connection(("127.0.0.1", doors.password.port)) as raw:
        body = b"\0\3\0\0user\0w\0\0"
        raw.sendall((len(body) + 4).to_bytes(4, "big") + body)
        challenge = raw.recv(4096)
        assert challenge[:1] == b"R" and b"SCRAM-SHA-256\0" in challenge, challenge
        first = b"n,,n=,r=abcdef"
        body = b"SCRAM-SHA-256\0" + len(first).to_bytes(4, "big") + first
        raw.sendall(b"p" + (len(body) + 4).to_bytes(4, "big") + body)
        nonce = raw.recv(4096).split(b"r=")[1].split(b",")[0]
        final = b"c=biws,r=" + nonce + b",p=" + b"A" * 43 + b"="
        start = time.monotonic()
        raw.sendall(b"p" + (len(final) + 4).to_bytes(4, "big") + final)
        answer = raw.recv(4096)
        assert b"C28P01\0" in answer and b"SFATAL\0" in answer, answer
        assert time.monotonic() - start > 0.25, "guessing is free"
        assert raw.recv(10) == b""


def who_has_not_logged_in_cannot_ask_or_send_much(doors):
    for message in (b"Q\0\0\0\x0dSELECT 1\0", b"p\0\xff\xff\xff", b"P\x03\0\0\0"):
        with socket.create_connection(("127.0.0.1", doors.password.port)) as raw:
            body = b"\0\3\0\0user\0w\0\0"
            raw.sendall((len(body) + 4).to_bytes(4, "big") + body)
            raw.recv(4096)
            raw.sendall(message)
            answer = raw.recv(4096)
            assert b"SFATAL\0" in answer and b"C08P01" in answer or b"C54000" in answer, answer


def tls_is_there_for_those_who_ask(doors):
    for server in (doors.tls, doors.both):
        for mode in ("disable", "prefer", "require"):
            with server.connect(password="geheim", sslmode=mode) as connection:
                assert connection.pgconn.ssl_in_use == (mode != "disable"), mode
                assert count(connection) == 1000
                assert connection.execute("SHOW ssl").fetchone()[0] == ("off" if mode == "disable" else "on")
        with server.connect(password="geheim", sslmode="verify-full", sslrootcert=doors.crt, host="localhost") as connection:
            assert count(connection) == 1000
        done = server.psql("-c", "\\conninfo", "-Atc", "SELECT count(*) FROM silver.numbers", password="geheim", PGSSLMODE="require")
        assert "SSL connection" in done.stdout and "1000\n" in done.stdout, done.stdout + done.stderr
    assert "does not support SSL" in str(refused(doors.open, sslmode="require"))


def large_results_pass_through_tls(doors):
    with doors.both.connect(password="geheim", sslmode="require") as connection:
        rows = connection.execute("SELECT a.id, b.word FROM silver.numbers a, silver.numbers b WHERE a.id < 300").fetchall()
        assert len(rows) == 300_000 and rows[-1] is not None


def a_query_is_cancelled_through_tls_and_after_a_log_in(doors):
    with doors.both.connect(password="geheim", sslmode="require") as connection:
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        start = time.monotonic()
        try:
            connection.execute("SELECT count(*) FROM range(100000000000) a WHERE range % 7 = 3")
            raise AssertionError("it went through")
        except psycopg.errors.QueryCanceled:
            assert time.monotonic() - start < 5
        assert count(connection) == 1000


def bytes_behind_the_request_for_tls_are_not_taken_for_encrypted_ones(doors):
    with socket.create_connection(("127.0.0.1", doors.tls.port)) as raw:
        raw.settimeout(15)
        body = b"\0\3\0\0user\0w\0\0"
        raw.sendall(b"\0\0\0\x08\x04\xd2\x16\x2f" + (len(body) + 4).to_bytes(4, "big") + body)
        got = b""
        try:
            while piece := raw.recv(4096):
                got += piece
        except OSError:
            pass
        assert got[:1] == b"S" and b"Z\0\0\0\x05I" not in got, got


def a_client_that_says_nothing_holds_nobody_up(doors):
    silent = [socket.create_connection(("127.0.0.1", doors.both.port)) for _ in range(30)]
    with doors.both.connect(password="geheim", sslmode="require") as connection:
        assert count(connection) == 1000
    for raw in silent:
        raw.close()


doors = Doors(os.path.abspath(sys.argv[1]))
status = cases.run(cases.taking("doors", globals()), doors, only=sys.argv[2:])
doors.stop()
sys.exit(status)
