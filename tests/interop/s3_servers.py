"""Real S3 servers for tests: each runs as a process on a loopback port of its own, with a bucket.

versitygw keeps objects as files and answers conditional creates under a lock; moto keeps them in
memory. Both are behind `make accept-s3`'s set-up (S3_PEERS names their folder). The module also
checks, from the outside and before anything is trusted to them, that a conditional create is atomic.
"""

import datetime
import hashlib
import hmac
import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

PEERS = os.environ.get("S3_PEERS", os.path.expanduser("~/.cache/waybill-peers/s3"))
KEY, SECRET, REGION, BUCKET = "waybill-test", "waybill-test-secret", "us-east-1", "lakehouse"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def signed(method, host, path, query="", headers=None, body=b"", key=KEY, secret=SECRET, now=None):
    """Headers of a request with AWS Signature Version 4. `path` and `query` are encoded already."""
    now = now or datetime.datetime.now(datetime.timezone.utc)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    digest = hashlib.sha256(body).hexdigest()
    headers = {**(headers or {}), "host": host, "x-amz-date": stamp, "x-amz-content-sha256": digest}
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, query, *(f"{n}:{headers[n]}" for n in sorted(headers)), "", names, digest])
    scope = f"{day}/{REGION}/s3/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    mac = ("AWS4" + secret).encode()
    for part in (day, REGION, "s3", "aws4_request"):
        mac = hmac.new(mac, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(mac, text.encode(), hashlib.sha256).hexdigest()
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    return headers


class Server:
    """A running server: endpoint, environment for clients, and its end."""

    def __init__(self, name, command, folder, environment=None):
        self.name, self.folder = name, folder
        self.port = free_port()
        self.log = open(os.path.join(folder, "server.log"), "wb")
        command = [part.format(port=self.port, folder=folder) for part in command]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=folder, env={**os.environ, **(environment or {})})
        self.endpoint = f"http://127.0.0.1:{self.port}"
        deadline = time.time() + 60
        while True:
            try:
                if self.ask("PUT", f"/{BUCKET}")[0] in (200, 409):
                    return
            except OSError:
                pass
            if time.time() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{name} did not start: {open(self.log.name).read()[-2000:]}")
            time.sleep(0.1)

    def ask(self, method, path, query="", headers=None, body=b""):
        host = f"127.0.0.1:{self.port}"
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            url = path + ("?" + query if query else "")
            connection.request(method, url, body=body, headers=signed(method, host, path, query, headers, body))
            answer = connection.getresponse()
            return answer.status, answer.read(), dict(answer.getheaders())
        finally:
            connection.close()

    def environment(self):
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def storage_options(self):
        """For delta-rs."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ALLOW_HTTP": "true",
            "conditional_put": "etag",
        }

    def url(self, prefix):
        return f"s3://{BUCKET}/{prefix}?endpoint={self.endpoint}&region={REGION}"

    def check_conditional_create(self, rounds=40, writers=8):
        """Exactly one of several concurrent creates of one key may win, and its bytes must stand."""
        for number in range(rounds):
            path, won = f"/{BUCKET}/conditional/{number}", []
            ready = threading.Barrier(writers)

            def create(writer):
                ready.wait()
                status = self.ask("PUT", path, headers={"if-none-match": "*"}, body=f"{writer}".encode() * 999)[0]
                if status == 200:
                    won.append(writer)

            threads = [threading.Thread(target=create, args=(writer,)) for writer in range(writers)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            there = self.ask("GET", path)[1]
            if len(won) != 1 or there != f"{won[0]}".encode() * 999:
                raise AssertionError(f"{self.name}: {len(won)} of {writers} creates of one key won")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def versitygw():
    folder = tempfile.mkdtemp(prefix="s3-versitygw-")
    os.makedirs(os.path.join(folder, "data"))
    command = [os.path.join(PEERS, "bin/versitygw"), "--access", KEY, "--secret", SECRET, "--region", REGION,
               "--port", "127.0.0.1:{port}", "--virtual-domain", "localhost:{port}", "--quiet", "posix", "--sidecar", "{folder}/meta", "{folder}/data"]
    os.makedirs(os.path.join(folder, "meta"))
    return Server("versitygw", command, folder)


def moto():
    folder = tempfile.mkdtemp(prefix="s3-moto-")
    command = [os.path.join(PEERS, "venv/bin/moto_server"), "-H", "127.0.0.1", "-p", "{port}"]
    return Server("moto", command, folder)


SERVERS = {"versitygw": versitygw, "moto": moto}

if __name__ == "__main__":
    for start in SERVERS.values():
        server = start()
        try:
            server.check_conditional_create()
            print(f"{server.name}: a conditional create is atomic")
        except AssertionError as wrong:
            print(wrong)
        finally:
            server.stop()
