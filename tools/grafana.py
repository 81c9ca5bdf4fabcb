"""Writes projects/logistics/grafana/dashboards/*.json from projects/logistics/dashboards/*.yaml.

    tools/grafana.py [--check]        --check writes nothing and fails when a file is out of date

The same panels with the same SQL, for teams that live in Grafana: its PostgreSQL data source asks Waybill's
PostgreSQL port. $from, $to and $bucket become Grafana's macros, parameters become variables.
"""
import json
import pathlib
import re
import sys

import yaml

PROJECT = pathlib.Path(__file__).resolve().parent.parent / "projects" / "logistics"
SOURCE = {"type": "grafana-postgresql-datasource", "uid": "waybill"}
ALL = "*"
UNITS = {"count": "short", "compact": "short", "share": "percentunit", "bytes": "bytes", "span_ms": "ms", "decimal": "none"}
KINDS = {"line": "timeseries", "bars": "timeseries", "ranked": "barchart", "table": "table", "map": "geomap"}
COLOURS = {"bad": "red", "warn": "orange"}


def fill(sql, parameters):
    """The panel's SQL in Grafana's words."""
    words = {"from": "$__timeFrom()", "to": "$__timeTo()", "bucket": "INTERVAL '$__interval_ms milliseconds'"}
    words.update({name: f"NULLIF(${{{name}:sqlstring}}, '{ALL}')" for name in parameters})
    return re.sub(r"\$([a-z_]+)", lambda found: words.get(found[1], found[0]), sql.strip())


def target(sql, shape="table"):
    return {"refId": "A", "datasource": SOURCE, "format": shape, "rawQuery": True, "editorMode": "code", "rawSql": sql}


def panel(number, title, kind, place, spec, sql, defaults=None, options=None):
    return {"id": number, "type": kind, "title": title, "description": spec.get("help", ""), "gridPos": place,
            "datasource": SOURCE, "targets": [target(sql)],
            "fieldConfig": {"defaults": {"unit": UNITS.get(spec.get("format", "count"), "string"), **(defaults or {})},
                            "overrides": []}, "options": options or {}}


def tile(number, spec, parameters, place):
    steps = [{"color": "text", "value": None}]
    if spec.get("alarm"):
        steps.append({"color": COLOURS[spec["alarm"]], "value": 1})
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}, "textMode": "value"}
    return panel(number, spec["title"], "stat", place, spec, fill(spec["sql"], parameters),
                 {"thresholds": {"mode": "absolute", "steps": steps}}, options)


def chart(number, spec, parameters, place):
    kind = KINDS[spec["kind"]]
    defaults, options, changes = {}, {}, []
    if kind == "timeseries":
        style = "bars" if spec["kind"] == "bars" else "line"
        defaults = {"custom": {"drawStyle": style, "fillOpacity": 80 if style == "bars" else 0, "spanNulls": True}}
        if spec.get("series"):
            changes = [{"id": "prepareTimeSeries", "options": {"format": "multi"}}]
    elif kind == "barchart":
        options = {"orientation": "horizontal", "xField": spec["x"], "legend": {"showLegend": False}}
    elif kind == "geomap":
        options = {"view": {"id": "fit"}, "layers": [{"type": "markers", "name": spec["title"], "location": {
            "mode": "coords", "latitude": spec["y"], "longitude": spec["x"]}}]}
    elif spec.get("columns"):
        changes = [{"id": "organize", "options": {"renameByName": {
            column["name"]: column.get("title", column["name"]) for column in spec["columns"]}}}]
    made = panel(number, spec["title"], kind, place, spec, fill(spec["sql"], parameters), defaults, options)
    if changes:
        made["transformations"] = changes
    return made


def variable(spec):
    sql = spec["sql"].strip().rstrip(";")
    query = f"SELECT 'All' AS __text, '{ALL}' AS __value UNION ALL SELECT v, v FROM ({sql}) t(v)"
    return {"name": spec["name"], "label": spec["title"], "type": "query", "datasource": SOURCE, "query": query,
            "refresh": 2, "sort": 0, "multi": False, "includeAll": False,
            "current": {"text": "All", "value": ALL}}


def board(name, spec):
    parameters = [parameter["name"] for parameter in spec.get("parameters", [])]
    panels, top = [], 0
    tiles = spec.get("tiles", [])
    for i, one in enumerate(tiles):
        panels.append(tile(len(panels) + 1, one, parameters,
                           {"x": i % 6 * 4, "y": top + i // 6 * 4, "w": 4, "h": 4}))
    top += -(-len(tiles) // 6) * 4
    left = 0
    for one in spec.get("charts", []):
        wide = bool(one.get("wide"))
        if wide and left:
            top, left = top + 9, 0
        panels.append(chart(len(panels) + 1, one, parameters,
                            {"x": left, "y": top, "w": 24 if wide else 12, "h": 9}))
        left = 0 if wide or left else 12
        top += 0 if left else 9
    hours = {"6 hours": "now-6h", "7 days": "now-7d"}.get(spec.get("range"), "now-24h")
    return {"uid": f"waybill-{name}", "title": f"Waybill: {spec['title']}", "tags": ["waybill"], "editable": True,
            "schemaVersion": 39, "version": 1, "refresh": "10s", "time": {"from": hours, "to": "now"},
            "timezone": "browser", "templating": {"list": [variable(p) for p in spec.get("parameters", [])]},
            "panels": panels}


def main():
    stale = []
    for path in sorted((PROJECT / "dashboards").glob("*.yaml")):
        text = json.dumps(board(path.stem, yaml.safe_load(path.read_text())), indent=1, ensure_ascii=False) + "\n"
        to = PROJECT / "grafana" / "dashboards" / f"{path.stem}.json"
        if to.exists() and to.read_text() == text:
            continue
        stale.append(str(to))
        if "--check" not in sys.argv:
            to.parent.mkdir(parents=True, exist_ok=True)
            to.write_text(text)
    print("\n".join(stale) or "all Grafana dashboards are up to date")
    return 1 if stale and "--check" in sys.argv else 0


sys.exit(main())
