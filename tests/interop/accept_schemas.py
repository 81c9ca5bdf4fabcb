"""The schema registry and its records, by other makers' clients: Confluent's for Python and for Node, fastavro, Avro's own
library, protoc's classes.

  accept_schemas.py          WAYBILL names the binary, SCHEMAS_PEERS the folder with node_modules
"""

import base64
import datetime
import decimal
import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
sys.path.insert(0, str(HERE))

import fastavro  # noqa: E402
from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient  # noqa: E402
from confluent_kafka.schema_registry.avro import AvroSerializer  # noqa: E402
from confluent_kafka.schema_registry.error import SchemaRegistryError  # noqa: E402
from confluent_kafka.schema_registry.json_schema import JSONSerializer  # noqa: E402
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer  # noqa: E402
from confluent_kafka.serialization import MessageField, SerializationContext  # noqa: E402
from running import Checks, Waybill, free_port  # noqa: E402
from schemas_pairs import groups  # noqa: E402

PEERS = pathlib.Path(os.environ.get("SCHEMAS_PEERS", pathlib.Path.home() / ".cache/waybill-peers/schemas"))
checks = Checks()

ARRIVAL = {"type": "record", "name": "Arrival", "fields": [
    {"name": "id", "type": "string"},
    {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "pieces", "type": "int"},
    {"name": "weight", "type": ["null", "double"], "default": None},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["BOX", "PALLET"]}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    {"name": "tags", "type": {"type": "array", "items": "string"}},
    {"name": "size", "type": ["null", {"type": "record", "name": "Size", "fields": [{"name": "cm", "type": "int"}]}]},
    {"name": "ok", "type": "boolean"}]}
PROTO = """syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Departure {
  string id = 1;
  int64 pieces = 2;
  sint32 shift = 3;
  double weight = 4;
  optional string gate = 5;
  google.protobuf.Timestamp at = 6;
  repeated string tags = 7;
  bool ok = 8;
  fixed64 serial = 9;
  float share = 10;
}
"""
PLAN = {"type": "object", "title": "Plan", "additionalProperties": False, "required": ["id"], "properties": {
    "id": {"type": "string"}, "stops": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}}}


def project(folder: pathlib.Path):
    """Three topics of a registry and the way of one to gold."""
    (folder / "sources").mkdir(parents=True)
    for layer in ("silver", "gold"):
        (folder / "models" / layer).mkdir(parents=True)
    (folder / "waybill.yaml").write_text("name: schemas\ndata: data\nepoch: 200 ms\nmemory: 512MB\n")
    for topic, form in (("arrivals", "avro"), ("departures", "protobuf"), ("plans", "json_schema")):
        (folder / "sources" / f"{topic}.yaml").write_text(f"topic: {topic}\nformat: {form}\nregistry: embedded\non_bad: dead_letter\n")
    (folder / "sources" / "flow.yaml").write_text(
        "topic: flow\nformat: avro\nregistry: embedded\non_bad: dead_letter\nschema:\n  id: string not null\n")
    star = "SELECT * EXCLUDE (_topic, _partition, _offset, _time, _key, _schema, _headers, _raw, _error) FROM "
    (folder / "models/silver/flow.sql").write_text(f"---\ntable: silver.flow\nversion: 1\nmode: streaming\n---\n{star}bronze.flow\n")
    (folder / "models/gold/flow.sql").write_text("---\ntable: gold.flow\nversion: 1\nmode: streaming\n---\nSELECT * FROM silver.flow\n")


