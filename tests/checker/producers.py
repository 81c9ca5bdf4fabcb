"""The writing clients: plain producers, transactions, and consume-transform-produce."""

import dataclasses
import random
import threading
import time

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from history import FAIL, OK, UNKNOWN, History, Txn, Write, id_of, now, value_of

NOT_SENT = {KafkaError.MSG_SIZE_TOO_LARGE}   # what is purged from the queue may have been sent before a cut
CORRUPT = KafkaError.INVALID_MSG
CALL_SECONDS = 10.0              # how long one blocking call may take
WAITING_MAX = 1000               # records without an answer, above which a plain producer waits
HANG_SECONDS = 12.0              # after which a call that should have returned is left alone
GIVE_UP_SECONDS = 30.0           # how long an operation is repeated


def quiet(_error):
    pass


@dataclasses.dataclass
class Scene:
    """What every client of a round shares."""
    bootstrap: str
    history: History
    seed: str
    topics: dict                 # name -> partitions
    stop: threading.Event = dataclasses.field(default_factory=threading.Event)

    def random(self, name):
        return random.Random(f"{self.seed}/{name}")

    def settings(self, **more):
        return {
            "bootstrap.servers": self.bootstrap, "broker.address.family": "v4", "log_level": 0, "error_cb": quiet,
            "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100, "retry.backoff.ms": 20,
            "socket.timeout.ms": 8000, "topic.metadata.refresh.interval.ms": 5000, "allow.auto.create.topics": False,
            **{key.replace("_", "."): value for key, value in more.items()}}

    def nap(self, seconds):
        """False when the load is over."""
        return not self.stop.wait(seconds)


class Sender:
    """A producer session that writes down what it sends."""

    def __init__(self, scene, name, producer, idempotent):
        self.scene, self.name, self.producer, self.idempotent = scene, name, producer, idempotent
        self.sent = 0

    def send(self, topic, partition, size, txn=None, source=None):
        self.sent += 1
        write = Write(f"{self.name}.{self.sent}", self.name, self.sent, topic, partition, self.idempotent,
                      txn.id if txn else None, source, now())
        self.scene.history.add_write(write)
        while True:
            try:
                self.producer.produce(topic, value_of(write.id, size), key=write.id[-3:], partition=partition,
                                      on_delivery=lambda error, message, w=write: self.delivered(w, error, message))
                return write
            except BufferError:
                self.producer.poll(0.05)
            except KafkaException:
                write.outcome, write.done = FAIL, now()
                raise

    def delivered(self, write, error, message):
        write.done = now()
        if error is None:
            write.outcome = OK
            write.offset = message.offset() if message.offset() is not None else -1
        elif error.code() in NOT_SENT:
            write.outcome = FAIL
        else:
            write.outcome = UNKNOWN
            if error.code() == CORRUPT:
                self.scene.history.refused += 1


def batching(rng):
    return {"linger_ms": rng.choice([0, 1, 5, 20]),
            "compression_type": rng.choice(["none", "none", "lz4", "zstd", "snappy", "gzip"])}


def produce_plain(scene, name, topic, idempotent):
    """Bursts to random partitions until the load is over."""
    rng = scene.random(name)
    generation = 0
    while not scene.stop.is_set():
        generation += 1
        producer = Producer(scene.settings(
            acks="all", enable_idempotence=idempotent, message_timeout_ms=25000,
            max_in_flight_requests_per_connection=5 if idempotent else 1, **batching(rng)))
        sender = Sender(scene, f"{name}g{generation}", producer, idempotent)
        try:
            while scene.nap(rng.uniform(0, 0.04)):
                for _ in range(rng.randint(1, 50) if len(producer) < WAITING_MAX else 0):
                    sender.send(topic, rng.randrange(scene.topics[topic]), rng.choice([30, 100, 400]))
                producer.poll(0)
            if flush(producer, GIVE_UP_SECONDS):
                scene.history.note(f"{sender.name}: {len(producer)} records had no answer")
        except KafkaException as e:
            scene.history.note(f"{sender.name}: {e}")


