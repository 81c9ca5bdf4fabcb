"""A Waybill under test: a project folder of its own, the release binary, free ports."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("WAYBILL", ROOT / "build/release/waybill"))
SHARED = pathlib.Path(os.environ.get("WAYBILL_SHARED", ROOT / "../shared")).resolve()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Checks:
    """Counts what holds; the last line of a run is `N passed, N failed`."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def check(self, name: str, ok: bool, detail: object = "") -> bool:
        self.passed += bool(ok)
        self.failed += not ok
        print(("ok    " if ok else "FAIL  ") + name + (f" ({detail})" if detail != "" else ""), flush=True)
        return bool(ok)

    def equal(self, name: str, got: object, want: object) -> bool:
        return self.check(name, got == want, f"{got}" if got == want else f"got {got}, want {want}")

    def close(self) -> int:
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed else 0


class Waybill:
    def __init__(self, folder: pathlib.Path | None = None):
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="waybill-")
        self.project = folder or pathlib.Path(self._temporary.name) / "project"
        self.http_port, self.postgres_port, self.kafka_port, self.redis_port = (free_port() for _ in range(4))
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.process: subprocess.Popen | None = None
        if not (self.project / "waybill.yaml").exists():
            self.run("init", str(self.project), project=False)

    def run(self, *arguments: str, project: bool = True, check: bool = True, timeout: float = 300):
        command = [str(BINARY)] + (["--project", str(self.project)] if project else []) + list(arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done

    def start(self, simulate: int = 0, *more: str) -> float:
        """Starts it and waits until it says that it is ready; returns the milliseconds it names."""
        self.log = open(self.project / "up.log", "ab")
        here = self.log.seek(0, os.SEEK_END)
        self.process = subprocess.Popen(
            [str(BINARY), "--project", str(self.project), "up", "--simulate", str(simulate),
             "--http", f"127.0.0.1:{self.http_port}", "--postgres", f"127.0.0.1:{self.postgres_port}",
             "--kafka", f"127.0.0.1:{self.kafka_port}", "--redis", f"127.0.0.1:{self.redis_port}", *more],
            stdout=self.log, stderr=subprocess.STDOUT)
        deadline = time.time() + 60
        while time.time() < deadline:
            text = pathlib.Path(self.log.name).read_bytes()[here:].decode("utf-8", "replace")
            if "waybill is ready in" in text:
                return float(text.split("waybill is ready in ")[1].split(" ")[0])
            if self.process.poll() is not None:
                raise RuntimeError(f"it ended with status {self.process.returncode}:\n{text}")
            time.sleep(0.02)
        raise RuntimeError("it was not ready within a minute")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self._temporary:
            self._temporary.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, path: str, body: bytes | None = None, headers: dict | None = None):
        """(status, parsed JSON or text); an HTTP error is an answer like any other."""
        request = urllib.request.Request(self.url + path, data=body, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                status, data = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, data = error.code, error.read()
        try:
            return status, json.loads(data)
        except ValueError:
            return status, data.decode("utf-8", "replace")

    def send(self, topic: str, records: list, **headers: str):
        body = "\n".join(json.dumps(r) for r in records).encode()
        return self.request(f"/v1/topics/{topic}/records", body, {"Content-Type": "application/x-ndjson", **headers})

    def sql(self, text: str) -> list:
        status, answer = self.request("/v1/sql", json.dumps({"sql": text, "limit": 100000}).encode(), {"Content-Type": "application/json"})
        if status != 200:
            raise RuntimeError(f"{text}: {answer}")
        return answer["rows"]

    def until(self, what: str, condition, seconds: float = 120):
        """Waits until `condition()` is true or raises; its last error counts as not yet."""
        deadline, last = time.time() + seconds, None
        while time.time() < deadline:
            try:
                last = condition()
                if last:
                    return last
            except Exception as error:  # noqa: BLE001 - not there yet
                last = error
            time.sleep(0.2)
        raise RuntimeError(f"{what} did not happen within {seconds} s: {last}")

    def settle(self, seconds: float = 120):
        """Waits until the pipelines have taken in all that the log has."""
        self.until("catching up", lambda: all(p["lag_records"] == 0 for p in self.request("/v1/status")[1]["pipelines"]), seconds)