class Registry:
    def __init__(self, url: str):
        self.url = url

    def call(self, method: str, path: str, body=None):
        request = urllib.request.Request(self.url + path, method=method, data=None if body is None else json.dumps(body).encode(),
                                         headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.type = answer.headers["Content-Type"]
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def register(self, subject: str, schema, kind: str = "AVRO", **more):
        text = schema if isinstance(schema, str) else json.dumps(schema)
        return self.call("POST", f"/subjects/{urllib.parse.quote(subject, '')}/versions", {"schema": text, "schemaType": kind, **more})


def producer(waybill: Waybill) -> Producer:
    return Producer({"bootstrap.servers": f"127.0.0.1:{waybill.kafka_port}"})


def send(waybill: Waybill, topic: str, values: list):
    out = producer(waybill)
    failed = []
    for value in values:
        out.produce(topic, value, on_delivery=lambda error, _: error and failed.append(error))
    out.flush(30)
    if failed:
        raise RuntimeError(failed[0])


def ask(waybill: Waybill, sql: str) -> list:
    status, answer = waybill.request("/v1/sql", json.dumps({"sql": sql, "limit": 10000}).encode(), {"Content-Type": "application/json"})
    if status != 200:
        raise RuntimeError(f"{sql}: {answer}")
    names = [column["name"] for column in answer["columns"]]
    return [dict(zip(names, row)) for row in answer["rows"]]


def rows(waybill: Waybill, sql: str, count: int):
    def there():
        got = ask(waybill, sql)
        return got if len(got) >= count else None
    return waybill.until(f"{count} rows of {sql}", there, 60)


def rest(registry: Registry):
    plain = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}]}
    more = {**plain, "fields": plain["fields"] + [{"name": "n", "type": "int", "default": 0}]}
    breaking = {**plain, "fields": plain["fields"] + [{"name": "m", "type": "int"}]}
    status, one = registry.register("rest", plain)
    checks.check("a schema is registered", status == 200 and one["version"] == 1, one)
    checks.equal("the content type is the registry's", registry.type, "application/vnd.schemaregistry.v1+json")
    checks.equal("the same again is the same id", registry.register("rest", json.dumps(plain, indent=3))[1]["id"], one["id"])
    checks.equal("another subject gives the same id", registry.register("rest-2", plain)[1]["id"], one["id"])
    checks.equal("an evolved schema is the second version", registry.register("rest", more)[1]["version"], 2)
    status, refused = registry.register("rest", breaking)
    checks.check("a breaking one is refused with 409 and a counter-example",
                 status == 409 and refused["error_code"] == 409 and "counterExample" in refused["message"], refused["message"][:150])
    status, verdict = registry.call("POST", "/compatibility/subjects/rest/versions/latest?verbose=true", {"schema": json.dumps(breaking)})
    checks.check("verbose compatibility names the reason", verdict["is_compatible"] is False and
                 any("READER_FIELD_MISSING_DEFAULT_VALUE" in m for m in verdict["messages"]))
    for method, path, body, want in (
            ("GET", "/subjects", None, 200), ("GET", "/schemas/types", None, 200), ("GET", "/contexts", None, 200),
            ("GET", "/subjects/none/versions", None, 40401), ("GET", "/subjects/rest/versions/9", None, 40402),
            ("GET", "/subjects/rest/versions/x", None, 42202), ("GET", "/schemas/ids/999999", None, 40403),
            ("POST", "/subjects/rest", {"schema": json.dumps(breaking)}, 40403), ("POST", "/subjects/none", {"schema": "\"int\""}, 40401),
            ("POST", "/subjects/rest/versions", {"schema": "{"}, 42201), ("PUT", "/config", {"compatibility": "SOMETIMES"}, 42203),
            ("PUT", "/mode", {"mode": "NEVER"}, 42204), ("GET", "/config/rest", None, 40408), ("GET", "/mode/rest", None, 40409),
            ("DELETE", "/subjects/rest?permanent=true", None, 40405), ("DELETE", "/subjects/rest/versions/1?permanent=true", None, 40407),
            ("GET", "/config/rest?defaultToGlobal=true", None, 200), ("GET", "/nothing", None, 404)):
        status, answer = registry.call(method, path, body)
        checks.equal(f"{method} {path}", answer.get("error_code", status) if isinstance(answer, dict) else status, want)
    checks.equal("a version's schema as text", registry.call("GET", "/subjects/rest/versions/1/schema")[1]["name"], "R")
    checks.equal("subjects of an id", registry.call("GET", f"/schemas/ids/{one['id']}/subjects")[1], ["rest", "rest-2"])
    checks.equal("versions of an id", len(registry.call("GET", f"/schemas/ids/{one['id']}/versions")[1]), 2)
    checks.equal("a lookup finds the version", registry.call("POST", "/subjects/rest", {"schema": json.dumps(more)})[1]["version"], 2)
    status, user = registry.register("rest-user", {"type": "array", "items": "R"}, references=[{"name": "R", "subject": "rest-2", "version": 1}])
    checks.equal("a reference is taken", status, 200)
    checks.equal("who refers to it", registry.call("GET", "/subjects/rest-2/versions/1/referencedby")[1], [user["id"]])
    checks.equal("what is referred to stays", registry.call("DELETE", "/subjects/rest-2")[1]["error_code"], 42206)
    checks.equal("a reference to nothing", registry.register("rest-bad", "\"X\"", references=[{"name": "X", "subject": "no", "version": 1}])[1]["error_code"], 42201)
    checks.equal("a subject is deleted softly", registry.call("DELETE", "/subjects/rest")[1], [1, 2])
    checks.equal("and twice is an error", registry.call("DELETE", "/subjects/rest")[1]["error_code"], 40404)
    checks.equal("its schema can still be read", registry.call("GET", f"/schemas/ids/{one['id']}")[0], 200)
    checks.equal("then for good", registry.call("DELETE", "/subjects/rest?permanent=true")[1], [1, 2])
    checks.equal("a level is set", registry.call("PUT", "/config/rest-2", {"compatibility": "FULL"})[1], {"compatibility": "FULL"})
    checks.equal("and read", registry.call("GET", "/config/rest-2")[1], {"compatibilityLevel": "FULL"})
    checks.equal("a read-only subject takes nothing", (registry.call("PUT", "/mode/rest-2", {"mode": "READONLY"})[0],
                                                       registry.register("rest-2", more)[1]["error_code"]), (200, 42205))


