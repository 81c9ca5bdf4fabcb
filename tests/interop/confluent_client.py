"""What the cases of log_confluent.py need: clients of one Kafka door, and waiting for what they should see."""
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from cases import fresh, until

ERROR = KafkaError


class Client:
    """Makes clients of one door and keeps what every case needs."""

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    def producer(self, **settings):
        return Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5, **dotted(settings)})

    def consumer(self, group=None, **settings):
        settings = {"auto_offset_reset": "earliest", "session_timeout_ms": 6000, "heartbeat_interval_ms": 500,
                    **settings}
        return Consumer({"bootstrap.servers": self.bootstrap, "group.id": group or fresh("py-g"), **dotted(settings)})

    def topic(self, partitions=4, **config):
        name = fresh("py")
        futures = self.admin.create_topics([NewTopic(name, partitions, 1, config=dotted(config))])
        futures[name].result(20)
        return name

    def produce(self, topic, values, partition=0, **settings):
        producer, failed = self.producer(**settings), []
        for value in values:
            producer.produce(topic, value=value, partition=partition,
                             on_delivery=lambda error, _: failed.append(error) if error else None)
            producer.poll(0)
        assert producer.flush(30) == 0 and not failed, failed[:1]

    def read_all(self, topic, partitions=(0,), **settings):
        """Every message from the beginning to the end that a reader of this isolation sees."""
        consumer = self.consumer(enable_partition_eof=True, enable_auto_commit=False, **settings)
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        messages, ended = [], set()
        end = time.time() + 30
        while len(ended) < len(partitions):
            assert time.time() < end, f"no end of {topic} in sight after {len(messages)} messages"
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                assert message.error().code() == ERROR._PARTITION_EOF, message.error()
                ended.add(message.partition())
            else:
                messages.append(message)
        consumer.close()
        return messages

    def values(self, topic, partitions=(0,), **settings):
        return [m.value() for m in self.read_all(topic, partitions, **settings)]


def dotted(settings):
    return {key.replace("_", "."): value for key, value in settings.items()}


def numbered(count, word="n"):
    return [f"{word}{i}".encode() for i in range(count)]


def drain(consumers, count, seconds=30):
    """Polls in turn until `count` messages came; [(index of the consumer, message)]."""
    got, end = [], time.time() + seconds
    while len(got) < count:
        assert time.time() < end, f"{len(got)} of {count} messages after {seconds} s"
        for index, consumer in enumerate(consumers):
            message = consumer.poll(0.05)
            if message is not None:
                assert not message.error(), message.error()
                got.append((index, message))
    return got


def poll_until(consumers, condition, seconds=30, what="the state"):
    def step():
        for consumer in consumers:
            message = consumer.poll(0.05)
            assert message is None or not message.error(), message.error()
        return condition()
    until(step, seconds, what)


def refusal(call):
    """The KafkaError that a call ends with."""
    try:
        call()
    except KafkaException as error:
        return error.args[0]
    raise AssertionError("it was accepted")
