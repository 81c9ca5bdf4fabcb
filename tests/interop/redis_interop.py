"""The Redis door by redis-cli, redis-py and bare sockets, with a real redis-server beside it.

    tests/interop/redis_interop.py

Where both can answer a question, the answers must be the same bytes. Last line: `N passed, N failed`.
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import time

import redis

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from redis_process import RedisServer  # noqa: E402
from running import Checks, Waybill, free_port  # noqa: E402

TRUCKS = 60
FIELDS = "truck_id event_time lat lon speed_kmh heading status carrier shipment_id".split()  # of gold.truck_latest
LOOKUPS = """
lookups:
  shipments: gold.shipment_status
  trucks: gold.truck_latest
  recent:
    table: gold.truck_latest
    ttl: 1 hour
    time: event_time
"""


def truck(i: int, now: float) -> dict:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - (7200 if i % 10 == 0 else 60)))
    return {"truck_id": f"TR-{i:03}", "event_time": stamp, "lat": 46 + i * 0.13, "lon": 5 + (i * 7 % 60) * 0.2,
            "speed_kmh": i * 1.5, "heading": i % 360, "status": "moving" if i % 3 else "stopped",
            "carrier": "Größe & \"Söhne\"" if i == 7 else None, "shipment_id": f"S:{i}"}


def raw(port: int, request: bytes, seconds: float = 5, close: bool = True) -> bytes:
    """All that is answered to `request` until the other side has no more to say."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            connection.sendall(request)
            if close:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(1 << 20):
                answer += part
        except (TimeoutError, OSError):  # the other side may have closed before all was sent
            pass
    return answer


def command(*words) -> bytes:
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def cli(port: int, *words: str, more=()) -> str:
    done = subprocess.run(["redis-cli", "-p", str(port), *more, *words], capture_output=True, text=True, timeout=30)
    return done.stdout.strip() or done.stderr.strip()


def refused(call) -> str:
    try:
        return f"answered {call()!r}"
    except redis.exceptions.RedisError as error:
        return str(error)


def rows(checks, r, waybill):
    everywhere = {f"TR-{i:03}": waybill.request(f"/v1/trucks/TR-{i:03}")[1] for i in range(TRUCKS)}
    checks.check("GET is the JSON of the look-up by HTTP", all(json.loads(r.get(f"trucks:{k}")) == v for k, v in everywhere.items()))
    got = r.mget([f"trucks:{k}" for k in everywhere] + ["trucks:none", "nothing"])
    checks.check("MGET keeps the order, and nulls", [json.loads(g) for g in got[:-2]] == list(everywhere.values()) and got[-2:] == [None, None])
    want = {k: everywhere["TR-007"][k] for k in FIELDS}
    got = r.hgetall("trucks:TR-007")
    checks.check("HGETALL has the fields in the table's order", list(got) == list(want), list(got))
    checks.check("HGETALL has the values as text",
                 all(str(want[k]) == got[k] or float(want[k]) == float(got[k]) for k in want), got)
    checks.equal("HGET", r.hget("trucks:TR-007", "carrier"), "Größe & \"Söhne\"")
    checks.equal("a field that is null is none", (r.hget("trucks:TR-008", "carrier"), r.hexists("trucks:TR-008", "carrier"),
                                                  "carrier" in r.hgetall("trucks:TR-008")), (None, False, False))
    checks.equal("HMGET", r.hmget("trucks:TR-007", "truck_id", "none", "shipment_id"), ["TR-007", None, "S:7"])
    checks.equal("HKEYS, HVALS and HLEN agree", (r.hkeys("trucks:TR-007"), r.hvals("trucks:TR-007"), r.hlen("trucks:TR-007")),
                 (list(got), list(got.values()), len(got)))
    checks.equal("HEXISTS", (r.hexists("trucks:TR-007", "lat"), r.hexists("trucks:TR-007", "no")), (True, False))
    checks.equal("HSCAN MATCH", r.hscan("trucks:TR-007", match="l*"), (0, {"lat": got["lat"], "lon": got["lon"]}))
    checks.equal("hscan_iter gives all", dict(r.hscan_iter("trucks:TR-007")), got)
    checks.equal("STRLEN", r.strlen("trucks:TR-007"), len(r.get("trucks:TR-007").encode()))
    checks.equal("an id with a colon", json.loads(r.get("shipments:S:5"))["shipment_id"], "S:5")
    checks.equal("EXISTS counts", r.exists("trucks:TR-001", "trucks:TR-001", "trucks:no", "fleet"), 3)
    checks.equal("TYPE", (r.type("trucks:TR-001"), r.type("fleet"), r.type("none")), ("hash", "zset", "none"))