def python_client(url: str):
    client = SchemaRegistryClient({"url": url})
    text = json.dumps({"type": "record", "name": "P", "fields": [{"name": "id", "type": "string"}]})
    more = json.dumps({"type": "record", "name": "P", "fields": [{"name": "id", "type": "string"}, {"name": "x", "type": "int", "default": 1}]})
    bad = json.dumps({"type": "record", "name": "P", "fields": [{"name": "id", "type": "int"}]})
    first = client.register_schema("python-value", Schema(text, "AVRO"))
    second = client.register_schema("python-value", Schema(more, "AVRO"))
    checks.check("Python client registers and evolves", second > first, (first, second))
    checks.equal("Python client reads the latest", client.get_latest_version("python-value").version, 2)
    checks.equal("Python client hears no of compatibility", client.test_compatibility("python-value", Schema(bad, "AVRO")), False)
    try:
        client.register_schema("python-value", Schema(bad, "AVRO"))
        checks.check("Python client is refused", False)
    except SchemaRegistryError as error:
        checks.check("Python client is refused", error.http_status_code == 409 and "TYPE_MISMATCH" in str(error), str(error)[:120])
    client.set_compatibility("python-value", "NONE")
    checks.equal("Python client sets a level", client.get_compatibility("python-value"), "NONE")
    checks.equal("Python client deletes", client.delete_subject("python-value"), [1, 2])


def node_client(url: str):
    done = subprocess.run(["node", str(HERE / "schemas_node.js"), url], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "NODE_PATH": str(PEERS / "node/node_modules")})
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        checks.check("npm client runs", False, done.stderr[-500:])
    for line in lines:
        checks.check(line["name"], line["ok"], line["detail"])


