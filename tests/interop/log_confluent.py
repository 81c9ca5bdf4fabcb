"""confluent-kafka for Python (librdkafka 2.16) against a Kafka door: producers, consumers, transactions, admin.

    python log_confluent.py BOOTSTRAP [CASE...]    needs confluent_kafka; ends in "N passed, N failed"
"""
import sys
import time

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, TopicCollection, TopicPartition
from confluent_kafka.admin import (AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec, ResourceType)

from confluent_client import Client, drain, ERROR, numbered, poll_until, refusal
from cases import fresh, run, until


# --- producing --------------------------------------------------------------------------------------------------------

def an_idempotent_producer_keeps_order_and_count(client):
    topic, values = client.topic(), numbered(50_000)
    client.produce(topic, values, enable_idempotence=True, compression_type="lz4")
    assert client.values(topic) == values


def delivery_reports_name_consecutive_offsets(client):
    topic, offsets = client.topic(1), []
    producer = client.producer(enable_idempotence=True)
    for i in range(3000):
        producer.produce(topic, str(i), on_delivery=lambda error, m: offsets.append((error, m.offset())))
        producer.poll(0)
    producer.flush(30)
    assert offsets == [(None, i) for i in range(3000)], offsets[:3]


def producing_to_an_unknown_partition_is_refused(client):
    topic, errors = client.topic(1), []
    producer = client.producer(message_timeout_ms=5000)
    producer.produce(topic, b"x", partition=9, on_delivery=lambda error, _: errors.append(error.code()))
    producer.flush(15)
    assert errors == [ERROR._UNKNOWN_PARTITION], errors


def a_topic_with_a_smaller_limit_refuses_larger_messages(client):
    topic, errors = client.topic(1, max_message_bytes="2000"), []
    producer = client.producer()
    for size in (100, 5000):
        producer.produce(topic, b"x" * size, on_delivery=lambda error, _: errors.append(error and error.code()))
        producer.flush(15)
    assert errors == [None, ERROR.MSG_SIZE_TOO_LARGE], errors


# --- transactions -----------------------------------------------------------------------------------------------------

def committed_is_read_and_aborted_is_not(client):
    topic = client.topic()
    producer = client.producer(transactional_id=fresh("py-tid"))
    producer.init_transactions(20)
    for round_, commit in enumerate((True, False, True, False, False, True)):
        producer.begin_transaction()
        for value in numbered(100, f"r{round_}-"):
            producer.produce(topic, value, partition=round_ % 2)
        producer.flush(10)
        (producer.commit_transaction if commit else producer.abort_transaction)(20)
    kept = [v for r in (0, 2) for v in numbered(100, f"r{r}-")]
    assert client.values(topic, isolation_level="read_committed") == kept
    assert client.values(topic, (1,), isolation_level="read_committed") == numbered(100, "r5-")
    assert len(client.values(topic, (0, 1), isolation_level="read_uncommitted")) == 600


def an_open_transaction_is_invisible_until_it_commits(client):
    topic = client.topic(1)
    producer = client.producer(transactional_id=fresh("py-tid"))
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"open")
    producer.flush(10)
    client.produce(topic, [b"plain"])
    assert client.values(topic, isolation_level="read_committed") == []
    assert client.values(topic, isolation_level="read_uncommitted") == [b"open", b"plain"]
    producer.commit_transaction(20)
    until(lambda: client.values(topic, isolation_level="read_committed") == [b"open", b"plain"], what="the commit")


def a_second_producer_fences_the_first_and_ends_its_transaction(client):
    topic, transactional_id = client.topic(1), fresh("py-tid")
    first = client.producer(transactional_id=transactional_id)
    first.init_transactions(20)
    first.begin_transaction()
    first.produce(topic, b"of the first")
    first.flush(10)
    second = client.producer(transactional_id=transactional_id)
    second.init_transactions(20)
    second.begin_transaction()
    second.produce(topic, b"of the second")
    second.commit_transaction(20)
    error = refusal(lambda: first.commit_transaction(20))
    assert error.fatal() and error.code() in (ERROR._FENCED, ERROR.INVALID_PRODUCER_EPOCH), error
    assert client.values(topic, isolation_level="read_committed") == [b"of the second"]


