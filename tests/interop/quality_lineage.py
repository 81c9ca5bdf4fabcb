"""An OpenLineage endpoint that records what it is sent, and the specification's own classes (PyPI's
openlineage-python) that every event and facet has to fit."""

import http.server
import importlib
import json
import pkgutil
import threading
import time

from openlineage.client import event_v2, generated


def facet_classes():
    found = {}
    for module in pkgutil.iter_modules(generated.__path__):
        for name, value in vars(importlib.import_module(f"{generated.__name__}.{module.name}")).items():
            if isinstance(value, type) and hasattr(value, "__attrs_attrs__"):
                found[name] = value
    return found


CLASSES = facet_classes()


def fits(facet, where):
    """The facet by its class: unknown members and missing ones are errors."""
    if facet["_schemaURL"].startswith("urn:waybill:"):
        return []
    name = facet["_schemaURL"].rsplit("/", 1)[1]
    members = {k: v for k, v in facet.items() if not k.startswith("_")}
    if name not in CLASSES:
        return [f"{where}: no facet {name}"]
    problems = []
    cls = CLASSES[name]
    try:
        made = cls(**members)
        if made._get_schema() != facet["_schemaURL"]:
            problems.append(f"{where}: {facet['_schemaURL']} is {made._get_schema()}")
        for column in members.get("fields", {}).values() if name == "ColumnLineageDatasetFacet" else []:
            for field in CLASSES["Fields"](**column).inputFields:
                for step in CLASSES["InputField"](**field).transformations:
                    CLASSES["Transformation"](**step)
        for field in members.get("dataset", []) if name == "ColumnLineageDatasetFacet" else []:
            CLASSES["InputField"](**field)
        for field in members.get("fields", []) if name == "SchemaDatasetFacet" else []:
            CLASSES["SchemaDatasetFacetFields"](**field)
        for one in members.get("assertions", []):
            CLASSES["Assertion"](**one)
    except Exception as error:  # noqa: BLE001 - what is wrong is told
        problems.append(f"{where} {name}: {error!r}")
    return problems


def problems_of(event):
    """What of an event does not fit the specification."""
    problems = []
    for place in ("run", "job"):
        for facet in event[place].get("facets", {}).values():
            problems += fits(facet, place)
    sides = {"inputs": ("facets", "inputFacets"), "outputs": ("facets", "outputFacets")}
    for side, kinds in sides.items():
        for dataset in event[side]:
            if set(dataset) - {"namespace", "name", *kinds}:
                problems.append(f"{side}: members {sorted(dataset)}")
            for kind in kinds:
                for facet in dataset.get(kind, {}).values():
                    problems += fits(facet, f"{side} {dataset['name']}")
    try:
        event_v2.RunEvent(
            eventType=event_v2.RunState[event["eventType"]], eventTime=event["eventTime"],
            run=event_v2.Run(runId=event["run"]["runId"]),
            job=event_v2.Job(namespace=event["job"]["namespace"], name=event["job"]["name"]),
            inputs=[event_v2.InputDataset(namespace=d["namespace"], name=d["name"]) for d in event["inputs"]],
            outputs=[event_v2.OutputDataset(namespace=d["namespace"], name=d["name"]) for d in event["outputs"]],
            producer=event["producer"])
        if event["schemaURL"] != "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent":
            problems.append(event["schemaURL"])
    except Exception as error:  # noqa: BLE001
        problems.append(f"event: {error!r}")
    return problems


class Recorder:
    """Refuses the first calls, then takes every event."""

    def __init__(self, refuses=3):
        self.events, self.refused, self.left = [], 0, refuses
        recorder = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # noqa: N802 - the library's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if recorder.left > 0:
                    recorder.left -= 1
                    recorder.refused += 1
                    self.send_response(503)
                else:
                    recorder.events.append(json.loads(body))
                    self.send_response(201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/v1/lineage"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, job, kind="COMPLETE"):
        return [e for e in self.events if e["job"]["name"] == job and e["eventType"] == kind]

    def wait(self, job, seconds):
        end = time.time() + seconds
        while time.time() < end and not self.of(job):
            time.sleep(0.3)
        return self.of(job)

    def close(self):
        self.server.shutdown()


def check(checks, recorder):
    """After a run of gold.delivery_performance by hand."""
    done = recorder.wait("gold.delivery_performance", 60)
    checks.check("a batch run is told, though the endpoint refused at first",
                 len(done) >= 1 and recorder.refused > 0, f"{len(recorder.events)} events, {recorder.refused} refused")
    streamed = recorder.wait("silver.deliveries", 90)
    checks.check("the epochs of a streaming model are told as one run", len(streamed) >= 1, len(streamed))
    problems = [p for e in recorder.events for p in problems_of(e)]
    checks.check("every event and facet fits OpenLineage's classes", not problems, problems[:3])
    runs = {}
    for event in recorder.events:
        runs.setdefault(event["run"]["runId"], []).append(event["eventType"])
    odd = [kinds for kinds in runs.values() if sorted(kinds) != ["COMPLETE", "START"]]
    checks.check("each run has one START and one end", not odd, odd[:3])
    if not done:
        return
    facets = done[-1]["outputs"][0]["facets"]
    fields = facets.get("columnLineage", {}).get("fields", {})
    sources = {(f["name"]) for column in fields.values() for f in column["inputFields"]}
    checks.check("columns are traced to the table that they come from", "silver.deliveries" in sources, fields)
    names = {field["name"] for field in facets.get("schema", {}).get("fields", [])}
    checks.check("the schema names the traced columns", names >= set(fields), sorted(names))