def pairs(registry: Registry, count: int):
    agreed, examples, refused = 0, 0, 0
    differences = []
    for number, (writer, readers) in enumerate(groups(count // 10, 10, 7)):
        subject = f"pairs-{number}"
        status, answer = registry.register(subject, json.dumps(writer))
        if status != 200:
            differences.append((writer, answer))
            continue
        for reader, readable in readers:
            status, verdict = registry.call("POST", f"/compatibility/subjects/{subject}/versions/latest?verbose=true", {"schema": json.dumps(reader)})
            if status == 200 and verdict["is_compatible"] == readable:
                agreed += 1
            else:
                differences.append((writer, reader, readable, verdict))
            if not readable and status == 200:
                refused += 1
                examples += any("counterExample" in m for m in verdict["messages"])
    checks.equal(f"{count} random pairs have the verdict of Avro's own library", agreed, count)
    for difference in differences[:3]:
        print("  differs:", json.dumps(difference)[:1500])
    checks.check("refusals come with a counter-example, where a value can show it", examples > 0.9 * refused, f"{examples} of {refused}")


def hostile(registry: Registry):
    deep = "{\"type\":\"array\",\"items\":" * 5000 + "\"int\"" + "}" * 5000
    wide = {"type": "record", "name": "W", "fields": [{"name": f"f{i}", "type": "int"} for i in range(40000)]}
    bomb = {"type": "record", "name": "B0", "fields": []}
    for i in range(1, 40):
        bomb = {"type": "record", "name": f"B{i}", "fields": [{"name": "a", "type": bomb, "default": {}}, {"name": "b", "type": f"B{i - 1}", "default": {}}]}
    cyclic = {"type": "record", "name": "C", "fields": [{"name": "c", "type": "C", "default": {}}]}
    cases = [("deep Avro", "AVRO", deep), ("deep JSON Schema", "JSON", "{\"items\":" * 5000 + "{}" + "}" * 5000),
             ("deep Protobuf", "PROTOBUF", "syntax = \"proto3\"; " + "message A {" * 2000 + "}" * 2000),
             ("many fields", "AVRO", json.dumps(wide)), ("two megabytes", "AVRO", json.dumps({"type": "fixed", "name": "F", "size": 1, "doc": "x" * 2_000_000})),
             ("defaults of defaults", "AVRO", json.dumps(bomb)), ("a default of itself", "AVRO", json.dumps(cyclic)),
             ("a bad name", "AVRO", json.dumps({"type": "record", "name": "no-name", "fields": []})),
             ("a negative size", "AVRO", json.dumps({"type": "fixed", "name": "F", "size": -1})),
             ("a circle of $ref", "JSON", "{\"$ref\":\"#/$defs/a\",\"$defs\":{\"a\":{\"$ref\":\"#/$defs/b\"},\"b\":{\"$ref\":\"#/$defs/a\"}}}"),
             ("a missing import", "PROTOBUF", "syntax = \"proto3\"; import \"/etc/passwd\"; message A {}"),
             ("an import of itself", "PROTOBUF", "syntax = \"proto3\"; import \"default\"; message A {}"),
             ("bytes", "PROTOBUF", "\u0001\u0002"), ("an unknown type", "XML", "<a/>")]
    for name, kind, text in cases:
        started = time.time()
        status, answer = registry.register(f"hostile-{name}", text, kind)
        checks.check(f"hostile: {name} is refused within 5 s", status in (413, 422) and time.time() - started < 5, str(answer)[:120])
    checks.equal("hostile: a subject's name is bounded", registry.register("x" * 300, "\"int\"")[1].get("error_code"), 42208)
    started = time.time()
    tree = {"type": "record", "name": "T", "fields": [{"name": f"f{i}", "type": ["null", "T"]} for i in range(200)]}
    registry.register("tree", tree)
    status, _ = registry.register("tree", {**tree, "fields": tree["fields"][:-1] + [{"name": "z", "type": "int"}]})
    checks.check("hostile: a wide recursive schema is judged within 20 s", status == 409 and time.time() - started < 20)


def arrivals(count: int):
    for i in range(count):
        yield {"id": f"a{i}", "at": datetime.datetime(2026, 11, 23, 12, 0, i % 60, 250000, tzinfo=datetime.timezone.utc), "pieces": i,
               "weight": None if i % 3 == 0 else i / 4, "kind": "BOX" if i % 2 else "PALLET", "day": datetime.date(2026, 1, 1 + i % 28),
               "cost": decimal.Decimal(i * 7 - 100) / 100, "tags": [f"t{j}" for j in range(i % 3)], "size": {"cm": i} if i % 2 else None, "ok": i % 5 == 0}


def same_arrival(got: dict, want: dict) -> bool:
    return (got["id"] == want["id"] and got["pieces"] == want["pieces"] and got["weight"] == want["weight"] and got["kind"] == want["kind"] and
            datetime.datetime.fromisoformat(got["at"].replace("Z", "+00:00")) == want["at"] and str(got["day"])[:10] == str(want["day"]) and
            decimal.Decimal(got["cost"]) == want["cost"] and json.loads(got["tags"]) == want["tags"] and
            (json.loads(got["size"]) if got["size"] else None) == want["size"] and got["ok"] == want["ok"] and got["_error"] is None)


def avro_records(waybill: Waybill, registry: Registry, url: str):
    serializer = AvroSerializer(SchemaRegistryClient({"url": url}), json.dumps(ARRIVAL))
    context = SerializationContext("arrivals", MessageField.VALUE)
    wanted = list(arrivals(200))
    send(waybill, "arrivals", [serializer(w, context) for w in wanted[:100]])
    schema_id = registry.call("GET", "/subjects/arrivals-value/versions/latest")[1]["id"]
    parsed = fastavro.parse_schema(ARRIVAL)
    plain = []
    for want in wanted[100:]:
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, want)
        plain.append(b"\0" + struct.pack(">I", schema_id) + out.getvalue())
    send(waybill, "arrivals", plain[:98])
    status, answer = waybill.request("/v1/topics/arrivals/records", plain[98], {"Content-Type": "application/octet-stream"})
    checks.check("HTTP takes one record in the wire format", status == 200, answer)
    body = json.dumps({"records": [{"value": base64.b64encode(plain[99]).decode()}]}).encode()
    status, answer = waybill.request("/v1/topics/arrivals/records", body, {"Content-Type": "application/vnd.kafka.binary.v2+json"})
    checks.check("HTTP takes records as Kafka's REST proxy does", status == 200, answer)
    got = {r["id"]: r for r in rows(waybill, "SELECT * FROM bronze.arrivals WHERE _error IS NULL AND id IS NOT NULL", 200)}
    wrong = [(got.get(w["id"]), w) for w in wanted if w["id"] not in got or not same_arrival(got[w["id"]], w)]
    checks.check("200 Avro records of two writers are in bronze with equal values", not wrong, str(wrong[:1])[:600])
    bad = [b"\0" + struct.pack(">I", 999_999) + b"x", b"{}", b"", plain[0][:-1], plain[0] + b"x", b"\0" + struct.pack(">I", schema_id)]
    send(waybill, "arrivals", bad)
    errors = rows(waybill, "SELECT _error FROM bronze.arrivals WHERE _error IS NOT NULL", len(bad))
    checks.equal("records that cannot be read are rows with their reason", len(errors), len(bad))
    for part in ("there is no schema 999999", "wire format", "behind the record", "the bytes end within a value"):
        checks.check(f"one reason says '{part}'", any(part in e["_error"] for e in errors), [e["_error"] for e in errors] if not any(part in e["_error"] for e in errors) else "")
    status, answer = waybill.request("/v1/topics/arrivals/records", bad[0], {"Content-Type": "application/octet-stream"})
    checks.equal("HTTP refuses a record of an unknown schema", status, 400)


def proto_records(waybill: Waybill, registry: Registry, url: str):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="waybill-proto-"))
    (folder / "departure.proto").write_text(PROTO)
    import grpc_tools
    include = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", f"-I{include}", f"--python_out={folder}", "departure.proto"], check=True)
    sys.path.insert(0, str(folder))
    import departure_pb2
    wanted = []
    for i in range(100):
        m = departure_pb2.Departure(id=f"d{i}", pieces=i * 1_000_000_007, shift=-i, weight=i / 8, tags=["x"] * (i % 3), ok=i % 2 == 0, serial=i, share=i / 2)
        if i % 2:
            m.gate = f"g{i}"
        if i % 3:
            m.at.FromSeconds(1_790_000_000 + i)
        wanted.append(m)
    serializer = ProtobufSerializer(departure_pb2.Departure, SchemaRegistryClient({"url": url}), {"use.deprecated.format": False})
    context = SerializationContext("departures", MessageField.VALUE)
    send(waybill, "departures", [serializer(m, context) for m in wanted])
    got = {r["id"]: r for r in rows(waybill, "SELECT * FROM bronze.departures WHERE _error IS NULL AND id IS NOT NULL", 100)}

    def same(r, m):
        at = datetime.datetime.fromisoformat(r["at"].replace("Z", "+00:00")).timestamp() if r["at"] else None
        return (r["pieces"] == m.pieces and r["shift"] == m.shift and r["weight"] == m.weight and r["gate"] == (m.gate if m.HasField("gate") else None) and
                at == (m.at.seconds if m.HasField("at") else None) and json.loads(r["tags"]) == list(m.tags) and r["ok"] == m.ok and
                r["serial"] == m.serial and r["share"] == m.share)
    wrong = [(got.get(m.id), str(m)) for m in wanted if m.id not in got or not same(got[m.id], m)]
    checks.check("100 Protobuf messages are in bronze with equal values", not wrong, str(wrong[:1])[:600])
    status, answer = registry.register("departures-value", PROTO.replace("int64 pieces = 2", "string pieces = 2"), "PROTOBUF")
    checks.check("another kind of a field is refused with a counter-example", status == 409 and "FIELD_SCALAR_KIND_CHANGED" in answer["message"] and
                 "counterExample" in answer["message"], str(answer)[:200])