def a_transaction_that_times_out_is_aborted(client):
    topic = client.topic(1)
    producer = client.producer(transactional_id=fresh("py-tid"), transaction_timeout_ms=1500)
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"too slow")
    producer.flush(10)
    client.produce(topic, [b"plain"])
    until(lambda: client.values(topic, isolation_level="read_committed") == [b"plain"], 30, "the abort")
    error = refusal(lambda: producer.commit_transaction(20))
    assert error.fatal() or error.txn_requires_abort(), error


def copied_exactly_once(client):
    """Reads, writes and commits the offsets in one transaction; every third one is aborted and done again."""
    source, target, group = client.topic(), client.topic(), fresh("py-copy")
    for p in range(4):
        client.produce(source, numbered(500, f"p{p}-"), p)
    copies, turn = 0, 0
    while copies < 2000:
        consumer = client.consumer(group, enable_auto_commit=False, isolation_level="read_committed")
        consumer.subscribe([source])
        producer = client.producer(transactional_id=f"{group}-tid")
        producer.init_transactions(20)
        for _ in range(3):
            messages = [m for m in consumer.consume(300, 3) if not m.error()]
            if not messages:
                continue
            producer.begin_transaction()
            for message in messages:
                producer.produce(target, message.value(), partition=message.partition())
            producer.send_offsets_to_transaction(
                consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 20)
            turn += 1
            if turn % 3 == 0:
                producer.abort_transaction(20)
                break
            producer.commit_transaction(20)
            copies += len(messages)
        consumer.close()
    for p in range(4):
        assert client.values(target, (p,), isolation_level="read_committed") == numbered(500, f"p{p}-"), p


# --- groups -----------------------------------------------------------------------------------------------------------

