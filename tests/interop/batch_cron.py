"""The cron engine beside croniter: random expressions and zones, the next five times of each.

Where the two differ the reason is found by a rule and counted; a difference without a reason fails."""

import collections
import datetime
import random
import re
import subprocess
import zoneinfo

from croniter import croniter

TIMES = 5
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo",
         "Africa/Casablanca", "Pacific/Apia", "America/St_Johns", "Asia/Tehran", "Europe/Dublin", "Pacific/Chatham"]
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()


def item(rng: random.Random, least: int, greatest: int, names: list | None = None, base: int = 0) -> str:
    def value(v: int) -> str:
        return names[v - base] if names and rng.random() < 0.4 and 0 <= v - base < len(names) else str(v)

    kind = rng.random()
    low, high = sorted(rng.sample(range(least, greatest + 1), 2))
    if kind < 0.45:
        return value(low)
    if kind < 0.65:
        return f"{value(low)}-{value(high)}"
    if kind < 0.75:
        return f"*/{rng.randint(1, max(2, (greatest - least) // 2))}"
    if kind < 0.85:
        return f"{low}-{high}/{rng.randint(1, 7)}"
    if kind < 0.92:
        return f"{value(high)}-{value(low)}"
    return f"{low}/{rng.randint(2, 9)}"


def field(rng: random.Random, least: int, greatest: int, star: float, names=None, base=0) -> str:
    if rng.random() < star:
        return "*"
    return ",".join(item(rng, least, greatest, names, base) for _ in range(rng.choice([1, 1, 1, 2, 3])))


