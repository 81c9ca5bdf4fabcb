"""The reading clients: followers of partitions, groups that commit, askers of ends, and the last read."""

import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from history import COMMITTED, OK, UNCOMMITTED, EndSeen, Final, OffsetCommit, OffsetSeen, id_of, now

FINAL_SECONDS = 25.0             # how long the last read waits for what does not come


def partitions_of(scene):
    return [(t, p) for t, n in sorted(scene.topics.items()) for p in range(n)]


def reader(scene, isolation, **more):
    return Consumer(scene.settings(
        group_id="reader", isolation_level=isolation, enable_auto_commit=False, auto_offset_reset="earliest",
        fetch_wait_max_ms=50, fetch_error_backoff_ms=20, **more))


def follow(scene, name, isolation):
    """Reads all partitions from their start until the load is over."""
    consumer = reader(scene, isolation)
    session = scene.history.new_session(name, isolation)
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t, p in partitions_of(scene)])
    while not scene.stop.is_set():
        take(consumer.consume(500, 0.1), session)
    consumer.close()


def take(messages, session):
    moment = now()
    for m in messages:
        if m.error() is None:
            session.reads.append((m.topic(), m.partition(), m.offset(), id_of(m.value()), moment))


def see_offsets(scene, consumer, group, partitions, seconds=5.0):
    """Asks for the committed offsets of a group; an answer that does not come is no answer."""
    invoked = now()
    try:
        found = consumer.committed([TopicPartition(p.topic, p.partition) for p in partitions], seconds)
    except KafkaException:
        return False
    for p in found:
        if p.error is None:
            scene.history.offsets_seen.append(
                OffsetSeen(group, p.topic, p.partition, max(p.offset, -1), invoked, now()))
    return all(p.error is None for p in found)


class Member:
    """A member of a group that commits what it has read, and leaves and comes back."""

    def __init__(self, scene, name, group, topic):
        self.scene, self.name, self.group, self.topic = scene, name, group, topic
        self.rng = scene.random(name)
        self.session = None
        self.position = {}

    def assigned(self, consumer, partitions):
        self.session = self.scene.history.new_session(self.name, UNCOMMITTED, self.group)
        self.position = {}
        see_offsets(self.scene, consumer, self.group, partitions)

    def revoked(self, consumer, partitions):
        if self.rng.random() < 0.7:
            self.commit(consumer)

    def lost(self, _consumer, _partitions):
        self.position = {}

    def commit(self, consumer):
        entries = [self.commit_entry(t, p, o) for (t, p), o in self.position.items()]
        self.position = {}
        if not entries:
            return
        try:
            answer = consumer.commit(offsets=[TopicPartition(e.topic, e.partition, e.offset) for e in entries],
                                     asynchronous=False)
            failed = {(p.topic, p.partition) for p in answer if p.error is not None}
            for e in entries:
                e.done = now()
                if (e.topic, e.partition) not in failed:
                    e.outcome = OK
        except KafkaException:
            pass

    def commit_entry(self, topic, partition, offset):
        entry = OffsetCommit(self.group, topic, partition, offset, now())
        self.scene.history.commits.append(entry)
        return entry

    def run(self):
        strategy = self.scene.random(self.group).choice(["range", "roundrobin"])
        while not self.scene.stop.is_set():
            consumer = Consumer(self.scene.settings(
                group_id=self.group, enable_auto_commit=False, auto_offset_reset="earliest",
                session_timeout_ms=6000, heartbeat_interval_ms=200, fetch_wait_max_ms=50,
                isolation_level=UNCOMMITTED, fetch_error_backoff_ms=20, partition_assignment_strategy=strategy))
            consumer.subscribe([self.topic], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)
            leave = now() + self.rng.uniform(0.8, 3.0)
            while not self.scene.stop.is_set() and now() < leave:
                messages = consumer.consume(200, 0.05)
                take(messages, self.session)
                for m in messages:
                    if m.error() is None:
                        self.position[(m.topic(), m.partition())] = m.offset() + 1
                if self.rng.random() < 0.3:
                    self.commit(consumer)
            consumer.close()


def ask_ends(scene, name):
    """The stable offset first, then the high watermark, of one partition after the other."""
    rng = scene.random(name)
    consumers = [(i, reader(scene, i)) for i in (COMMITTED, UNCOMMITTED)]
    while scene.nap(rng.uniform(0, 0.05)):
        topic, partition = rng.choice(partitions_of(scene))
        for isolation, consumer in consumers:
            see_end(scene, consumer, topic, partition, isolation, 2.0)
    for _, consumer in consumers:
        consumer.close()


def see_end(scene, consumer, topic, partition, isolation, seconds):
    invoked = now()
    try:
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), seconds)
    except KafkaException:
        return None
    scene.history.ends_seen.append(EndSeen(topic, partition, isolation, end, invoked, now()))
    return end


def stable_ends(scene):
    """The high watermarks, once no transaction holds the stable offsets back (or why one still does)."""
    deadline = now() + FINAL_SECONDS
    committed, uncommitted = reader(scene, COMMITTED), reader(scene, UNCOMMITTED)
    ends, stuck = {}, {}
    for place in partitions_of(scene):
        while True:
            stable = see_end(scene, committed, *place, COMMITTED, 5.0)
            ends[place] = see_end(scene, uncommitted, *place, UNCOMMITTED, 5.0)
            if stable is not None and stable == ends[place]:
                break
            if now() > deadline:
                stuck[place] = f"the last stable offset stays at {stable}, the high watermark is {ends[place]}"
                ends[place] = ends[place] or 0
                break
            time.sleep(0.05)
    committed.close()
    uncommitted.close()
    return ends, stuck


def read_all(scene, isolation, ends):
    """Every partition from its start to its end."""
    consumer = reader(scene, isolation, enable_partition_eof=True)
    finals = {place: Final(*place, isolation, [], end) for place, end in ends.items()}
    left = {place for place, end in ends.items() if end > 0}
    consumer.assign([TopicPartition(t, p, OFFSET_BEGINNING) for t, p in finals])
    quiet_until = now() + FINAL_SECONDS
    while left and now() < quiet_until:
        for m in consumer.consume(1000, 0.1):
            place = (m.topic(), m.partition())
            if m.error() is None:
                finals[place].records.append((m.offset(), id_of(m.value())))
                quiet_until = now() + FINAL_SECONDS
            elif m.error().code() == KafkaError._PARTITION_EOF and m.offset() >= ends[place]:
                left.discard(place)
    for place in left:
        records = finals[place].records
        finals[place].stuck = (f"the read did not come to the end {ends[place]}; its last record was at "
                               f"{records[-1][0] if records else 'none'}")
    consumer.close()
    return list(finals.values())