def members_come_and_go(client, strategy):
    topic, group, count = client.topic(), fresh("py-members"), 400
    consumers = [client.consumer(group, partition_assignment_strategy=strategy)]
    consumers[0].subscribe([topic])
    poll_until(consumers, lambda: len(consumers[0].assignment()) == 4, what="the first assignment")
    consumers.append(client.consumer(group, partition_assignment_strategy=strategy))
    consumers[1].subscribe([topic])
    poll_until(consumers, lambda: [len(c.assignment()) for c in consumers] == [2, 2], what="the shared assignment")
    for p in range(4):
        client.produce(topic, numbered(count // 4, f"p{p}-"), p)
    got = drain(consumers, count)
    assert sorted(m.value() for _, m in got) == sorted(v for p in range(4) for v in numbered(count // 4, f"p{p}-"))
    assert all(len({i for i, m in got if m.partition() == p}) == 1 for p in range(4))
    consumers[0].close()
    poll_until(consumers[1:], lambda: len(consumers[1].assignment()) == 4, what="taking over")
    client.produce(topic, [b"last"], 3)
    assert [m.value() for _, m in drain(consumers[1:], 1)] == [b"last"]
    consumers[1].close()


def eager_members_share_and_take_over(client):
    members_come_and_go(client, "range,roundrobin")


def cooperative_members_share_and_take_over(client):
    members_come_and_go(client, "cooperative-sticky")


def cooperative_members_keep_what_they_have(client):
    topic, group, revoked = client.topic(), fresh("py-coop"), []
    first = client.consumer(group, partition_assignment_strategy="cooperative-sticky")
    first.subscribe([topic], on_revoke=lambda _, parts: revoked.extend(p.partition for p in parts))
    poll_until([first], lambda: len(first.assignment()) == 4, what="the assignment")
    second = client.consumer(group, partition_assignment_strategy="cooperative-sticky")
    second.subscribe([topic])
    poll_until([first, second], lambda: len(second.assignment()) == 2 and len(first.assignment()) == 2)
    assert len(revoked) == 2, f"{len(revoked)} partitions were taken away, not 2"
    first.close()
    second.close()


def a_static_member_comes_back_without_a_rebalance(client):
    topic, group, rebalances = client.topic(), fresh("py-static"), []
    make = lambda name: client.consumer(group, group_instance_id=name, session_timeout_ms=20000)  # noqa: E731
    other, leaving = make("one"), make("two")
    other.subscribe([topic], on_assign=lambda *_: rebalances.append("assigned"))
    leaving.subscribe([topic])
    poll_until([other, leaving], lambda: len(other.assignment()) == len(leaving.assignment()) == 2)
    rebalances.clear()
    owned = sorted(p.partition for p in leaving.assignment())
    leaving.close()
    back = make("two")
    back.subscribe([topic])
    poll_until([other, back], lambda: sorted(p.partition for p in back.assignment()) == owned, 15, "the old partitions")
    assert not rebalances, "the other member was rebalanced"
    other.close()
    back.close()


def the_same_static_name_fences_the_older_member(client):
    topic, group = client.topic(), fresh("py-fence")
    older, newer = (client.consumer(group, group_instance_id="same") for _ in range(2))
    older.subscribe([topic])
    poll_until([older], lambda: len(older.assignment()) == 4)
    newer.subscribe([topic])
    poll_until([newer], lambda: len(newer.assignment()) == 4)

    def fenced():
        message = older.poll(0.2)
        return message is not None and message.error() and message.error().code() in (
            ERROR.FENCED_INSTANCE_ID, ERROR._FATAL)
    until(fenced, 20, "the fencing")
    newer.close()
    older.close()


def a_member_that_dies_is_replaced_after_its_session(client):
    topic, group = client.topic(), fresh("py-dead")
    dead = client.consumer(group, session_timeout_ms=6000, max_poll_interval_ms=6000)
    dead.subscribe([topic])
    poll_until([dead], lambda: len(dead.assignment()) == 4)
    heir = client.consumer(group)  # the first one polls no more
    heir.subscribe([topic])
    poll_until([heir], lambda: len(heir.assignment()) == 4, 40, "taking over")
    heir.close()
    dead.close()


def committed_offsets_keep_their_metadata(client):
    topic, group = client.topic(), fresh("py-commit")
    client.produce(topic, numbered(20))
    consumer = client.consumer(group, enable_auto_commit=False)
    consumer.commit(offsets=[TopicPartition(topic, 0, 7, "checked ü"), TopicPartition(topic, 2, 0)], asynchronous=False)
    at = consumer.committed([TopicPartition(topic, p) for p in range(3)], 10)
    assert [(p.offset, p.metadata) for p in at] == [(7, "checked ü"), (-1001, None), (0, at[2].metadata)], at
    consumer.subscribe([topic])
    assert drain([consumer], 13)[0][1].value() == b"n7"
    consumer.close()


def auto_offset_reset_is_followed(client):
    topic = client.topic(1)
    client.produce(topic, numbered(5))
    latest = client.consumer(auto_offset_reset="latest")
    latest.subscribe([topic])
    poll_until([latest], lambda: len(latest.assignment()) == 1)
    for _ in range(10):
        latest.poll(0.1)
    client.produce(topic, [b"later"])
    assert drain([latest], 1)[0][1].value() == b"later"
    latest.close()
    refusing = client.consumer(auto_offset_reset="error")
    refusing.assign([TopicPartition(topic, 0, 1_000_000)])
    message = until(lambda: refusing.poll(0.5), 20)
    assert message.error() and message.error().code() == ERROR._AUTO_OFFSET_RESET, message
    refusing.close()


# --- admin ------------------------------------------------------------------------------------------------------------

def topics_are_created_widened_and_deleted(client):
    name = fresh("py-admin")
    client.admin.create_topics([NewTopic(name, 3, 1)])[name].result(20)
    error = refusal(lambda: client.admin.create_topics([NewTopic(name, 3, 1)])[name].result(20))
    assert error.code() == ERROR.TOPIC_ALREADY_EXISTS, error
    client.produce(name, [b"before"], 2)
    client.admin.create_partitions([NewPartitions(name, 5)])[name].result(20)
    count = lambda: len(client.admin.list_topics(name, 10).topics[name].partitions)  # noqa: E731
    until(lambda: count() == 5)
    error = refusal(lambda: client.admin.create_partitions([NewPartitions(name, 2)])[name].result(20))
    assert error.code() == ERROR.INVALID_PARTITIONS, error
    client.produce(name, [b"after"], 4)
    assert sorted(client.values(name, (2, 4))) == [b"after", b"before"]
    client.admin.delete_topics([name])[name].result(20)
    until(lambda: name not in client.admin.list_topics(timeout=10).topics, what="the deletion")
    error = refusal(lambda: client.admin.delete_topics([name])[name].result(20))
    assert error.code() == ERROR.UNKNOWN_TOPIC_OR_PART, error


def bad_topics_are_refused(client):
    for name, partitions, config, code in (("no spaces", 1, {}, ERROR.TOPIC_EXCEPTION),
                                           ("x" * 250, 1, {}, ERROR.TOPIC_EXCEPTION),
                                           (fresh("py-bad"), 0, {}, ERROR.INVALID_PARTITIONS),
                                           (fresh("py-bad"), 1, {"retention.ms": "soon"}, ERROR.INVALID_CONFIG),
                                           (fresh("py-bad"), 1, {"no.such.setting": "1"}, ERROR.INVALID_CONFIG)):
        try:
            topic = NewTopic(name, partitions, 1, config=config)
        except ValueError:
            continue
        error = refusal(lambda topic=topic, name=name: client.admin.create_topics([topic])[name].result(20))
        assert error.code() == code, (name, error)


def a_deleted_topic_comes_back_empty(client):
    name = client.topic(2)
    client.produce(name, numbered(100))
    client.admin.delete_topics([name])[name].result(20)
    until(lambda: name not in client.admin.list_topics(timeout=10).topics)
    client.admin.create_topics([NewTopic(name, 2, 1)])[name].result(20)
    until(lambda: name in client.admin.list_topics(timeout=10).topics)
    client.produce(name, [b"new life"])
    messages = client.read_all(name)
    assert [(m.offset(), m.value()) for m in messages] == [(0, b"new life")], len(messages)


def configs_are_described_and_altered(client):
    topic = client.topic(1, retention_ms="3600000")
    resource = ConfigResource(ResourceType.TOPIC, topic)
    configs = lambda: list(client.admin.describe_configs([resource]).values())[0].result(20)  # noqa: E731
    before = configs()
    assert before["retention.ms"].value == "3600000" and not before["retention.ms"].is_default
    assert before["cleanup.policy"].value == "delete" and before["cleanup.policy"].is_default
    for name in ("retention.bytes", "segment.bytes", "max.message.bytes", "message.timestamp.type", "compression.type"):
        assert name in before, name
    changes = [ConfigEntry("retention.ms", "7200000", incremental_operation=AlterConfigOpType.SET),
               ConfigEntry("cleanup.policy", "compact", incremental_operation=AlterConfigOpType.APPEND)]
    alter = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes)
    list(client.admin.incremental_alter_configs([alter]).values())[0].result(20)
    until(lambda: configs()["retention.ms"].value == "7200000")
    assert sorted(configs()["cleanup.policy"].value.split(",")) == ["compact", "delete"]
    undo = [ConfigEntry("retention.ms", None, incremental_operation=AlterConfigOpType.DELETE)]
    alter = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=undo)
    list(client.admin.incremental_alter_configs([alter]).values())[0].result(20)
    until(lambda: configs()["retention.ms"].is_default)
    wrong = [ConfigEntry("retention.ms", "soon", incremental_operation=AlterConfigOpType.SET)]
    alter = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=wrong)
    error = refusal(lambda: list(client.admin.incremental_alter_configs([alter]).values())[0].result(20))
    assert error.code() == ERROR.INVALID_CONFIG, error


def the_broker_describes_itself(client):
    cluster = client.admin.describe_cluster().result(20)
    assert cluster.cluster_id and len(cluster.nodes) == 1 and cluster.controller.id == cluster.nodes[0].id
    node = cluster.nodes[0]
    assert f"{node.host}:{node.port}" == client.bootstrap
    resource = ConfigResource(ResourceType.BROKER, str(node.id))
    assert list(client.admin.describe_configs([resource]).values())[0].result(20)


def groups_are_listed_described_and_deleted(client):
    topic, group = client.topic(), fresh("py-admin-g")
    client.produce(topic, numbered(10))
    consumer = client.consumer(group, client_id="reader-7")
    consumer.subscribe([topic])
    poll_until([consumer], lambda: len(consumer.assignment()) == 4)
    consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    listed = client.admin.list_consumer_groups(request_timeout=20).result(20).valid
    assert [g.state.name for g in listed if g.group_id == group] == ["STABLE"]
    described = client.admin.describe_consumer_groups([group])[group].result(20)
    assert described.state.name == "STABLE" and described.partition_assignor == "range", described.state
    assert [m.client_id for m in described.members] == ["reader-7"]
    assert len(described.members[0].assignment.topic_partitions) == 4
    error = refusal(lambda: client.admin.delete_consumer_groups([group])[group].result(20))
    assert error.code() == ERROR.NON_EMPTY_GROUP, error
    consumer.close()
    until(lambda: client.admin.describe_consumer_groups([group])[group].result(20).state.name == "EMPTY")
    client.admin.delete_consumer_groups([group])[group].result(20)
    assert group not in [g.group_id for g in client.admin.list_consumer_groups().result(20).valid]
    error = refusal(lambda: client.admin.delete_consumer_groups([group])[group].result(20))
    assert error.code() == ERROR.GROUP_ID_NOT_FOUND, error


def group_offsets_are_listed_and_altered(client):
    topic, group = client.topic(), fresh("py-offsets-g")
    client.produce(topic, numbered(10))
    wanted = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 5), TopicPartition(topic, 1, 0)])
    client.admin.alter_consumer_group_offsets([wanted])[group].result(20)
    asked = ConsumerGroupTopicPartitions(group)
    listed = client.admin.list_consumer_group_offsets([asked])[group].result(20)
    assert sorted((p.partition, p.offset) for p in listed.topic_partitions) == [(0, 5), (1, 0)]
    consumer = client.consumer(group)
    consumer.subscribe([topic])
    assert [m.value() for _, m in drain([consumer], 5)] == numbered(10)[5:]
    answer = client.admin.alter_consumer_group_offsets([wanted])[group].result(20)
    assert [p.error.code() for p in answer.topic_partitions] == [ERROR.UNKNOWN_MEMBER_ID] * 2, answer.topic_partitions
    consumer.close()


