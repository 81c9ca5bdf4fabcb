"""Served rows passed on to a real Redis: the same as at the door, whichever side is killed.

    tests/interop/redis_push.py [ROUNDS]

Last line: `N passed, N failed`.
"""
import json
import pathlib
import random
import re
import sys
import time

import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from redis_process import RedisServer  # noqa: E402
from running import Checks, Waybill, free_port  # noqa: E402

TRUCKS = 3000
SETTINGS = """
lookups:
  shipments: gold.shipment_status
  trucks: gold.truck_latest
  recent:
    table: gold.truck_latest
    ttl: 1 hour
    time: event_time
"""


def send(waybill, ids, number, age=0):
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - age)) + f".{number % 1000:03}Z"
    status, answer = waybill.send("positions", [{"truck_id": f"TR-{i:05}", "event_time": stamp, "lat": 50, "lon": 8, "speed_kmh": number % 150,
                                                 "carrier": None if i % 2 else "Größe"} for i in ids])
    if status >= 300:
        raise RuntimeError(answer)


def content(client, names=("trucks", "recent", "shipments")):
    keys = sorted(key for name in names for key in client.scan_iter(match=f"{name}:*", count=1000))
    return {key: value for at in range(0, len(keys), 1000) for key, value in zip(keys[at:at + 1000], client.mget(keys[at:at + 1000]))}


def metric(waybill, name):
    found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", waybill.request("/metrics")[1], re.M)
    return sum(map(float, found))


def level(waybill, door, server, ids=()):
    """Both hold the same, and all of `ids`."""
    def same():
        ours = content(door)
        return all(f"trucks:TR-{i:05}" in ours for i in ids) and ours == content(server.client())
    return waybill.until("Redis and the door holding the same", same, 60)


def alert(waybill):
    return [a for a in waybill.request("/v1/alerts")[1] if a["id"] == "serve" and not a.get("resolved_at")]


def configure(waybill, serve):
    settings = waybill.project / "waybill.yaml"
    text = settings.read_text()
    text = text[:text.index("lookups:")] + SETTINGS.lstrip() + text[text.index("simulate:"):]
    settings.write_text(re.sub(r"^epoch: .*$", "epoch: 200 ms", text, flags=re.M) + serve)


def first_rows(checks, waybill, door, server):
    peer = server.client()
    peer.set("trucks:LEFT-OVER", "{}")
    peer.set("other:key", "theirs")
    waybill.start()
    send(waybill, range(TRUCKS), 1)
    checks.check("Redis holds what the door holds", level(waybill, door, server, range(TRUCKS)))
    checks.equal("rows", len(content(peer, ["trucks"])), TRUCKS)
    checks.equal("what was left over is deleted, what is not Waybill's stays", (peer.exists("trucks:LEFT-OVER"), peer.get("other:key")), (0, "theirs"))
    checks.equal("a row is the door's JSON", peer.get("trucks:TR-00007"), door.get("trucks:TR-00007"))
    checks.check("ttl", abs(peer.pttl("recent:TR-00007") - door.pttl("recent:TR-00007")) < 2000, (peer.pttl("recent:TR-00007"), peer.ttl("trucks:TR-00007")))
    checks.equal("without ttl", peer.ttl("trucks:TR-00007"), -1)
    before = metric(waybill, "waybill_serve_resyncs_total")
    send(waybill, [5, 6], 77)
    waybill.until("the change", lambda: json.loads(peer.get("trucks:TR-00005"))["speed_kmh"] == 77, 10)
    checks.equal("a change is sent as a change", metric(waybill, "waybill_serve_resyncs_total"), before)
    send(waybill, [TRUCKS], 1, age=3598)
    waybill.until("a row near its end", lambda: peer.exists(f"recent:TR-{TRUCKS:05}"), 10)
    waybill.until("its end", lambda: not peer.exists(f"recent:TR-{TRUCKS:05}") and not door.exists(f"recent:TR-{TRUCKS:05}"), 10)
    checks.check("a row whose ttl is over is gone in both", level(waybill, door, server))
    checks.equal("nothing waits", (metric(waybill, "waybill_serve_waiting_rows"), metric(waybill, "waybill_serve_lag_seconds")), (0, 0))


