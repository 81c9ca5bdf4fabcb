"""The long run: many clean rounds, and every deliberate bug found.

    accept_checker.py RELEASE_SERVER FAULTS_SERVER [--rounds 100] [--seed N] [--bugs NAME,NAME] [--only-bugs]

Half of the clean rounds run on the release build (kill -9), half on the build with faults, where kill -9 is a
power cut. Then each bug gets at most `ROUNDS_MAX` rounds; the table says which anomaly gave it away, and when.
"""

import argparse
import collections
import random
import sys
import time

import brokers
import check
import rounds

ROUNDS_MAX = 15
EVERYTHING = None
NOT_ENOUGH = ("client", "hang")  # anomalies that do not tell what is wrong
# bug -> the faults that bring it to light (None: any)
BUGS = {
    "ack_before_sync": ["kill", "kill_unanswered"],
    "skipped_crc": ["flip"],
    "forgotten_epoch": EVERYTHING,
    "forgotten_sequence": ["kill_unanswered"],
    "abort_ignored": EVERYTHING,
    "open_transaction_shown": EVERYTHING,
    "torn_transaction": EVERYTHING,
    "decision_not_synced": ["kill", "kill_unanswered"],
    "offsets_ahead": EVERYTHING,
    "offsets_not_synced": ["kill", "kill_unanswered"],
    "torn_tail_kept": ["kill", "kill_unanswered"],
    "reorder": EVERYTHING,
}


def clean(server, seed, count, what, parts):
    print(f"-- {count} rounds on {what}", flush=True)
    broker = brokers.WaybillBroker(server)
    run = rounds.Run(broker, seed, parts)
    bad = 0
    operations = 0
    try:
        for number in range(1, count + 1):
            outcome = run.round(number)
            operations += outcome.history.count()
            if outcome.anomalies or number % 10 == 0:
                check.report(number, outcome, False)
            if outcome.anomalies:
                bad += 1
                check.keep(outcome)
            if any(a.kind == "broker_died" for a in outcome.anomalies):
                break
        else:
            again = run.read_again()
            check.show(again)
            bad += bool(again)
    finally:
        run.close(keep=bad > 0)
    print(f"{what}: {number} rounds, {operations} operations, {broker.starts} starts, {bad} with anomalies"
          + (f"; data in {broker.folder}" if bad else ""), flush=True)
    return bad == 0 and number == count


def hunt(server, seed, bug):
    """(rounds needed or None, kinds of anomalies, seconds)"""
    began = time.monotonic()
    run = rounds.Run(brokers.WaybillBroker(server, bug), seed)
    try:
        for number in range(1, ROUNDS_MAX + 1):
            outcome = run.round(number, BUGS[bug])
            judged = [a for a in outcome.anomalies if a.kind not in NOT_ENOUGH]
            if judged:
                kinds = collections.Counter(a.kind for a in judged)
                return number, kinds, time.monotonic() - began, judged[0].text
    finally:
        run.close()
    return None, collections.Counter(), time.monotonic() - began, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("release_server")
    parser.add_argument("faults_server")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--bugs", default=",".join(BUGS))
    parser.add_argument("--only-bugs", action="store_true")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    print(f"accept-checker: seed {seed}", flush=True)
    passed = True
    if not options.only_bugs:
        half = options.rounds // 2
        passed &= clean(options.release_server, seed, half, "the release build", rounds.ALL_PARTS)
        passed &= clean(options.faults_server, seed + 1, options.rounds - half, "the build that loses power",
                        rounds.ALL_PARTS)
    table = []
    for bug in options.bugs.split(","):
        needed, kinds, seconds, text = hunt(options.faults_server, seed, bug)
        found = ", ".join(f"{kind} {n}" for kind, n in kinds.most_common(4))
        table.append((bug, found or "NOT FOUND", str(needed) if needed else f"> {ROUNDS_MAX}", f"{seconds:.0f} s"))
        print(f"bug {bug}: " + (f"found in round {needed}: {text[:200]}" if needed else "NOT FOUND"), flush=True)
        passed &= needed is not None
    widths = [max(len(row[i]) for row in table) for i in range(4)] if table else []
    for row in table:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")
    print("accept-checker: " + ("passed" if passed else "FAILED"), flush=True)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
