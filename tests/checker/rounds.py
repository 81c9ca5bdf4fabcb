"""One round: topics, clients, faults, healing, the last read; and a run of several rounds on one broker."""

import collections
import dataclasses
import pathlib
import sys
import threading
import time
import traceback

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import schedule
from brokers import BrokerDied
from checks import Anomaly, Check
from consumers import FINAL_SECONDS, Member, ask_ends, follow, read_all, see_offsets, stable_ends
from history import COMMITTED, OK, UNCOMMITTED, History, now
from producers import Scene, Worker, produce_plain, produce_transactions
from proxy import Proxy

SEGMENT_BYTES = str(1 << 20)     # small, so that segments are rolled
JOIN_SECONDS = 75.0              # how long clients may take to finish once everything is healed


@dataclasses.dataclass
class Outcome:
    """What a round brought."""
    plan: schedule.Plan
    history: History
    anomalies: list
    allowed: collections.Counter
    seconds: float

    def figures(self):
        h = self.history
        acked = sum(w.outcome == OK for w in h.writes.values())
        ended = collections.Counter(t.outcome for t in h.txns.values())
        reads = sum(len(s.reads) for s in h.sessions)
        return (f"{acked} of {len(h.writes)} writes acknowledged, transactions {ended['committed']} committed "
                f"{ended['aborted']} aborted {ended['unknown']} unknown, {reads} reads, {len(h.commits)} commits")


def where_in(frame):
    """Where a thread is, with the call of the client library that does not return."""
    call = frame.f_locals.get("call")
    places = [f"{pathlib.Path(f.filename).name}:{f.lineno}" for f in traceback.extract_stack(frame)[-3:]]
    return " > ".join(places) + (f" in {call.__name__}" if call else "")


class Crew:
    """The clients' threads; what they die of is an anomaly of its own."""

    def __init__(self, history):
        self.history = history
        self.threads = []
        self.died = []

    def hire(self, name, work, *arguments):
        def run():
            try:
                work(*arguments)
            except Exception as e:
                self.died.append((name, f"{e!r} at {traceback.extract_tb(e.__traceback__)[-1]}"))
        thread = threading.Thread(target=run, name=name, daemon=True)
        self.threads.append(thread)
        thread.start()

    def join(self):
        deadline = now() + JOIN_SECONDS
        for thread in self.threads:
            thread.join(max(0.0, deadline - now()))
        frames = sys._current_frames()
        hanging = [(t.name, where_in(frames[t.ident])) for t in self.threads if t.is_alive()]
        return ([Anomaly("hang", f"{name} did not end within {JOIN_SECONDS:.0f} s after the faults: {where}")
                 for name, where in hanging]
                + [Anomaly("client", f"{name} gave up: {error}") for name, error in self.died])


def create_topics(scene):
    admin = AdminClient({k: v for k, v in scene.settings().items()})
    topics = [NewTopic(name, n, 1, config={"segment.bytes": SEGMENT_BYTES}) for name, n in scene.topics.items()]
    for future in admin.create_topics(topics, request_timeout=20).values():
        future.result()
    deadline = now() + 20
    while now() < deadline:
        known = admin.list_topics(timeout=10).topics
        if all(t in known and len(known[t].partitions) == n for t, n in scene.topics.items()):
            return
        time.sleep(0.05)
    raise RuntimeError("the topics did not appear")


ALL_PARTS = ("plain", "transactions", "members")


def hire_all(crew, scene, parts, plain, source, side, target):
    """Returns the groups with the topics that they read."""
    groups = {}
    if "transactions" in parts:
        group = f"{scene.seed}-workers"
        groups[group] = source
        scene.history.exactly_once[group] = target
        crew.hire("tx1", produce_transactions, scene, "tx1", [source, side])
        crew.hire("tx2", produce_transactions, scene, "tx2", [source, side])
        for name in ("work1", "work2"):
            crew.hire(name, Worker(scene, name, group, source, target).run)
    if "members" in parts:
        groups[f"{scene.seed}-members"] = plain
        for name in ("member1", "member2"):
            crew.hire(name, Member(scene, name, f"{scene.seed}-members", plain).run)
    crew.hire("idem1", produce_plain, scene, "idem1", plain, True)
    crew.hire("idem2", produce_plain, scene, "idem2", plain, True)
    crew.hire("retry", produce_plain, scene, "retry", plain, False)
    crew.hire("committed", follow, scene, "committed", COMMITTED)
    crew.hire("uncommitted", follow, scene, "uncommitted", UNCOMMITTED)
    crew.hire("ends", ask_ends, scene, "ends")
    return groups


