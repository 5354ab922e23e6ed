'use strict';

// The driver for Confluent's binding of librdkafka, in its promises API, with librdkafka's own settings. Its consumers
// are always members of a group: `consume` uses one of its own, and seeks.

const { randomUUID } = require('node:crypto');
const { KafkaJS, features: built, librdkafkaVersion } = require('@confluentinc/kafka-javascript');
const { version } = require('@confluentinc/kafka-javascript/package.json');
const {
  Arrivals, Deliveries, Positions, Unsupported, drive, emit, emitRecord, obey, quietly, recordsOf, sleep,
} = require('../driving.js');
const { adminVerbs } = require('../kafkajs-api.js');
const { commonConfig, consumerConfig, memberConfig, namer, possible, producerConfig } = require('../librdkafka.js');

const { ErrorCodes, Kafka } = KafkaJS;
const AT_ONCE = 1000;
const STATES = ['Unknown', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead', 'Empty', 'Assigning', 'Reconciling'];
// Empty keys and values are read as null, and the metadata of a commit is stored with a zero byte at its end.
const CAN = [
  'none', 'gzip', 'snappy', 'lz4', 'zstd', 'headers', 'null-keys', 'timestamps', 'acks',
  'reports-offsets', 'idempotence', 'transactions', 'seek', 'seek-time', 'group', 'range', 'roundrobin',
  'cooperative-sticky', 'static', 'regex', 'auto-commit', 'manual-commit', 'consumer-protocol',
  'list-offsets', 'committed', 'create-topic', 'delete-topic', 'describe-topic', 'delete-records', 'list-groups',
  'describe-group', 'delete-group', 'sasl-plain', 'sasl-scram', 'tls',
];

const named = namer(ErrorCodes);
const nameOf = (error) => named(error.errors?.[0] ?? error.groups?.[0]?.error ?? error.partitions?.[0]?.error ?? error);

const client = (bootstrap, args) => new Kafka({ ...commonConfig(bootstrap, args), ...args.config });

function headersOf(record) {
  const headers = {};
  for (const [name, value] of record.headers) {
    if (value === null) throw new Unsupported('null header values');
    headers[name] = name in headers ? [headers[name], value].flat() : value;
  }
  return headers;
}

/** The values of headers of one name are gathered in a list. */
const pairsOf = (headers) => Object.entries(headers ?? {}).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));

async function produce(bootstrap, args) {
  const producer = client(bootstrap, args).producer(producerConfig(args));
  await producer.connect();
  const transaction = args.transactional_id ? await producer.transaction() : null;
  const records = recordsOf(args);
  const deliveries = new Deliveries(records.length);
  const send = async (record, index) => {
    const message = { key: record.key, value: record.value, headers: headersOf(record) };
    if (record.partition !== undefined) message.partition = record.partition;
    if (record.timestamp !== undefined) message.timestamp = String(record.timestamp);
    try {
      const [{ partition, baseOffset }] = await (transaction ?? producer).send({ topic: args.topic, messages: [message] });
      deliveries.delivered(index, partition, Math.max(-1, Number(baseOffset ?? -1)));
    } catch (error) {
      if (error instanceof Unsupported) throw error;
      deliveries.failed(index, nameOf(error));
    }
  };
  const size = args.pause_ms === undefined ? AT_ONCE : 1;
  for (let first = 0; first < records.length; first += size) {
    if (first && args.pause_ms) await sleep(args.pause_ms);
    await Promise.all(records.slice(first, first + size).map((record, index) => send(record, first + index)));
  }
  if (transaction) await (args.end === 'abort' ? transaction.abort() : transaction.commit());
  deliveries.finish();
  await quietly(producer.disconnect());
}