def ttl(checks, r):
    old = [f"TR-{i:03}" for i in range(0, TRUCKS, 10)]
    checks.equal("rows whose ttl is over are gone", [r.exists(f"recent:{k}") for k in old], [0] * len(old))
    checks.equal("and not found by SCAN", len(list(r.scan_iter(match="recent:*"))), TRUCKS - len(old))
    left = r.ttl("recent:TR-001")
    checks.check("TTL counts from the row's time", 3400 < left <= 3540, left)
    checks.check("PTTL likewise", 3_400_000 < r.pttl("recent:TR-001") <= 3_540_000)
    checks.equal("PEXPIRETIME and EXPIRETIME agree", round(r.execute_command("PEXPIRETIME", "recent:TR-001") / 1000),
                 r.execute_command("EXPIRETIME", "recent:TR-001"))
    checks.equal("TTL without one, and of nothing", (r.ttl("trucks:TR-001"), r.ttl("trucks:none")), (-1, -2))


def scans(checks, r):
    everything = {f"trucks:TR-{i:03}" for i in range(TRUCKS)}
    for count in (1, 7, 1000):
        found = list(r.scan_iter(match="trucks:*", count=count))
        checks.check(f"SCAN COUNT {count} meets every key once", sorted(found) == sorted(everything), len(found))
    checks.equal("SCAN MATCH with a set", sorted(r.scan_iter(match="trucks:TR-00[1-3]")), [f"trucks:TR-00{i}" for i in (1, 2, 3)])
    checks.equal("SCAN TYPE zset", list(r.scan_iter(_type="zset")), ["fleet"])
    checks.equal("KEYS", sorted(r.keys("trucks:TR-0?5")), sorted(f"trucks:TR-{i:03}" for i in range(5, TRUCKS, 10)))
    checks.equal("DBSIZE is what SCAN meets and the rows that wait for their sweep",
                 r.dbsize() >= len(set(r.scan_iter(count=1000))), True)
    checks.equal("redis-cli --scan", sorted(cli(r.connection_pool.connection_kwargs["port"], "--scan", "--pattern", "trucks:*").split()),
                 sorted(everything))


def geo(checks, r, peer):
    for i in range(TRUCKS):
        row = truck(i, time.time())
        peer.geoadd("fleet", (row["lon"], row["lat"], row["truck_id"]))
    searches = {
        "BYRADIUS": dict(longitude=10, latitude=50, radius=200, unit="km", sort="ASC"),
        "FROMMEMBER": dict(member="TR-020", radius=300, unit="mi", sort="DESC"),
        "BYBOX": dict(longitude=10, latitude=50, width=400, height=300, unit="km", sort="ASC"),
        "COUNT": dict(longitude=10, latitude=50, radius=2_000_000, unit="m", sort="ASC", count=7),
        "far away": dict(longitude=-120, latitude=-30, radius=10, unit="ft"),
    }
    for name, options in searches.items():
        checks.equal(f"GEOSEARCH {name} finds what Redis finds", r.geosearch("fleet", **options), peer.geosearch("fleet", **options))
    ours = r.geosearch("fleet", longitude=10, latitude=50, radius=300, unit="km", sort="ASC", withdist=True, withcoord=True, withhash=True)
    theirs = peer.geosearch("fleet", longitude=10, latitude=50, radius=300, unit="km", sort="ASC", withdist=True, withcoord=True, withhash=True)
    near = all(a[0] == b[0] and abs(a[1] - b[1]) < 0.01 and abs(a[3][0] - b[3][0]) < 1e-5 and abs(a[3][1] - b[3][1]) < 1e-5
               for a, b in zip(ours, theirs))
    checks.check("WITHDIST and WITHCOORD are as near as a geohash", len(ours) == len(theirs) > 3 and near, len(ours))
    checks.check("WITHHASH is Redis's but for the last steps", all(abs(a[2] - b[2]) < 4096 for a, b in zip(ours, theirs)))
    ids = [f"TR-{i:03}" for i in range(TRUCKS)]
    checks.check("GEOHASH agrees", all(a[:6] == b[:6] and len(a) == len(b) for a, b in zip(r.geohash("fleet", *ids), peer.geohash("fleet", *ids))))
    checks.equal("GEOPOS of nobody", r.geopos("fleet", "TR-001", "nobody")[1], None)
    checks.check("GEODIST", abs(r.geodist("fleet", "TR-001", "TR-040", "km") - peer.geodist("fleet", "TR-001", "TR-040", "km")) < 0.01)
    checks.equal("GEODIST of nobody", r.geodist("fleet", "TR-001", "nobody"), None)
    checks.equal("ZCARD", r.zcard("fleet"), TRUCKS)