def json_records(waybill: Waybill, registry: Registry, url: str):
    serializer = JSONSerializer(json.dumps(PLAN), SchemaRegistryClient({"url": url}))
    context = SerializationContext("plans", MessageField.VALUE)
    send(waybill, "plans", [serializer({"id": f"p{i}", "stops": i, "at": f"2026-11-23T10:00:{i % 60:02}Z"}, context) for i in range(100)])
    got = rows(waybill, "SELECT id, stops, \"at\" FROM bronze.plans WHERE _error IS NULL AND id IS NOT NULL ORDER BY stops", 100)
    checks.check("100 JSON Schema records are in bronze with equal values", [r["stops"] for r in got] == list(range(100)) and got[5]["id"] == "p5", got[:1])
    status, answer = registry.register("plans-value", {**PLAN, "required": ["id", "stops"]}, "JSON")
    checks.check("a property that becomes required is refused with a counter-example", status == 409 and "REQUIRED_ATTRIBUTE_ADDED" in answer["message"] and
                 "counterExample" in answer["message"], str(answer)[:200])


def flow(waybill: Waybill, registry: Registry, url: str):
    client = SchemaRegistryClient({"url": url})
    context = SerializationContext("flow", MessageField.VALUE)
    one = {"type": "record", "name": "Flow", "fields": [{"name": "id", "type": "string"}]}
    two = {**one, "fields": one["fields"] + [{"name": "hub", "type": ["null", "string"], "default": None}]}
    first, second = AvroSerializer(client, json.dumps(one)), AvroSerializer(client, json.dumps(two))
    pid = waybill.process.pid
    send(waybill, "flow", [first({"id": f"f{i}"}, context) for i in range(50)])
    rows(waybill, "SELECT id FROM gold.flow", 50)
    send(waybill, "flow", [second({"id": f"g{i}", "hub": f"h{i}"}, context) for i in range(50)] + [first({"id": "late"}, context)])
    got = rows(waybill, "SELECT id, hub FROM gold.flow ORDER BY id", 101)
    checks.check("a new optional field is a new column up to gold, without a stop",
                 sum(r["hub"] is not None for r in got) == 50 and len(got) == 101 and waybill.process.pid == pid and waybill.process.poll() is None, len(got))
    checks.equal("the rows of before have null", {r["hub"] for r in got if r["id"].startswith("f")}, {None})
    breaking = {**one, "fields": [{"name": "id", "type": {"type": "array", "items": "int"}}]}
    status, _ = registry.register("flow-value", breaking)
    checks.equal("a breaking schema is refused at the door", status, 409)
    registry.call("PUT", "/config/flow-breaking", {"compatibility": "NONE"})
    without = {**one, "fields": [{"name": "number", "type": "int"}]}
    other = registry.register("flow-breaking", without)[1]["id"]
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(without), {"number": 1})
    send(waybill, "flow", [b"\0" + struct.pack(">I", other) + out.getvalue()])
    letters = rows(waybill, "SELECT * FROM dead_letters", 1)
    checks.check("what is produced all the same is a dead letter with its reason", "id" in json.dumps(letters[0], default=str), str(letters[0])[:200])
    status, audit = waybill.request("/v1/audit")
    checks.check("the audit holds over it", status == 200 and audit["balanced"], str(audit)[:200])


