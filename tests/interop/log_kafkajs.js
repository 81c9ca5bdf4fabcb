// kafkajs 2.2.4 (a client of its own, no librdkafka) against a Kafka door.
//
//   NODE_PATH=.../node_modules node log_kafkajs.js BOOTSTRAP [case...]   ends in "N passed, N failed"
'use strict';
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { Kafka, logLevel, CompressionTypes, ConfigResourceTypes, PartitionAssigners } = require('kafkajs');

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1';
const kafka = new Kafka({ clientId: 'log-kafkajs', brokers: [process.argv[2]], logLevel: logLevel.NOTHING,
  retry: { initialRetryTime: 100, retries: 8 } });
const admin = kafka.admin();
const fresh = (name) => `${name}-${crypto.randomBytes(4).toString('hex')}`;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const numbered = (count, word = 'n') => Array.from({ length: count }, (_, i) => `${word}${i}`);

async function until(condition, what, seconds = 20) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(50)) {
    if (await condition()) return;
  }
  assert.fail(`${what} did not come true within ${seconds} s`);
}

async function newTopic(numPartitions = 4) {
  const topic = fresh('js');
  assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions, replicationFactor: 1 }] }), true);
  return topic;
}

async function withProducer(options, work) {
  const producer = kafka.producer(options);
  await producer.connect();
  try {
    return await work(producer);
  } finally {
    await producer.disconnect();
  }
}

const send = (topic, values, more = {}, partition = 0) => withProducer({}, (producer) =>
  producer.send({ topic, messages: values.map((value) => ({ value, partition })), ...more }));

/** Reads from the beginning until `count` messages came and, a moment later, no more did. */
async function read(topic, count, options = {}) {
  const consumer = kafka.consumer({ groupId: fresh('js-g'), maxWaitTimeInMs: 200, ...options });
  const got = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ partition, message }) => { got.push({ partition, ...message }); } });
  try {
    await until(() => got.length >= count, `${count} messages of ${topic}`);
    await sleep(300);
  } finally {
    await consumer.disconnect();
  }
  assert.equal(got.length, count);
  return got;
}

const texts = (messages) => messages.map((message) => message.value.toString());