def offsets_are_found_by_time(client):
    topic = client.topic(1)
    producer = client.producer()
    for i in range(100):
        producer.produce(topic, f"n{i}", timestamp=1_700_000_000_000 + i * 1000)
    producer.flush(10)
    partition = TopicPartition(topic, 0)
    at = lambda spec, **more: list(client.admin.list_offsets({partition: spec}, **more).values())[0].result(20)  # noqa: E731
    assert at(OffsetSpec.earliest()).offset == 0 and at(OffsetSpec.latest()).offset == 100
    newest = at(OffsetSpec.max_timestamp())
    assert (newest.offset, newest.timestamp) == (99, 1_700_000_099_000), (newest.offset, newest.timestamp)
    found = at(OffsetSpec.for_timestamp(1_700_000_041_500))
    assert (found.offset, found.timestamp) == (42, 1_700_000_042_000), (found.offset, found.timestamp)
    assert at(OffsetSpec.for_timestamp(1_800_000_000_000)).offset == -1
    consumer = client.consumer()
    assert consumer.offsets_for_times([TopicPartition(topic, 0, 1_700_000_010_000)], 10)[0].offset == 10
    assert consumer.get_watermark_offsets(partition, 10) == (0, 100)
    consumer.close()


def latest_means_stable_for_committed_readers(client):
    topic = client.topic(1)
    client.produce(topic, numbered(3))
    producer = client.producer(transactional_id=fresh("py-tid"))
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topic, b"open")
    producer.flush(10)
    partition = TopicPartition(topic, 0)
    for isolation, offset in ((IsolationLevel.READ_COMMITTED, 3), (IsolationLevel.READ_UNCOMMITTED, 4)):
        futures = client.admin.list_offsets({partition: OffsetSpec.latest()}, isolation_level=isolation)
        assert list(futures.values())[0].result(20).offset == offset, isolation
    producer.abort_transaction(20)