def killed(waybill: Waybill, url: str, port: int):
    registry = Registry(url)
    taken = []
    for i in range(30):
        status, answer = registry.register(f"killed-{i}", {"type": "record", "name": f"K{i}", "fields": []})
        taken.append((f"killed-{i}", answer["id"]))
    waybill.kill()
    waybill.start(0, "--schema-registry", f"127.0.0.1:{port}")
    again = [(s, registry.call("GET", f"/subjects/{s}/versions/1")[1].get("id")) for s, _ in taken]
    checks.equal("each acknowledged registration survives kill -9", again, taken)
    waybill.until("gold after the kill", lambda: len(ask(waybill, "SELECT * FROM gold.flow")) == 101, 60)
    checks.equal("and gold has neither lost nor doubled a row", ask(waybill, "SELECT count(DISTINCT id) AS n FROM gold.flow")[0]["n"], 101)


def commands(waybill: Waybill):
    listed = waybill.run("schemas", "list").stdout
    checks.check("waybill schemas list", "arrivals-value" in listed and "PROTOBUF" in listed)
    file = waybill.project / "arrival.avsc"
    file.write_text(json.dumps({**ARRIVAL, "fields": ARRIVAL["fields"] + [{"name": "extra", "type": "int"}]}))
    done = waybill.run("schemas", "check", "arrivals-value", str(file), check=False)
    checks.check("waybill schemas check says no, and why", done.returncode != 0 and "counterExample" in done.stdout, done.stderr[:120])
    file.write_text(json.dumps({**ARRIVAL, "fields": ARRIVAL["fields"] + [{"name": "extra", "type": "int", "default": 0}]}))
    checks.check("waybill schemas register", "version 2" in waybill.run("schemas", "register", "arrivals-value", str(file)).stdout)
    checks.check("waybill schemas show", "extra" in waybill.run("schemas", "show", "arrivals-value").stdout)