# Requests that both must answer with the same bytes. {t} is a key that both have as a string.
SAME = [
    b"PING\r\n", b"ping hello\r\n", b"PING \"two words\"\r\n", b"PING 'a b' c\r\n", b"ECHO \"\\x41\\n\\\"\"\r\n", b"\r\n\r\nPING\r\n",
    b"*0\r\nPING\r\n", b"*-1\r\nPING\r\n", b"PING \"open\r\n", b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
    b"*9999999999\r\n", b"*abc\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$99999999999999\r\n", b"*1\r\n:4\r\n", b"*1\r\n$abc\r\n",
    b"*" + b"9" * 100_000, b"x" * 70_000,
    command("NOSUCH"), command("NOSUCH", "a", "b"), command("GET"), command("GET", "a", "b"), command("MGET"), command("HGET", "a"),
    command("EXISTS"), command("ECHO"), command("SELECT", "0"), command("SELECT", "1000"), command("SELECT", "x"), command("SCAN", "x"),
    command("SCAN", "0", "COUNT", "0"), command("SCAN", "0", "COUNT", "x"), command("SCAN", "0", "BAD", "1"), command("SCAN", "0", "MATCH"),
    command("HSCAN", "none", "0"), command("HSCAN", "none", "x"), command("HELLO", "4"), command("HELLO", "x"), command("HELLO", "3", "BAD"),
    command("GET", "none"), command("GET", ""), command("GET", b"\x00\xff\r\n"), command("HGETALL", "none"), command("HGET", "none", "a"),
    command("HMGET", "none", "a", "b"), command("HKEYS", "none"), command("HLEN", "none"), command("TTL", "none"), command("PTTL", "none"),
    command("TYPE", "none"), command("STRLEN", "none"), command("MGET", "none", "none"), command("GET", "{t}"), command("TTL", "{t}"),
    command("EXISTS", "{t}", "{t}"), command("GET", "fleet"), command("HGETALL", "fleet"), command("STRLEN", "fleet"),
    command("EXEC"), command("DISCARD"), command("MULTI") + command("MULTI"),
    command("MULTI") + command("GET", "{t}") + command("GET", "none") + command("EXEC"),
    command("MULTI") + command("NOSUCH") + command("EXEC"), command("MULTI") + command("GET", "{t}") + command("DISCARD") + command("EXEC"),
    command("WATCH", "a") + command("MULTI") + command("PING") + command("EXEC") + command("UNWATCH"),
    command("CLIENT", "SETNAME", "a b"), command("CLIENT", "GETNAME"), command("CLIENT", "SETNAME", "me") + command("CLIENT", "GETNAME"),
    command("CLIENT", "SETNAME", "me") + command("RESET") + command("CLIENT", "GETNAME"), command("QUIT") + command("PING"),
    command("AUTH", "x"), command("GEOSEARCH", "fleet", "FROMLONLAT", "x", "1", "BYRADIUS", "1", "km"),
    command("GEOSEARCH", "fleet", "FROMLONLAT", "1", "1", "BYRADIUS", "1", "yd"), command("GEOSEARCH", "fleet", "FROMLONLAT", "1", "99", "BYRADIUS", "1", "km"),
    command("GEOSEARCH", "fleet", "FROMMEMBER", "nobody", "BYRADIUS", "1", "km"), command("GEOSEARCH", "fleet", "BYRADIUS", "1", "km", "ASC", "WITHDIST"),
    command("GEOSEARCH", "fleet", "FROMLONLAT", "1", "1", "ASC", "WITHDIST"), command("GEOSEARCH", "none", "FROMLONLAT", "1", "1", "BYRADIUS", "1", "km"),
    command("GEOSEARCH", "fleet", "FROMLONLAT", "1", "1", "BYRADIUS", "-1", "km"), command("GEOSEARCH", "fleet", "FROMLONLAT", "1", "1", "BYRADIUS", "1", "km", "ANY"),
    command("GEOPOS", "fleet", "nobody"), command("GEOPOS", "none", "a"), command("GEODIST", "fleet", "a", "b"), command("GEODIST", "fleet", "TR-001", "TR-002", "yd"),
    command("HELLO", "3") + command("GET", "none"),
]