def records_are_deleted_up_to_an_offset(client):
    topic = client.topic(1)
    client.produce(topic, numbered(100))
    done = list(client.admin.delete_records([TopicPartition(topic, 0, 40)]).values())[0].result(20)
    assert done.low_watermark == 40
    messages = client.read_all(topic)
    assert [m.value() for m in messages] == numbered(100)[40:] and messages[0].offset() == 40
    error = refusal(lambda: list(client.admin.delete_records([TopicPartition(topic, 0, 900)]).values())[0].result(20))
    assert error.code() == ERROR.OFFSET_OUT_OF_RANGE, error


def topics_are_described(client):
    topic = client.topic(3)
    found = client.admin.describe_topics(TopicCollection([topic]))[topic].result(20)
    assert found.name == topic and [len(p.replicas) for p in found.partitions] == [1, 1, 1] and not found.is_internal
    error = refusal(lambda: client.admin.describe_topics(TopicCollection(["no-such"]))["no-such"].result(20))
    assert error.code() == ERROR.UNKNOWN_TOPIC_OR_PART, error


def broker_time_replaces_the_clients_where_asked(client):
    topic = client.topic(1, message_timestamp_type="LogAppendTime")
    before = int(time.time() * 1000)
    producer = client.producer()
    producer.produce(topic, b"x", timestamp=1_000)
    producer.flush(10)
    kind, stamp = client.read_all(topic)[0].timestamp()
    assert kind == 2 and before - 1000 <= stamp <= time.time() * 1000 + 1000, (kind, stamp)


