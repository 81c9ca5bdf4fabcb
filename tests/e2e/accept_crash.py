"""kill -9 at random moments under load: nothing acknowledged is lost, nothing is doubled. R8.2, R5.4.

    accept_crash.py [ROUNDS] [SEED]

The load generator repeats what was not acknowledged, with the same producer and sequence, so at the
end everything that it made is acknowledged, and bronze must hold exactly that.
"""

import collections
import json
import random
import subprocess
import sys
import time

from running import BINARY, Checks, Waybill


def acknowledged(file) -> tuple[collections.Counter, dict[str, set]]:
    counts, ids = collections.Counter(), collections.defaultdict(set)
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        counts[entry["topic"]] += entry["records"]
        ids[entry["topic"]].update(entry["ids"])
    return counts, ids


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    chance = random.Random(seed)
    checks = Checks()
    print(f"{rounds} rounds, seed {seed}")
    with Waybill() as w:
        w.start(0)
        acks = w.project / "acks.jsonl"
        load = subprocess.Popen([str(BINARY), "simulate", "--to", w.url, "--trucks", "2000", "--rate", "4000/s",
                                 "--duration", f"{rounds * 3 + 5}s", "--ack-log", str(acks)],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for number in range(rounds):
            time.sleep(chance.uniform(0.3, 3.0))
            w.kill()
            time.sleep(chance.uniform(0, 0.3))
            ready_ms = w.start(0)
            print(f"      round {number + 1}: killed, ready again in {ready_ms:.0f} ms", flush=True)
        out, _ = load.communicate(timeout=600)
        checks.equal("the load generator ends well", load.returncode, 0)
        print("      " + out.strip().replace("\n", "\n      "))
        w.settle()
        time.sleep(1.5)
        counts, ids = acknowledged(acks)
        key_of = {"positions": "(truck_id, event_time)", "scans": "event_id", "orders": "order_id"}
        for topic, key in key_of.items():
            checks.equal(f"bronze.{topic} holds each acknowledged record once",
                         w.sql(f"SELECT count(*) FROM bronze.{topic}")[0][0], counts[topic])
        for topic in ("positions", "scans"):
            distinct, rows = w.sql(f"SELECT count(DISTINCT {key_of[topic]}), count(*) FROM silver.{topic}")[0]
            checks.equal(f"silver.{topic} holds each acknowledged id", distinct, len(ids[topic]))
            checks.equal(f"silver.{topic} holds no id twice", rows, distinct)
        kept = {row[0] for row in w.sql("SELECT DISTINCT event_id FROM silver.scans")}
        checks.equal("no acknowledged scan is missing", len(ids["scans"] - kept), 0)
        audit = w.run("audit", check=False)
        if not checks.check("waybill audit balances", audit.returncode == 0, audit.stdout.strip().splitlines()[-1]):
            print(audit.stdout)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