def same_bytes(checks, ours: int, theirs: int, peer, r):
    key = "trucks:TR-007"
    peer.set(key, r.get(key))
    for request in SAME:
        request = request.replace(b"$3\r\n{t}", b"$%d\r\n%s" % (len(key), key.encode()))
        a, b = raw(ours, request, 2), raw(theirs, request, 2)
        if b"HELLO" in request and request.startswith(command("HELLO", "3")):  # the ids differ
            a, b = a[-3:], b[-3:]
        checks.check(f"as Redis: {request[:60]!r}", a == b, "" if a == b else f"got {a[:160]!r}, want {b[:160]!r}")


def resident_mb(waybill) -> float:
    status = pathlib.Path(f"/proc/{waybill.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def hostile(checks, waybill, r):
    port = waybill.redis_port
    before = resident_mb(waybill)
    answer = raw(port, b"*1000000\r\n" + b"$1048576\r\n" + b"x" * 100, 1, close=False)
    checks.equal("a huge command that never comes costs nothing", answer, b"")
    size = 1 << 20
    answer = raw(port, b"*100\r\n" + (b"$%d\r\n" % size + b"x" * size + b"\r\n") * 70, 20)
    checks.check("a command beyond its bound ends its connection",  # what is unread then resets it, often before the reason is read
                 answer == b"" or answer.startswith(b"-ERR Protocol error: a command has more than"), answer[:100])
    checks.check("more words than anybody needs are refused", raw(port, b"*2000000\r\n").startswith(b"-ERR Protocol error: invalid multibulk length"))
    checks.check("and costs no more than the bound", resident_mb(waybill) - before < 300, f"{resident_mb(waybill) - before:.0f} MB more")
    with socket.create_connection(("127.0.0.1", port)) as slow:
        for byte in command("GET", "trucks:TR-001"):
            slow.sendall(bytes([byte]))
        checks.check("a command in single bytes", slow.recv(10).startswith(b"$"))
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(500)]
    checks.check("500 idle connections do not matter", r.ping())
    for connection in idle:
        connection.close()
    for name in ("SET a b", "DEL a", "HSET a b c", "EXPIRE a 1", "FLUSHALL", "GEOADD fleet 1 1 x", "EVAL x 0"):
        message = refused(lambda n=name: r.execute_command(*n.split()))
        checks.check(f"{name} is refused with the mend", "send events to the topics" in message, message)
    checks.check("CONFIG SET is refused with the mend", "waybill.yaml" in refused(lambda: r.config_set("save", "")))


def pipelines(checks, r):
    for transaction in (False, True):
        pipe = r.pipeline(transaction=transaction)
        for i in range(10_000):
            pipe.hget(f"trucks:TR-{i % TRUCKS:03}", "truck_id")
        checks.check(f"10 000 commands in one pipeline{', with MULTI' if transaction else ''}",
                     pipe.execute() == [f"TR-{i % TRUCKS:03}" for i in range(10_000)])
    keys = [f"trucks:TR-{i % TRUCKS:03}" for i in range(100_000)]
    checks.check("MGET of 100 000 keys", sum(value is not None for value in r.mget(keys)) == len(keys))