/** The offset to start from in each partition. */
async function startsOf(admin, { topic, from = 'beginning' }) {
  if (from.offset !== undefined) return () => from.offset;
  let rows;
  if (from.time !== undefined) rows = await admin.fetchTopicOffsetsByTimestamp(topic, from.time);
  else if (from.committed) [{ partitions: rows }] = await admin.fetchOffsets({ groupId: from.committed, topics: [topic] });
  else rows = await admin.fetchTopicOffsets(topic);
  const field = from === 'beginning' ? 'low' : 'offset';
  return (partition) => Math.max(0, Number(rows.find((row) => row.partition === partition)[field]));
}

async function consume(bootstrap, args) {
  if (args.reset === 'none') throw new Unsupported('auto.offset.reset=none'); // its errors only go to the log
  const kafka = client(bootstrap, args);
  const admin = kafka.admin();
  await admin.connect();
  const start = await startsOf(admin, args);
  const partitions = args.partitions ?? [0];
  const arrivals = new Arrivals(args);
  let joined;
  const assigned = new Promise((resolve) => {
    joined = resolve;
  });
  const consumer = kafka.consumer({
    ...consumerConfig(args),
    'group.id': `compat-${randomUUID()}`,
    'enable.auto.commit': false,
    rebalance_cb: () => joined(),
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [args.topic] });
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      if (partitions.includes(partition)) arrivals.record({ ...message, partition, headers: pairsOf(message.headers) });
    },
  });
  for (const partition of partitions) consumer.seek({ topic: args.topic, partition, offset: String(start(partition)) });
  await assigned;
  arrivals.ready();
  await arrivals.finished;
  await quietly(Promise.all([consumer.disconnect(), admin.disconnect()]));
}

async function group(bootstrap, args) {
  if (args.assignor === 'sticky' || args.protocol === 'share') throw new Unsupported(args.assignor ?? args.protocol);
  const positions = new Positions();
  const consumer = client(bootstrap, args).consumer({
    ...memberConfig(args),
    rebalance_cb: ({ code }, assignment) => {
      const partitions = assignment.map(({ topic, partition }) => [topic, partition]);
      if (code === ErrorCodes.ERR__ASSIGN_PARTITIONS) {
        emit('assigned', { partitions });
        return;
      }
      positions.lost(partitions);
      emit('revoked', { partitions });
    },
  });
  await consumer.connect();
  await consumer.subscribe({ topics: args.pattern === undefined ? args.topics : [new RegExp(`^(${args.pattern})$`)] });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      emitRecord({ ...message, topic, partition, headers: pairsOf(message.headers) });
      positions.delivered(topic, partition, message.offset);
    },
  });
  const commit = (metadata) =>
    consumer.commitOffsets(positions.list().map((one) => ({ ...one, offset: String(one.offset), metadata })));
  await obey(commit, nameOf);
  await quietly(consumer.disconnect());
}

async function committed(admin, args) {
  const [{ partitions }] = await admin.fetchOffsets({
    groupId: args.group,
    topics: [{ topic: args.topic, partitions: args.partitions }],
  });
  for (const { partition, offset, metadata } of partitions) {
    emit('committed', { partition, offset: Math.max(-1, Number(offset)), metadata: metadata ?? '' });
  }
}

const ACTIONS = {
  'describe-topic': async (admin, args) => {
    const [{ partitions }] = await admin.fetchTopicMetadata({ topics: [args.topic] });
    return { partitions: partitions.length, leaders: partitions.map(({ leader }) => leader) };
  },
  'delete-records': async (admin, { topic, partition, before }) => {
    const [deleted] = await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
    return { low_watermark: Number(deleted.lowWatermark) };
  },
  'describe-group': async (admin, args) => {
    const { groups: [{ state, members }] } = await admin.describeGroups([args.group]);
    return { state: STATES[state], members: members.length };
  },
};

async function features() {
  emit('features', {
    client: '@confluentinc/kafka-javascript', version, library: `librdkafka ${librdkafkaVersion}`, can: possible(CAN, built),
  });
}

drive({ features, produce, consume, group, ...adminVerbs(client, committed, ACTIONS) }, nameOf);