def day_of_month(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.08:
        return "L"
    if kind < 0.13:
        return f"{rng.randint(1, 31)}W"
    if kind < 0.16:
        return "?"
    return field(rng, 1, 31, 0.55)


def day_of_week(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.05:
        return f"L{rng.randint(0, 6)}"
    if kind < 0.11:
        return f"{rng.choice(DAYS)}#{rng.randint(1, 5)}"
    if kind < 0.14:
        return "?"
    return field(rng, 0, 6, 0.55, DAYS)


def expression(rng: random.Random) -> str:
    if rng.random() < 0.03:
        return rng.choice(["@daily", "@hourly", "@weekly", "@monthly", "@yearly", "@annually", "@midnight"])
    fields = [field(rng, 0, 59, 0.15), field(rng, 0, 23, 0.25), day_of_month(rng),
              field(rng, 1, 12, 0.6, MONTHS, 1), day_of_week(rng)]
    if rng.random() < 0.15:
        fields.insert(0, field(rng, 0, 59, 0.2))
    return " ".join(fields)


def start(rng: random.Random, zone: str) -> int:
    """A moment between 2015 and 2036; half of them within three days before the zone's clock changes."""
    at = rng.randint(1420070400, 2082758400)
    if rng.random() < 0.5:
        return at
    info = zoneinfo.ZoneInfo(zone)
    offset = None
    for day in range(370):
        here = datetime.datetime.fromtimestamp(at + day * 86400, info).utcoffset()
        if offset is not None and here != offset:
            return at + day * 86400 - rng.randint(0, 3 * 86400)
        offset = here
    return at


def theirs(text: str, zone: str, at: int) -> list | str:
    try:
        begin = datetime.datetime.fromtimestamp(at, zoneinfo.ZoneInfo(zone))
        it = croniter(text, begin, second_at_beginning=True)
        return [int(it.get_next(datetime.datetime).timestamp()) for _ in range(TIMES)]
    except Exception as error:  # noqa: BLE001 - an answer like any other
        return f"error: {type(error).__name__}: {error}"


def local(zone: str, at: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, zoneinfo.ZoneInfo(zone))


def clock_changes(zone: str, low: int, high: int) -> bool:
    step = 3 * 3600
    offsets = {local(zone, t).utcoffset() for t in range(low - 86400, min(high, low + 400 * 86400) + 86400, step)}
    return len(offsets) > 1


def reason(text: str, zone: str, at: int, ours: list | str, other: list | str) -> str:
    """Why the two differ, by a rule that can be looked at; "" when none is known."""
    fields = text.split()
    minute, hour, dom, month, dow = fields[-5:] if len(fields) > 4 else ["", "", "", "", ""]
    special = "#" in dow or dow.upper().startswith("L") or "W" in dom.upper()
    if special and dom not in "*?" and dow not in "*?":
        return "both day fields, one of # L W: croniter asks for both, Waybill for either"
    if isinstance(ours, str) or isinstance(other, str):
        return ""
    if ("*/" in dom and dow != "*" and every_day(f"0 0 * * {dow}")) or (
            "*/" in dow and dom != "*" and every_day(f"0 0 {dom} 1 *")):
        return "one day field names all days, the other has */n: croniter takes the other alone, Waybill either"
    if max(ours[-1], other[-1]) >= 2143238400 and clock_changes(zone, 2050000000, 2060000000):
        return "from December 2037 on: the zone files' tables end there, and summer time with them"
    if any(re.search(r"[a-z0-9]+-[a-z0-9]+/\d+", part, re.I) and wraps(part) for part in fields):
        return "a range over the end with a step: croniter begins the step anew at the field's start"
    if clock_changes(zone, at, max(ours[-1], other[-1])):
        first = next((a, b) for a, b in zip(ours, other) if a != b)
        if near_change(zone, min(first)) or near_change(zone, max(first)):
            return "the clock changes: a skipped time comes once at the gap's end, a repeated one once"
    return ""


def every_day(text: str) -> bool:
    """Whether the field alone lets every day pass, looked at over the days of January."""
    it = croniter(text, datetime.datetime(2025, 12, 31))
    return all((it.get_next(datetime.datetime) - datetime.datetime(2025, 12, 31)).days == n for n in range(1, 32))


def wraps(part: str) -> bool:
    names = {**{n: i for i, n in enumerate(DAYS)}, **{n: i + 1 for i, n in enumerate(MONTHS)}}
    for low, high in re.findall(r"(\w+)-(\w+)/", part.lower()):
        low, high = (names.get(v, v) for v in (low, high))
        if int(low) > int(high):
            return True
    return False


def near_change(zone: str, at: int) -> bool:
    return len({local(zone, at + d).utcoffset() for d in (-90000, -7200, -3600, -1, 1, 3600, 7200)}) > 1


def same_answer(ours: list | str, other: list | str) -> bool:
    if isinstance(ours, str) and isinstance(other, str):
        return ours.startswith("error") and other.startswith("error")
    return ours == other


def run(checks, tool: str, count: int = 10_000, seed: int = 20261123) -> None:
    rng = random.Random(seed)
    cases = []
    for _ in range(count):
        zone = rng.choice(ZONES)
        cases.append((expression(rng), zone, start(rng, zone)))
    text = "".join(f"{e}\t{z}\t{at}\t{TIMES}\tnext\n" for e, z, at in cases)
    answers = subprocess.run([tool], input=text, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()
    checks.equal(f"cron: an answer for each of {count} expressions (seed {seed})", len(answers), count)
    reasons: collections.Counter = collections.Counter()
    unexplained, same, refused = [], 0, 0
    backwards = []
    for (e, z, at), line in zip(cases, answers):
        ours: list | str = line if line.startswith("error") or "none" in line else [int(v) for v in line.split()]
        other = theirs(e, z, at)
        if isinstance(ours, list):
            backwards.append((e, z, ours))
        if same_answer(ours, other):
            same += 1
            refused += isinstance(ours, str)
            continue
        why = reason(e, z, at, ours, other)
        if why:
            reasons[why] += 1
        else:
            unexplained.append((e, z, at, ours, other))
    for why, times in reasons.most_common():
        print(f"      {times} differ: {why}")
    for case in unexplained[:20]:
        print("      unexplained:", *case)
    print(f"      {same} of {count} equal, {refused} of them refused by both")
    checks.equal("cron: differences from croniter without a reason", len(unexplained), 0)
    checks.check("cron: at least 90 % are equal", same >= 0.9 * count, f"{same}")
    text = "".join(f"{e}\t{z}\t{ours[-1]}\t{TIMES - 1}\tprevious\n" for e, z, ours in backwards)
    lines = subprocess.run([tool], input=text, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()
    wrong = [case for case, line in zip(backwards, lines) if [int(v) for v in line.split() if v != "none"] != case[2][-2::-1]]
    for case in wrong[:5]:
        print("      not the same way back:", *case)
    checks.equal("cron: previous() goes the same way back", len(wrong), 0)
