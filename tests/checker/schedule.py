"""From a seed to what happens in a round: how long the load is, which faults come when."""

import dataclasses
import random
import time


@dataclasses.dataclass
class Fault:
    at: float                    # seconds after the load began
    kind: str
    settings: dict

    def __str__(self):
        told = " ".join(f"{k}={v}" for k, v in self.settings.items())
        return f"{self.at:.2f}s {self.kind}" + (f" ({told})" if told else "")


@dataclasses.dataclass
class Plan:
    seed: str
    seconds: float
    faults: list


WEIGHTS = {"kill": 3, "kill_unanswered": 3, "pause": 2, "cut": 2, "delay": 2, "swallow": 3, "truncate": 3, "flip": 2}


def settings_of(kind, rng):
    milliseconds = lambda a, b: round(rng.uniform(a, b) / 1000, 3)
    if kind in ("kill", "kill_unanswered"):
        return {"before": milliseconds(10, 150), "down": milliseconds(0, 200)}
    if kind == "pause":
        return {"seconds": milliseconds(50, 700), "cut": rng.random() < 0.5}
    if kind == "cut":
        return {"share": rng.choice([0.3, 0.6, 1.0])}
    if kind == "delay":
        return {"to_server": milliseconds(0, 80), "to_client": milliseconds(0, 80), "seconds": milliseconds(200, 700)}
    if kind == "swallow":
        return {"seconds": milliseconds(20, 300)}
    if kind == "truncate":
        return {"to_server": rng.random() < 0.6, "bytes": int(10 ** rng.uniform(0, 4.3))}
    return {"count": rng.randint(1, 2)}


def plan(seed, kinds=None):
    """The same seed gives the same plan; at least one kill in each. `kinds` narrows the other faults."""
    rng = random.Random(f"plan/{seed}")
    seconds = round(rng.uniform(2.2, 3.6), 2)
    kinds = kinds or list(WEIGHTS)
    count = rng.randint(2, 5)
    chosen = [rng.choice(["kill", "kill_unanswered"])] + rng.choices(kinds, [WEIGHTS[k] for k in kinds], k=count - 1)
    times = sorted(round(rng.uniform(0.35, seconds - 0.15), 2) for _ in chosen)
    rng.shuffle(chosen)
    return Plan(seed, seconds, [Fault(at, kind, settings_of(kind, rng)) for at, kind in zip(times, chosen)])


def apply(fault, broker, proxy):
    """Lets one fault happen; returns when it is over."""
    s = fault.settings
    if fault.kind in ("kill", "kill_unanswered"):
        if fault.kind == "kill_unanswered":      # it answers, and nobody hears it
            proxy.tell("swallow")
            time.sleep(s["before"])
        broker.kill()
        proxy.tell("cut")
        time.sleep(s["down"])
        broker.start()
    elif fault.kind == "pause":
        broker.pause()
        time.sleep(s["seconds"] / 2)
        if s["cut"]:
            proxy.tell("cut")
        time.sleep(s["seconds"] / 2)
        broker.resume()
    elif fault.kind == "delay":
        proxy.tell("delay", to_server=s["to_server"], to_client=s["to_client"])
        time.sleep(s["seconds"])
        proxy.tell("delay", to_server=0.0, to_client=0.0)
    elif fault.kind == "swallow":
        proxy.tell("swallow")
        time.sleep(s["seconds"])
        proxy.tell("cut")
    else:
        proxy.tell(fault.kind, **s)
