"""Runs rounds of load and faults against a broker and judges what the clients saw.

    check.py --server build/release/tests/kafka_server --rounds 10 [--seed N] [--bug NAME]
    check.py --kafka --rounds 3

Ends with status 1 when there is an anomaly; then the histories are kept and the seed to repeat is printed.
"""

import argparse
import collections
import pathlib
import random
import sys
import time

import brokers
import rounds

KEPT = pathlib.Path(__file__).resolve().parents[2] / "build" / "checker"


def report(number, outcome, verbose):
    faults = ", ".join(str(f) if verbose else f.kind for f in outcome.plan.faults)
    print(f"round {number} seed {outcome.plan.seed}: {outcome.figures()}; {faults}; {outcome.seconds:.1f} s; "
          f"{len(outcome.anomalies)} anomalies" +
          "".join(f"; allowed: {n} {what}" for what, n in outcome.allowed.items()), flush=True)
    show(outcome.anomalies)
    if verbose:
        begin = min((t for t, _ in outcome.history.events), default=0)
        for moment, text in sorted(outcome.history.events):
            print(f"    {moment - begin:7.3f} {text}")


def show(anomalies):
    by_kind = collections.defaultdict(list)
    for a in anomalies:
        by_kind[a.kind].append(a.text)
    for kind, texts in sorted(by_kind.items()):
        for text in texts[:3]:
            print(f"  ANOMALY {kind}: {text}")
        if len(texts) > 3:
            print(f"  ANOMALY {kind}: and {len(texts) - 3} more")


def keep(outcome):
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{outcome.plan.seed.replace('/', '-')}.jsonl"
    outcome.history.dump(path)
    print(f"  the history is in {path}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", help="path of tests/kafka_server")
    parser.add_argument("--kafka", action="store_true", help="Apache Kafka instead, as a check of the checker")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--first", type=int, default=1, help="number of the first round")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--bug", help="a deliberate bug, in a build with WAYBILL_FAULTS")
    parser.add_argument("--parts", default=",".join(rounds.ALL_PARTS), help="which clients beside plain producers")
    parser.add_argument("--keep", action="store_true", help="keep the broker's folder")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if not options.kafka and not options.server:
        parser.error("--server PATH or --kafka is needed")
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"checker: seed {seed}", flush=True)
    began = time.monotonic()
    broker = brokers.KafkaBroker() if options.kafka else brokers.WaybillBroker(options.server, options.bug)
    run = rounds.Run(broker, seed, options.parts.split(","))
    total, operations, bad = 0, 0, 0
    try:
        for number in range(options.first, options.first + options.rounds):
            outcome = run.round(number)
            report(number, outcome, options.verbose)
            operations += outcome.history.count()
            total += len(outcome.anomalies)
            if outcome.anomalies:
                bad += 1
                keep(outcome)
                if any(a.kind == "broker_died" for a in outcome.anomalies):
                    break
        else:
            again = run.read_again()
            show(again)
            total += len(again)
    finally:
        run.close(options.keep or total > 0)
    seconds = time.monotonic() - began
    print(f"checker: {options.rounds} rounds, {operations} operations, {broker.starts} starts of the broker, "
          f"{seconds:.0f} s, {total} anomalies" + (f"; repeat with --seed {seed}; data in {broker.folder}" if total else ""),
          flush=True)
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