def migrated(waybill: Waybill, port: int):
    folder = waybill.project / "migrations"
    folder.mkdir()
    file = folder / "0001_size_of_hubs.sql"
    file.write_text("-- hubs\nALTER TABLE silver.flow ADD COLUMN hub_size INTEGER;\nUPDATE silver.flow SET hub_size = length(hub) WHERE hub IS NOT NULL;\n")
    (folder / "0002_test_rows.sql").write_text("DELETE FROM silver.flow WHERE id = 'late';\n")
    waybill.stop()
    checks.check("waybill migrations lists what waits", "with the next start" in waybill.run("migrations").stdout)
    for _ in range(2):
        waybill.start(0, "--schema-registry", f"127.0.0.1:{port}")
        got = ask(waybill, "SELECT id, hub, hub_size FROM silver.flow")
        checks.check("migrations have run, once", len(got) == 100 and all(r["hub_size"] == (len(r["hub"]) if r["hub"] else None) for r in got), len(got))
        waybill.kill()
    checks.check("waybill migrations says when", "0001_size_of_hubs" in (listed := waybill.run("migrations").stdout) and "with the next start" not in listed)
    log = "".join(p.read_text() for p in sorted((waybill.project / "data/lake/silver/flow/_delta_log").glob("*.json")))
    checks.equal("the table's history names the migration, once a statement", log.count("\"waybill/migration/0001_size_of_hubs\""), 2)
    first, wrong = "/* hubs; once */ UPDATE silver.flow SET hub_size = hub_size + 1 WHERE hub_size IS NOT NULL;\n", "UPDATE silver.flow SET nope = 1;\n"
    half = folder / "0003_halfway.sql"
    half.write_text(first + wrong)
    done = waybill.run("up", check=False, timeout=60)
    checks.check("a statement that fails is named with file and line", done.returncode != 0 and "0003_halfway.sql:2" in done.stdout + done.stderr, done.stderr[-200:])
    half.write_text("DELETE FROM silver.flow WHERE id = 'f1';\n" + first)
    done = waybill.run("up", check=False, timeout=60)
    checks.check("statements that ran cannot get another in front", done.returncode != 0 and "changed after it ran" in done.stdout + done.stderr, done.stderr[-200:])
    half.write_text(first + "DELETE FROM silver.flow WHERE id = 'f1';\n")
    waybill.start(0, "--schema-registry", f"127.0.0.1:{port}")
    got = ask(waybill, "SELECT id, hub, hub_size FROM silver.flow")
    checks.check("a mended rest goes on where it stopped", len(got) == 99 and all(r["hub_size"] == (len(r["hub"]) + 1 if r["hub"] else None) for r in got), len(got))
    waybill.kill()
    file.write_text(file.read_text() + "-- changed\n")
    done = waybill.run("up", check=False, timeout=60)
    checks.check("a migration that is changed after it ran is an error", done.returncode != 0 and "changed after it had run" in done.stdout + done.stderr, done.stderr[-200:])