def flush(producer, seconds):
    """As Producer.flush(), where the fatal error that a callback ate is one again."""
    try:
        return producer.flush(seconds)
    except SystemError as e:
        raise KafkaException(KafkaError(KafkaError._FATAL, str(e), True)) from e


def repeat(scene, call, *arguments):
    """A transactional call, again while librdkafka says that this helps."""
    began = now()
    while True:
        try:
            return call(*arguments)
        except KafkaException as e:
            if not e.args[0].retriable() or now() > began + GIVE_UP_SECONDS:
                raise
            if now() > began + 1:
                scene.history.note(f"{call.__name__} again after {now() - began:.1f} s: {e}")
            time.sleep(0.02)


def within(seconds, call, *arguments):
    """The call, given up after a while although it does not return: librdkafka's send_offsets_to_transaction can wait
    for ever for a coordinator whose connection was cut in the wrong moment, with Apache Kafka too."""
    ended = []

    def run():
        try:
            ended.append((call(*arguments), None))
        except (KafkaException, SystemError) as e:
            ended.append((None, e))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not ended:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{call.__name__} does not return", True))
    if ended[0][1] is not None:
        raise ended[0][1]
    return ended[0][0]


class Transactor:
    """One transactional id: opens producers, ends transactions, writes down how they ended."""

    def __init__(self, scene, name):
        self.scene, self.name, self.rng = scene, name, scene.random(name)
        self.generation = 0
        self.count = 0
        self.sender = None

    def open(self):
        """A new producer with the same transactional id; the one before is fenced."""
        deadline = now() + GIVE_UP_SECONDS
        while True:
            self.generation += 1
            producer = Producer(self.scene.settings(
                transactional_id=f"{self.scene.seed}/{self.name}", transaction_timeout_ms=20000,
                message_timeout_ms=18000, **batching(self.rng)))
            try:
                repeat(self.scene, producer.init_transactions, CALL_SECONDS)
                self.sender = Sender(self.scene, f"{self.name}g{self.generation}", producer, True)
                return
            except KafkaException as e:
                self.scene.history.note(f"{self.name}: cannot open: {e}")
                if now() > deadline:
                    raise

    def begin(self, group=None):
        self.count += 1
        self.sender.producer.begin_transaction()
        return self.scene.history.add_txn(Txn(f"{self.name}t{self.count}", self.sender.name, now(), group=group))

    def commit(self, txn):
        """True when it is committed; otherwise the producer may be a new one."""
        txn.commit_invoked = now()
        try:
            repeat(self.scene, self.sender.producer.commit_transaction, CALL_SECONDS)
            txn.outcome, txn.done = "committed", now()
            return True
        except KafkaException as e:
            self.failed(txn, e)
            return False

    def abort(self, txn):
        try:
            repeat(self.scene, self.sender.producer.abort_transaction, CALL_SECONDS)
            txn.outcome, txn.done = "aborted", now()
        except KafkaException as e:
            self.scene.history.note(f"{txn.id}: cannot abort: {e}")
            self.open()

    def failed(self, txn, e):
        self.scene.history.note(f"{txn.id}: {e}")
        if e.args[0].txn_requires_abort():
            self.abort(txn)
        else:
            self.open()

    def outrun(self, txn, write_more):
        """A second producer takes the id while the first is in a transaction and goes on writing."""
        zombie = self.sender
        if self.rng.random() < 0.5:
            flush(zombie.producer, CALL_SECONDS)
        self.open()
        try:
            self.sender, fresh = zombie, self.sender
            write_more()
            flush(zombie.producer, CALL_SECONDS)
            zombie.producer.commit_transaction(CALL_SECONDS)
            txn.outcome, txn.commit_invoked = "committed", now()   # it must not, and checks.py will say so
        except KafkaException:
            txn.outcome = "aborted"
        finally:
            self.sender = fresh
        txn.done = now()

    def close(self):
        """Whatever is still open is aborted or completed by a last producer."""
        self.open()


