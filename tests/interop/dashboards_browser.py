"""The dashboards in Chromium, against a Waybill that is full of data and one that has none.

    tests/interop/dashboards_browser.py

Screenshots go to build/screenshots. Last line: `N passed, N failed`.
"""
import csv
import datetime
import os
import pathlib
import random
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from running import ROOT, Waybill  # noqa: E402

TRUCKS = 400
HUBS = ["DEHAM", "DEFRA", "NLRTM", "BEANR", "FRPAR", "PLWAW", "CZPRG", "ATVIE", "ITMIL", "ESMAD", "DKCPH", "SEGOT", "CHZRH"]
CARRIERS = ["Nordfracht", "Rhein Cargo", "Alpina", "Baltic Line", "Iberia Log"]


def legs(path: pathlib.Path, chance: random.Random):
    columns = ("year month day dep_time sched_dep_time dep_delay arr_time sched_arr_time arr_delay carrier flight tailnum origin dest "
               "air_time distance hour minute time_hour").split()
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        for i in range(12_000):
            day = datetime.date(2025, 1, 1) + datetime.timedelta(days=i * 365 // 12_000)
            carrier = chance.choice(CARRIERS)
            delay = int(chance.gauss(3 + CARRIERS.index(carrier) * 4, 14))
            gone = chance.random() < 0.02
            out.writerow([day.year, day.month, day.day, "NA" if gone else 800, 800, "NA" if gone else delay, "NA" if gone else 1000 + delay % 60,
                          1000, "NA" if gone else delay, carrier, i, f"T{i % 90}", chance.choice(HUBS[:4])[2:], chance.choice(HUBS[4:8])[2:], 120, 500, 8, 0,
                          f"{day}T08:00:00Z"])


def deliveries(path: pathlib.Path, chance: random.Random):
    columns = ["ID", "Country", "Fulfill Via", "Shipment Mode", "Scheduled Delivery Date", "Delivered to Client Date", "Delivery Recorded Date",
               "Vendor", "Manufacturing Site"]
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(columns)
        for i in range(2000):
            due = datetime.date(2023, 1, 1) + datetime.timedelta(days=i // 2)
            came = due + datetime.timedelta(days=chance.choice([-3, -1, 0, 0, 0, 2, 9]))
            out.writerow([i, chance.choice(["Kenya", "Ghana", "Peru"]), "Direct Drop", chance.choice(["Air", "Truck", "Ocean", "Air Charter"]),
                          due, came, came, chance.choice(CARRIERS), chance.choice(HUBS)])


def events(waybill: Waybill, chance: random.Random):
    """A day of scans, and trucks of which some stand."""
    now = time.time()
    stamp = lambda ago: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - ago))  # noqa: E731
    ages = sorted((86_400 * chance.random() ** 1.6 for _ in range(9000)), reverse=True)
    scans = [{"event_id": f"E{i}", "event_time": stamp(age), "shipment_id": f"S-{i % 2500:05}", "hub_id": chance.choice(HUBS),
              "scan_type": chance.choice(["pickup", "arrival", "departure", "out_for_delivery", "delivered"]), "carrier": chance.choice(CARRIERS)}
             for i, age in enumerate(ages)]
    for at in range(0, len(scans), 3000):
        waybill.send("scans", scans[at:at + 3000])
    waybill.send("orders", [{"order_id": f"O-{i}", "event_time": stamp(50_000), "shipment_id": f"S-{i:05}", "promised_at": stamp(chance.uniform(-40_000, 40_000))} for i in range(2500)])
    waybill.send("positions", [{"truck_id": f"TR-{i:04}", "event_time": stamp(chance.uniform(0, 200)), "lat": chance.uniform(44, 55),
                                "lon": chance.uniform(0, 18), "speed_kmh": 60, "heading": 90, "carrier": chance.choice(CARRIERS),
                                "status": chance.choice(["moving"] * 6 + ["stopped", "jammed", "broken_down"])} for i in range(TRUCKS)])
    waybill.send("scans", [{"event_id": "bad", "event_time": stamp(10), "shipment_id": "S-BAD", "hub_id": "DEHAM", "scan_type": "no such type"}])


def fill(waybill: Waybill):
    chance = random.Random(7)
    for topic, write in (("flights", legs), ("deliveries", deliveries)):
        folder = waybill.project / "inbox" / topic
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{topic}.csv", chance)
    waybill.start()
    events(waybill, chance)
    waybill.until("bronze", lambda: waybill.sql("SELECT (SELECT count(*) FROM silver.legs) = 12000 AND "
                                                "(SELECT count(*) FROM silver.deliveries) = 2000")[0][0])
    waybill.settle()
    for model in ("gold.on_time", "gold.delivery_performance"):
        waybill.run("run", model, check=False)
    waybill.until("gold", lambda: waybill.sql("SELECT (SELECT sum(legs) FROM gold.on_time) = 12000 AND "
                                              "(SELECT count(*) FROM gold.delivery_performance) > 0 AND (SELECT count(*) FROM gold.hub_throughput) > 0")[0][0])


def main():
    with Waybill() as full, Waybill() as empty:
        fill(full)
        empty.start()
        environment = {**os.environ, "WAYBILL_FULL": full.url, "WAYBILL_EMPTY": empty.url}
        return subprocess.run(["node", "tests/dashboards.mjs"], cwd=ROOT / "web", env=environment, timeout=900).returncode


sys.exit(main())