def last_offsets(scene, groups):
    """The groups' offsets after everything; an anomaly where they cannot be had."""
    found = []
    for group, topic in groups.items():
        consumer = Consumer(scene.settings(group_id=group, isolation_level=COMMITTED, enable_auto_commit=False))
        deadline = now() + FINAL_SECONDS
        places = [TopicPartition(topic, p) for p in range(scene.topics[topic])]
        while not see_offsets(scene, consumer, group, places):
            if now() > deadline:
                found.append(Anomaly("stuck", f"the committed offsets of {group} cannot be fetched"))
                break
        consumer.close()
    return found


def run_round(broker, proxy, plan, tag, parts=ALL_PARTS):
    """Runs the plan; raises BrokerDied when the broker ends by itself or does not start again."""
    began = now()
    history = History()
    plain, source, side, target = (f"{tag}{n}" for n in ("plain", "in", "side", "out"))
    scene = Scene(f"127.0.0.1:{proxy.port}", history, tag, {plain: 3, source: 2, side: 2, target: 2})
    create_topics(scene)
    crew = Crew(history)
    groups = hire_all(crew, scene, parts, plain, source, side, target)
    load_began = now()
    try:
        for fault in plan.faults:
            time.sleep(max(0.0, load_began + fault.at - now()))
            history.note(f"fault {fault}")
            schedule.apply(fault, broker, proxy)
            history.note(f"end of {fault.kind}")
        time.sleep(max(0.0, load_began + plan.seconds - now()))
        broker.check_alive()
    finally:
        proxy.tell("heal")
        scene.stop.set()
    anomalies = crew.join()
    broker.check_alive()
    anomalies += last_offsets(scene, groups)
    ends, stuck = stable_ends(scene)
    for isolation in (COMMITTED, UNCOMMITTED):
        history.finals += read_all(scene, isolation, ends)
    for final in history.finals:
        final.stuck = final.stuck or stuck.get((final.topic, final.partition), "")
    broker.check_alive()
    check = Check(history, broker.markers_max)
    anomalies += check.run()
    return Outcome(plan, history, anomalies, check.allowed, now() - began), scene


class Run:
    """Rounds on one broker; in the end everything is read again."""

    def __init__(self, broker, seed, parts=ALL_PARTS):
        self.broker, self.seed, self.parts = broker, seed, parts
        self.proxy = Proxy(broker.port, seed)
        broker.advertised_port = self.proxy.port
        broker.start()
        self.scenes = []

    def round(self, number, kinds=None):
        plan = schedule.plan(f"{self.seed}/{number}", kinds)
        try:
            outcome, scene = run_round(self.broker, self.proxy, plan, f"s{self.seed}r{number}",
                                       self.parts)
        except BrokerDied as e:
            return Outcome(plan, History(), [Anomaly("broker_died", str(e))], collections.Counter(), 0.0)
        self.scenes.append((scene, {(f.topic, f.partition, f.isolation): (f.end, f.records)
                                    for f in outcome.history.finals}))
        return outcome

    def read_again(self):
        """All rounds' topics once more, after one more kill: the same records at the same offsets."""
        anomalies = []
        try:
            self.broker.kill()
            self.broker.start()
            for scene, before in self.scenes:
                for isolation in (COMMITTED, UNCOMMITTED):
                    ends = {(t, p): end for (t, p, i), (end, _) in before.items() if i == isolation}
                    for final in read_all(scene, isolation, ends):
                        if final.records != before[(final.topic, final.partition, isolation)][1]:
                            anomalies.append(Anomaly("diverged", f"{final.topic}/{final.partition} {isolation} reads "
                                                                 f"differently at the end of the run"))
        except BrokerDied as e:
            anomalies.append(Anomaly("broker_died", str(e)))
        return anomalies

    def close(self, keep=False):
        self.broker.stop(keep)
        self.proxy.stop()