const cases = {
  async 'keys, headers, timestamps and nulls come back'() {
    const topic = await newTopic();
    await withProducer({}, (producer) => producer.send({ topic, messages: [
      { key: 'truck ü', value: 'here', partition: 1, timestamp: '1700000000123', headers: { hub: 'H7', n: ['a', 'b'] } },
      { key: null, value: 'no key', partition: 1 },
      { key: 'gone', value: null, partition: 1 },
    ] }));
    const [first, second, third] = await read(topic, 3);
    assert.deepEqual([first.key.toString(), first.value.toString(), first.timestamp], ['truck ü', 'here', '1700000000123']);
    assert.deepEqual([first.headers.hub.toString(), first.headers.n.map(String)], ['H7', ['a', 'b']]);
    assert.deepEqual([second.key, third.value, third.key.toString(), third.offset], [null, null, 'gone', '2']);
  },

  async 'gzip comes back as it was sent'() {
    const topic = await newTopic();
    const values = numbered(5000, 'a value that repeats itself ');
    await send(topic, values, { compression: CompressionTypes.GZIP });
    assert.deepEqual(texts(await read(topic, 5000)), values);
  },

  async 'an idempotent producer keeps the order'() {
    const topic = await newTopic(1);
    const values = numbered(400);
    await withProducer({ idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
      for (let i = 0; i < 400; i += 20) {
        const [answer] = await producer.send({ topic, acks: -1, messages: values.slice(i, i + 20).map((value) => ({ value })) });
        assert.equal(answer.baseOffset, String(i));
      }
    });
    assert.deepEqual(texts(await read(topic, 400)), values);
  },

  async 'transactions commit whole and abort whole'() {
    const topic = await newTopic(2);
    await withProducer({ transactionalId: fresh('js-tid'), idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
      for (const [word, commit] of [['a', true], ['b', false], ['c', true]]) {
        const transaction = await producer.transaction();
        for (const partition of [0, 1]) {
          await transaction.send({ topic, messages: numbered(10, word).map((value) => ({ value, partition })) });
        }
        await (commit ? transaction.commit() : transaction.abort());
      }
    });
    const committed = await read(topic, 40);
    for (const partition of [0, 1]) {
      assert.deepEqual(texts(committed.filter((m) => m.partition === partition)), [...numbered(10, 'a'), ...numbered(10, 'c')]);
    }
    await read(topic, 60, { readUncommitted: true });
  },

  async 'offsets are committed with the transaction'() {
    const source = await newTopic(1);
    const groupId = fresh('js-copy');
    await send(source, numbered(10));
    const target = await newTopic(1);
    await withProducer({ transactionalId: fresh('js-tid'), idempotent: true, maxInFlightRequests: 1 }, async (producer) => {
      const commitTo = async (offset, commit) => {
        const transaction = await producer.transaction();
        await transaction.send({ topic: target, messages: [{ value: offset }] });
        await transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: source, partitions: [{ partition: 0, offset }] }] });
        await (commit ? transaction.commit() : transaction.abort());
      };
      await commitTo('4', true);
      await commitTo('9', false);
    });
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [source] });
    assert.equal(partitions[0].offset, '4');
    assert.deepEqual(texts(await read(target, 1)), ['4']);
  },

  async 'a group shares partitions and passes them on'() {
    const topic = await newTopic(4);
    const groupId = fresh('js-share');
    const members = [0, 1].map(() => ({ got: [], consumer: kafka.consumer({ groupId, sessionTimeout: 6000,
      heartbeatInterval: 500, rebalanceTimeout: 6000, maxWaitTimeInMs: 200 }) }));
    const assigned = {};
    for (const [index, { got, consumer }] of members.entries()) {
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { assigned[index] = payload.memberAssignment[topic] ?? []; });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ eachMessage: async ({ partition, message }) => { got.push([partition, message.value.toString()]); } });
    }
    await until(() => assigned[0]?.length === 2 && assigned[1]?.length === 2, 'two partitions for each member');
    for (let p = 0; p < 4; ++p) await send(topic, numbered(50, `p${p}-`), {}, p);
    const count = () => members.reduce((sum, { got }) => sum + got.length, 0);
    await until(() => count() === 200, 'every message');
    await members[0].consumer.disconnect();
    await until(() => assigned[1].length === 4, 'the partitions of the member that left');
    await send(topic, ['last'], {}, assigned[0][0]);
    await until(() => members[1].got.some(([, value]) => value === 'last'), 'the last message');
    await members[1].consumer.disconnect();
    assert.equal(count(), 201);
  },

  async 'a group goes on where it committed'() {
    const topic = await newTopic(1);
    const groupId = fresh('js-resume');
    await send(topic, numbered(30));
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '12' }] });
    assert.deepEqual(texts(await read(topic, 18, { groupId })), numbered(30).slice(12));
    await send(topic, ['more']);
    assert.deepEqual(texts(await read(topic, 1, { groupId })), ['more']);
  },

  async 'topics are created, widened, listed and deleted'() {
    const topic = await newTopic(2);
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }), false);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 6 }] });
    assert.ok((await admin.listTopics()).includes(topic));
    const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [topic] });
    assert.equal(found.partitions.length, 6);
    await admin.deleteTopics({ topics: [topic] });
    await until(async () => !(await admin.listTopics()).includes(topic), 'the deletion');
  },

  async 'offsets are told by partition and by time'() {
    const topic = await newTopic(2);
    await withProducer({}, (producer) => producer.send({ topic, messages: numbered(10).map((value, i) => (
      { value, partition: 0, timestamp: String(1700000000000 + i * 1000) })) }));
    const offsets = (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition);
    assert.deepEqual(offsets.map(({ high, low }) => [low, high]), [['0', '10'], ['0', '0']]);
    const at = await admin.fetchTopicOffsetsByTimestamp(topic, 1700000003500);
    assert.equal(at.find(({ partition }) => partition === 0).offset, '4');
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '6' }] });
    assert.equal((await admin.fetchTopicOffsets(topic)).find(({ partition }) => partition === 0).low, '6');
  },

  async 'configs are described and altered'() {
    const topic = await newTopic(1);
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '60000' }] }] });
    const { resources: [{ configEntries }] } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
    assert.equal(configEntries.find(({ configName }) => configName === 'retention.ms').configValue, '60000');
  },

  async 'groups are listed, described and deleted'() {
    const topic = await newTopic(1);
    const groupId = fresh('js-admin-g');
    await send(topic, numbered(3));
    await read(topic, 3, { groupId });
    assert.ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId && group.protocolType === 'consumer'));
    const { groups: [{ state, members }] } = await admin.describeGroups([groupId]);
    assert.deepEqual([state, members.length], ['Empty', 0]);
    const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topic] });
    assert.equal(partitions[0].offset, '3');
    await admin.deleteGroups([groupId]);
    assert.ok(!(await admin.listGroups()).groups.some((group) => group.groupId === groupId));
  },

  async 'the cluster is described'() {
    const { brokers, controller, clusterId } = await admin.describeCluster();
    assert.equal(brokers.length, 1);
    assert.equal(`${brokers[0].host}:${brokers[0].port}`, process.argv[2]);
    assert.ok(clusterId && controller === brokers[0].nodeId);
  },
};

async function main() {
  await admin.connect();
  const chosen = Object.entries(cases).filter(([name]) => process.argv.length < 4 || process.argv.slice(3).includes(name));
  let failed = 0;
  for (const [name, work] of chosen) {
    const began = Date.now();
    try {
      await work();
      console.log(`ok     ${name} ${((Date.now() - began) / 1000).toFixed(1)} s`);
    } catch (error) {
      ++failed;
      console.log(`FAILED ${name}\n${error.stack}`);
    }
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
}

main();