def redis_loses_all(checks, waybill, door, server):
    server.client().flushall()
    checks.check("after FLUSHALL all comes again", level(waybill, door, server, range(TRUCKS)))
    server.client().delete("trucks:TR-00001")
    server.client().set("waybill:served:trucks", "somebody else")
    checks.check("after another's mark all comes again", level(waybill, door, server, range(TRUCKS)))


def redis_is_down(checks, waybill, door, server):
    server.kill()
    waybill.until("the alert", lambda: alert(waybill), 20)
    checks.check("an alert says that Redis is down", "Redis" in alert(waybill)[0]["summary"], alert(waybill)[0]["summary"])
    send(waybill, range(100), 3)
    waybill.until("the lag", lambda: metric(waybill, "waybill_serve_lag_seconds") > 1, 20)
    checks.check("rows wait meanwhile", metric(waybill, "waybill_serve_waiting_rows") >= 100)
    checks.equal("the door goes on", json.loads(door.get("trucks:TR-00050"))["speed_kmh"], 3)
    server.start()
    checks.check("all is there when it is back", level(waybill, door, server, range(TRUCKS)))
    checks.check("the alert is over", waybill.until("no alert", lambda: not alert(waybill), 20))


def kills(checks, waybill, door, server, rounds, seed):
    random.seed(seed)
    number = 10
    for round_number in range(rounds):
        victim = random.choice(["waybill", "redis"])
        end = time.time() + random.uniform(0.3, 1.5)
        while time.time() < end:
            number += 1
            send(waybill, random.sample(range(TRUCKS), 500), number)
        (waybill if victim == "waybill" else server).kill()
        (waybill if victim == "waybill" else server).start()
        last = [random.randrange(TRUCKS, TRUCKS * 2) for _ in range(5)]
        number += 1
        waybill.until("sending", lambda: send(waybill, last, number) is None, 20)
        checks.check(f"round {round_number}: kill -9 of {victim}", level(waybill, door, server, last))


def hashes(checks, server):
    with Waybill() as waybill:
        configure(waybill, f"serve:\n  redis: redis://:env:WAYBILL_TEST_REDIS@127.0.0.1:{server.port}/3\n  rows: hashes\n")
        done = waybill.run("check", check=False)
        checks.check("a password that the environment lacks is named", "WAYBILL_TEST_REDIS" in done.stdout + done.stderr, (done.stdout + done.stderr).strip())
        import os
        os.environ["WAYBILL_TEST_REDIS"] = "secret"
        server.client().config_set("requirepass", "secret")
        peer = redis.Redis(port=server.port, db=3, password="secret", decode_responses=True)
        door = redis.Redis(port=waybill.redis_port, decode_responses=True)
        waybill.start()
        send(waybill, range(20), 5)
        waybill.until("hashes", lambda: len(list(peer.scan_iter(match="trucks:*"))) == 20, 20)
        checks.equal("a hash is the door's hash", peer.hgetall("trucks:TR-00004"), door.hgetall("trucks:TR-00004"))
        checks.equal("and a field that is null is none in both", (peer.hget("trucks:TR-00005", "carrier"), door.hget("trucks:TR-00005", "carrier")), (None, None))
        text = (waybill.project / "up.log").read_text()
        checks.check("the password is in no log", "secret" not in text)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    seed = time.time_ns() % 1_000_000
    print(f"seed {seed}")
    checks = Checks()
    options = ("--appendonly", "yes", "--appendfsync", "everysec")
    with Waybill() as waybill, RedisServer(free_port(), *options) as server:
        configure(waybill, f"serve: redis://127.0.0.1:{server.port}\n")
        door = redis.Redis(port=waybill.redis_port, decode_responses=True)
        first_rows(checks, waybill, door, server)
        redis_loses_all(checks, waybill, door, server)
        redis_is_down(checks, waybill, door, server)
        kills(checks, waybill, door, server, rounds, seed)
    with RedisServer(free_port()) as server:
        hashes(checks, server)
    return checks.close()


sys.exit(main())