def produce_transactions(scene, name, topics):
    """Each transaction writes to several partitions at once; some are aborted, some outrun."""
    transactor = Transactor(scene, name)
    rng = transactor.rng
    transactor.open()
    while scene.nap(rng.uniform(0, 0.02)):
        places = [(t, p) for t in topics for p in range(scene.topics[t])]
        places = rng.sample(places, rng.randint(2, len(places)))
        txn = None

        def write(count):
            for i in range(count):
                topic, partition = places[i % len(places)]
                transactor.sender.send(topic, partition, rng.choice([30, 100]), txn)

        try:
            txn = transactor.begin()
            write(rng.randint(len(places), 25))
            if rng.random() < 0.2:
                flush(transactor.sender.producer, CALL_SECONDS)
                scene.nap(rng.uniform(0, 0.2))
                write(rng.randint(1, 10))
            fate = rng.random()
            if fate < 0.72:
                transactor.commit(txn)
            elif fate < 0.93:
                if rng.random() < 0.7:
                    flush(transactor.sender.producer, CALL_SECONDS)
                transactor.abort(txn)
            else:
                transactor.outrun(txn, lambda: write(5))
        except KafkaException as e:
            if txn is None:
                scene.history.note(f"{name}: {e}")
                transactor.open()
            else:
                transactor.failed(txn, e)
    transactor.close()


class Worker:
    """Consume-transform-produce: reads committed input, writes output and offsets in one transaction."""

    def __init__(self, scene, name, group, source, target):
        self.scene, self.name, self.group, self.source, self.target = scene, name, group, source, target
        self.transactor = Transactor(scene, name)
        self.rng = self.transactor.rng
        self.session = None

    def assigned(self, consumer, partitions):
        from consumers import see_offsets
        self.session = self.scene.history.new_session(self.name, "read_committed", self.group)
        see_offsets(self.scene, consumer, self.group, partitions)

    def open_consumer(self):
        consumer = Consumer(self.scene.settings(
            group_id=self.group, isolation_level="read_committed", enable_auto_commit=False,
            auto_offset_reset="earliest", session_timeout_ms=6000, heartbeat_interval_ms=200,
            fetch_wait_max_ms=50, fetch_error_backoff_ms=20))
        consumer.subscribe([self.source], on_assign=self.assigned)
        return consumer

    def run(self):
        self.transactor.open()
        consumer = self.open_consumer()
        while not self.scene.stop.is_set():
            messages = consumer.consume(self.rng.randint(1, 80), 0.1)
            batch = [m for m in messages if m.error() is None]
            for m in batch:
                self.session.reads.append((m.topic(), m.partition(), m.offset(), id_of(m.value()), now()))
            if batch and not self.transform(consumer, batch) or self.rng.random() < 0.02:
                consumer.close()             # what it read ahead is read again from the committed offsets
                consumer = self.open_consumer()
        consumer.close()
        self.transactor.close()

    def transform(self, consumer, batch):
        """False when the batch is not committed for certain."""
        txn = None
        try:
            txn = self.transactor.begin(self.group)
            for m in batch:
                place = (m.topic(), m.partition(), m.offset())
                self.transactor.sender.send(self.target, self.rng.randrange(self.scene.topics[self.target]), 60, txn,
                                            place)
                txn.offsets[place[:2]] = m.offset() + 1
            offsets = [TopicPartition(t, p, o) for (t, p), o in txn.offsets.items()]
            within(HANG_SECONDS, repeat, self.scene, self.transactor.sender.producer.send_offsets_to_transaction, offsets,
                   consumer.consumer_group_metadata(), CALL_SECONDS)
            if self.rng.random() < 0.12:
                self.transactor.abort(txn)
                return False
            return self.transactor.commit(txn)
        except KafkaException as e:
            if txn is None:
                self.transactor.open()
            else:
                self.transactor.failed(txn, e)
            return False