def columns_migrated(waybill: Waybill, port: int):
    """Columns of a table that streams write are renamed, retyped and dropped by migrations."""
    first = waybill.project / "migrations/0001_size_of_hubs.sql"
    first.write_text(first.read_text().removesuffix("-- changed\n"))
    steps = (("0004_letters.sql", "ALTER TABLE silver.flow RENAME COLUMN hub_size TO hub_letters;\n"
              "ALTER TABLE silver.flow ALTER COLUMN hub_letters TYPE VARCHAR USING 'n' || hub_letters;\n"),
             ("0005_no_letters.sql", "ALTER TABLE silver.flow DROP COLUMN hub_letters;\n"))
    seen = []
    for name, text in steps:
        (waybill.project / "migrations" / name).write_text(text)
        waybill.start(0, "--schema-registry", f"127.0.0.1:{port}")
        seen.append(ask(waybill, "SELECT * FROM silver.flow ORDER BY id"))
        waybill.kill()
    renamed, dropped = seen
    checks.check("a column is renamed and of another type, with its rows", len(renamed) == 99 and
                 all(r["hub_letters"] == (f"n{len(r['hub']) + 1}" if r["hub"] else None) for r in renamed), renamed[:1])
    checks.check("and goes, the others stay", [{k: v for k, v in r.items() if k != "hub_letters"} for r in renamed] == dropped, dropped[:1])


def elsewhere(waybill: Waybill, registry: Registry, url: str):
    """A second Waybill whose topic has its schemas in the first one's registry, by URL."""
    with tempfile.TemporaryDirectory(prefix="waybill-elsewhere-") as folder:
        place = pathlib.Path(folder) / "project"
        project(place)
        (place / "sources/arrivals.yaml").write_text(
            f"topic: arrivals\nformat: avro\nregistry: {url}\nsubject: elsewhere-value\non_bad: dead_letter\n")
        registry.call("PUT", "/config/elsewhere-value", {"compatibility": "BACKWARD"})
        schema_id = registry.register("elsewhere-value", ARRIVAL)[1]["id"]
        with Waybill(place) as other:
            other.start()
            wanted = list(arrivals(50))
            values = []
            for want in wanted:
                out = io.BytesIO()
                fastavro.schemaless_writer(out, fastavro.parse_schema(ARRIVAL), want)
                values.append(b"\0" + struct.pack(">I", schema_id) + out.getvalue())
            send(other, "arrivals", values)
            got = {r["id"]: r for r in rows(other, "SELECT * FROM bronze.arrivals WHERE _error IS NULL", 50)}
            checks.check("records of a registry elsewhere are in bronze with equal values",
                         all(w["id"] in got and same_arrival(got[w["id"]], w) for w in wanted), len(got))
            status, answer = other.request("/v1/schemas")
            checks.check("the page is told where that registry is",
                         status == 200 and {"topic": "arrivals", "subject": "elsewhere-value", "registry": url} in answer["elsewhere"], answer)
        status, answer = waybill.request("/v1/schemas")
        subjects = {one["subject"]: one for one in answer["subjects"]} if status == 200 else {}
        checks.check("the page is told subjects, levels and who uses them", subjects.get("flow-value", {}).get("topics") == ["flow"] and
                     "silver.flow" in subjects.get("flow-value", {}).get("models", []), subjects.get("flow-value"))
        status, answer = waybill.request("/v1/schemas/flow-value/compare?from=1&to=2")
        checks.check("and whether one version may follow another", status == 200 and answer["compatible"], answer)


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory(prefix="waybill-schemas-") as folder:
        place = pathlib.Path(folder) / "project"
        project(place)
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        with Waybill(place) as waybill:
            waybill.start(0, "--schema-registry", f"127.0.0.1:{port}")
            registry = Registry(url)
            for part, arguments in ((rest, (registry,)), (python_client, (url,)), (node_client, (url,)), (hostile, (registry,)),
                                    (avro_records, (waybill, registry, url)), (proto_records, (waybill, registry, url)),
                                    (json_records, (waybill, registry, url)), (flow, (waybill, registry, url)), (commands, (waybill,)),
                                    (killed, (waybill, url, port)), (pairs, (registry, count)),
                                    (elsewhere, (waybill, registry, url)),
                                    (migrated, (waybill, port)), (columns_migrated, (waybill, port))):
                try:
                    part(*arguments)
                except Exception as error:  # noqa: BLE001 - the others run all the same
                    checks.check(part.__name__, False, f"{type(error).__name__}: {error}"[:800])
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
