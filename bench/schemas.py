"""Records of a schema registry into columns, per core: Avro beside JSON in Waybill, and fastavro reading the same records.

  schemas.py BENCH_DECODE
"""

import io
import json
import subprocess
import sys
import time

import fastavro

SCHEMA = {"type": "record", "name": "Position", "fields": [
    {"name": "truck_id", "type": "string"}, {"name": "event_time", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "lat", "type": "double"}, {"name": "lon", "type": "double"}, {"name": "speed_kmh", "type": ["null", "double"]},
    {"name": "heading", "type": ["null", "double"]}, {"name": "status", "type": ["null", "string"]},
    {"name": "shipment_id", "type": ["null", "string"]}]}


def fastavro_rate() -> float:
    parsed = fastavro.parse_schema(SCHEMA)
    records = []
    for i in range(10_000):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, {
            "truck_id": f"T-{i % 5000:06}", "event_time": 1_795_420_800_123_000 + i * 10_000, "lat": 50 + i / 1e4, "lon": 8 + i / 5e3,
            "speed_kmh": 40 + i % 90 / 2, "heading": float(i % 360), "status": "moving", "shipment_id": f"S-{i:07}"})
        records.append(out.getvalue())
    best = 0.0
    for _ in range(5):
        started = time.process_time()
        for record in records:
            fastavro.schemaless_reader(io.BytesIO(record), parsed, None)
        best = max(best, len(records) / (time.process_time() - started))
    return best


def main():
    done = subprocess.run([sys.argv[1], "--benchmark_filter=^(avro|json)_to_columns$", "--benchmark_format=json", "--benchmark_repetitions=3"],
                          capture_output=True, text=True, check=True)
    rates: dict = {}
    for run in json.loads(done.stdout)["benchmarks"]:
        if run["run_type"] == "iteration":
            rates[run["run_name"]] = max(rates.get(run["run_name"], 0), run["items_per_second"])
    peer = fastavro_rate()
    avro, plain = rates["avro_to_columns"], rates["json_to_columns"]
    print(f"figure avro_to_columns {avro:.0f} records/s peer json_to_columns {plain:.0f} ratio {avro / plain:.2f}")
    print(f"figure avro_to_columns {avro:.0f} records/s peer fastavro {peer:.0f} ratio {avro / peer:.1f}")


if __name__ == "__main__":
    main()
