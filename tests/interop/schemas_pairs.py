"""Random pairs of Avro schemas, and what Avro's own library says of them."""

import json
import random

import avro.compatibility
import avro.errors
import avro.schema

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]


class Generator:
    def __init__(self, seed: int):
        self.random = random.Random(seed)

    def schema(self, depth: int, names: set):
        kind = self.random.random()
        if depth <= 0 or kind < 0.45:
            return self.random.choice(PRIMITIVES)
        if kind < 0.55:
            return {"type": "array", "items": self.schema(depth - 1, names)}
        if kind < 0.62:
            return {"type": "map", "values": self.schema(depth - 1, names)}
        if kind < 0.72:
            return self.union(depth, names)
        if kind < 0.80:
            return self.named("fixed", names, lambda n: {"size": self.random.choice([4, 4, 8])})
        if kind < 0.88:
            return self.named("enum", names, self.enum)
        return self.named("record", names, lambda n: self.record(depth, names))

    def union(self, depth: int, names: set):
        branches, seen = [], set()
        for _ in range(self.random.randint(1, 4)):
            branch = self.schema(depth - 1, names)
            if isinstance(branch, list):
                continue
            name = branch if isinstance(branch, str) else branch.get("name", branch["type"])
            if name not in seen:
                seen.add(name)
                branches.append(branch)
        return branches or ["null"]

    def named(self, kind: str, names: set, more):
        free = [n for n in ("A", "B", "C", "D") if n not in names]
        if not free:
            return self.random.choice(PRIMITIVES)
        name = self.random.choice(free)
        names.add(name)
        return {"type": kind, "name": name, **more(name)}

    def enum(self, _):
        symbols = self.random.sample(["X", "Y", "Z", "W"], self.random.randint(1, 4))
        return {"symbols": symbols, **({"default": symbols[0]} if self.random.random() < 0.3 else {})}

    def record(self, depth: int, names: set):
        fields = []
        for name in self.random.sample(["a", "b", "c", "d"], self.random.randint(0, 3)):
            field = {"name": name, "type": self.schema(depth - 1, names)}
            if self.random.random() < 0.4:
                default = {"null": None, "boolean": True, "int": 1, "long": 1, "float": 1.5, "double": 1.5, "bytes": "a",
                           "string": "a"}.get(field["type"] if isinstance(field["type"], str) else "", field)
                if default is not field:
                    field["default"] = default
            if self.random.random() < 0.15:
                field["aliases"] = [self.random.choice(["a", "b", "c", "d", "e"])]
            fields.append(field)
        return {"fields": fields}

    def changed(self, schema):
        """The schema again, with a small change in some places: most pairs shall be alike."""
        if isinstance(schema, str):
            return self.random.choice(PRIMITIVES) if schema in PRIMITIVES and self.random.random() < 0.15 else schema
        if isinstance(schema, list):
            kept = [self.changed(b) for b in schema if self.random.random() > 0.1]
            if self.random.random() < 0.1:
                kept.append(self.random.choice(PRIMITIVES))
            return kept or ["null"]
        out = dict(schema)
        for key in ("items", "values"):
            if key in out:
                out[key] = self.changed(out[key])
        if "symbols" in out and self.random.random() < 0.2:
            out["symbols"] = self.random.sample(["X", "Y", "Z", "W"], self.random.randint(1, 4))
            if out.get("default") not in out["symbols"]:
                out.pop("default", None)
        if "size" in out and self.random.random() < 0.1:
            out["size"] = 8
        if "fields" in out:
            fields = [{**f, "type": self.changed(f["type"])} for f in out["fields"] if self.random.random() > 0.1]
            for f in fields:
                if f["type"] != next(g for g in out["fields"] if g["name"] == f["name"])["type"]:
                    f.pop("default", None)
            if self.random.random() < 0.2 and not any(f["name"] == "e" for f in fields):
                fields.append({"name": "e", "type": "int", **({"default": 0} if self.random.random() < 0.5 else {})})
            out["fields"] = fields
        if "name" in out and self.random.random() < 0.08:
            out["aliases"] = [out["name"]]
            out["name"] = out["name"] + "2"
        return out


def parse(schema):
    try:
        return avro.schema.parse(json.dumps(schema))
    except Exception:  # noqa: BLE001 - not a schema by the peer: not a pair
        return None


def groups(writers: int, readers: int, seed: int):
    """(writer, [(reader, readable)])."""
    made = 0
    while made < writers:
        seed += 1
        generator = Generator(seed)
        writer = generator.schema(4, set()) if generator.random.random() < 0.2 else generator.named(
            "record", names := set(), lambda n: generator.record(4, names))
        theirs = parse(writer)
        if theirs is None:
            continue
        pairs = []
        while len(pairs) < readers:
            reader = generator.changed(writer) if generator.random.random() < 0.85 else generator.schema(3, set())
            ours = parse(reader)
            if ours is None:
                continue
            result = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(ours, theirs)
            pairs.append((reader, result.compatibility is avro.compatibility.SchemaCompatibilityType.compatible))
        made += 1
        yield writer, pairs