def session(checks, waybill):
    port = waybill.redis_port
    for protocol in (2, 3):
        r = redis.Redis(port=port, decode_responses=True, protocol=protocol, client_name="tester", db=0)
        checks.equal(f"redis-py with RESP{protocol}", (r.ping(), r.echo("x"), r.client_getname()), (True, "x", "tester"))
        checks.equal(f"HGETALL with RESP{protocol}", r.hgetall("trucks:TR-001")["truck_id"], "TR-001")
        checks.check(f"INFO with RESP{protocol}", r.info()["role"] == "master" and r.info("keyspace")["db0"]["keys"] >= TRUCKS)
        checks.check(f"CLIENT ID with RESP{protocol}", r.client_id() > 0)
        checks.check(f"COMMAND with RESP{protocol}", r.command()["get"]["arity"] == 2 and r.command_count() == len(r.command_list()))
        checks.equal(f"COMMAND INFO with RESP{protocol}", r.execute_command("COMMAND INFO", "nosuch") in ([None], {}), True)
        checks.check(f"TIME with RESP{protocol}", abs(r.time()[0] - time.time()) < 60)
        checks.equal(f"CONFIG GET with RESP{protocol}", r.config_get("app*"), {"appendonly": "no"})
    checks.equal("redis-cli GET", json.loads(cli(port, "GET", "trucks:TR-007"))["truck_id"], "TR-007")
    checks.check("redis-cli -3 HGETALL", "truck_id" in cli(port, "HGETALL", "trucks:TR-007", more=("-3",)))
    checks.check("redis-cli GEOSEARCH", "TR-" in cli(port, *"GEOSEARCH fleet FROMLONLAT 10 50 BYRADIUS 500 km ASC COUNT 3".split()))
    checks.equal("redis-cli SELECT", cli(port, "PING", more=("-n", "0")), "PONG")
    checks.check("redis-cli without commands", "PONG" in subprocess.run(["redis-cli", "-p", str(port)], input="PING\nGET none\n", capture_output=True,
                                                                     text=True, timeout=30).stdout)
    bulk = "".join(f"GET trucks:TR-{i:03}\r\n" for i in range(TRUCKS))
    done = subprocess.run(["redis-cli", "-p", str(port), "--pipe"], input=bulk, capture_output=True, text=True, timeout=30)
    checks.check("redis-cli --pipe", f"errors: 0, replies: {TRUCKS}" in done.stdout, done.stdout.strip().splitlines()[-1:] + [done.stderr.strip()])


def main():
    checks = Checks()
    with Waybill() as waybill, RedisServer(free_port()) as server:
        settings = waybill.project / "waybill.yaml"
        text = settings.read_text()
        settings.write_text(text[:text.index("lookups:")] + LOOKUPS.lstrip() + text[text.index("simulate:"):])
        waybill.run("check")
        waybill.start()
        now = time.time()
        waybill.send("positions", [truck(i, now) for i in range(TRUCKS)])
        waybill.send("scans", [{"event_id": f"E{i}", "event_time": truck(i, now)["event_time"], "shipment_id": f"S:{i}", "scan_type": "pickup",
                                "hub_id": "DEHAM"} for i in range(TRUCKS)])
        r, peer = redis.Redis(port=waybill.redis_port, decode_responses=True), server.client()
        waybill.until("rows and places", lambda: r.exists("trucks:TR-059", "shipments:S:59") == 2 and r.zcard("fleet") == TRUCKS)
        rows(checks, r, waybill)
        ttl(checks, r)
        scans(checks, r)
        geo(checks, r, peer)
        same_bytes(checks, waybill.redis_port, server.port, peer, r)
        session(checks, waybill)
        pipelines(checks, r)
        hostile(checks, waybill, r)
        checks.check("it is still there", r.ping() and waybill.process.poll() is None)
    return checks.close()


sys.exit(main())