CASES = [
    an_idempotent_producer_keeps_order_and_count, delivery_reports_name_consecutive_offsets,
    producing_to_an_unknown_partition_is_refused, a_topic_with_a_smaller_limit_refuses_larger_messages,
    committed_is_read_and_aborted_is_not, an_open_transaction_is_invisible_until_it_commits,
    a_second_producer_fences_the_first_and_ends_its_transaction, a_transaction_that_times_out_is_aborted,
    copied_exactly_once, eager_members_share_and_take_over, cooperative_members_share_and_take_over,
    cooperative_members_keep_what_they_have, a_static_member_comes_back_without_a_rebalance,
    the_same_static_name_fences_the_older_member, a_member_that_dies_is_replaced_after_its_session,
    committed_offsets_keep_their_metadata, auto_offset_reset_is_followed, topics_are_created_widened_and_deleted,
    bad_topics_are_refused, a_deleted_topic_comes_back_empty, configs_are_described_and_altered,
    the_broker_describes_itself, groups_are_listed_described_and_deleted, group_offsets_are_listed_and_altered,
    offsets_are_found_by_time, latest_means_stable_for_committed_readers, records_are_deleted_up_to_an_offset,
    topics_are_described, broker_time_replaces_the_clients_where_asked,
]

if __name__ == "__main__":
    sys.exit(run(CASES, Client(sys.argv[1]), only=sys.argv[2:]))
