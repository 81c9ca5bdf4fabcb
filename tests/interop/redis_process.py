"""A real redis-server of a test's own: a free port, a folder of its own, loopback only."""
import pathlib
import shutil
import subprocess
import tempfile
import time

import redis


class RedisServer:
    def __init__(self, port: int, *options: str):
        if shutil.which("redis-server") is None:
            raise RuntimeError("redis-server is not installed: apt-get install redis-server redis-tools")
        self.port = port
        self.options = options
        self._folder = tempfile.TemporaryDirectory(prefix="waybill-redis-")
        self.folder = pathlib.Path(self._folder.name)
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--save", "", *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.time() + 20
        while time.time() < deadline:
            try:
                return self.client().ping()
            except redis.exceptions.RedisError:
                time.sleep(0.02)
        raise RuntimeError("redis-server did not answer within 20 s")

    def client(self, **options) -> redis.Redis:
        return redis.Redis(port=self.port, decode_responses=True, **options)

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()
        self._folder.cleanup()
