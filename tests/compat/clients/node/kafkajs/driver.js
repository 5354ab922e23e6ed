'use strict';

// The driver for KafkaJS. Its consumers are always members of a group: `consume` uses one of its own, and seeks.

const { randomUUID } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { promisify } = require('node:util');
const zlib = require('node:zlib');
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, Partitioners } = require('kafkajs');
const LZ4 = require('@2l/kafkajs-lz4');
const snappy = require('kafkajs-snappy');
const { version } = require('kafkajs/package.json');
const {
  Arrivals, Deliveries, Positions, Unsupported, drive, emit, emitRecord, obey, quietly, recordsOf, sleep,
} = require('../driving.js');
const { adminVerbs } = require('../kafkajs-api.js');

CompressionCodecs[CompressionTypes.Snappy] = snappy;
CompressionCodecs[CompressionTypes.LZ4] = new LZ4().codec;
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: (encoder) => promisify(zlib.zstdCompress)(encoder.buffer),
  decompress: promisify(zlib.zstdDecompress),
});

const CODECS = {
  none: CompressionTypes.None,
  gzip: CompressionTypes.GZIP,
  snappy: CompressionTypes.Snappy,
  lz4: CompressionTypes.LZ4,
  zstd: CompressionTypes.ZSTD,
};
const ACKS = { 0: 0, 1: 1, all: -1 };
const ISOLATION = { read_uncommitted: { readUncommitted: true }, read_committed: { readUncommitted: false } };
// Not `regex`: a pattern is replaced by the topics that match when the consumer subscribes.
const CAN = [
  'none', 'gzip', 'snappy', 'lz4', 'zstd', 'headers', 'null-keys', 'empty-keys', 'tombstones',
  'timestamps', 'acks', 'reports-offsets', 'idempotence', 'transactions', 'seek', 'seek-time', 'group', 'roundrobin',
  'auto-commit', 'manual-commit', 'commit-metadata', 'list-offsets', 'committed', 'create-topic',
  'delete-topic', 'describe-topic', 'grow-topic', 'delete-records', 'get-configs', 'set-config', 'list-groups',
  'describe-group', 'delete-group', 'reset-group', 'sasl-plain', 'sasl-scram', 'tls',
];

/** KafkaJS wraps the broker's error in what it did about it, or in a list of what went wrong. */
function nameOf(error) {
  const inner = error.cause ?? error.errors?.[0] ?? error.groups?.[0]?.error ?? error.partitions?.[0]?.error;
  if (inner && !error.type) return nameOf(inner);
  return { error: error.type ?? error.name, message: error.message };
}

const client = (bootstrap, args) =>
  new Kafka({ clientId: 'compat', brokers: [bootstrap], ...securityOf(args.security), ...args.config });

function securityOf({ protocol, mechanism, username, password, ca } = {}) {
  if (protocol === 'SSL') return { ssl: { ca: [readFileSync(ca)] } };
  if (protocol === 'SASL_PLAINTEXT') return { sasl: { mechanism: mechanism.toLowerCase(), username, password } };
  return {};
}

function headersOf(record) {
  const headers = {};
  for (const [name, value] of record.headers) {
    if (value === null) throw new Unsupported('null header values');
    headers[name] = name in headers ? [headers[name], value].flat() : value;
  }
  return headers;
}

/** KafkaJS gathers the values of headers of one name in a list. */
const pairsOf = (headers) => Object.entries(headers ?? {}).flatMap(([name, values]) => [values].flat().map((value) => [name, value]));

async function produce(bootstrap, args) {
  const chosen = new Map();
  const producer = client(bootstrap, args).producer({
    idempotent: args.idempotent ?? false,
    transactionalId: args.transactional_id,
    // KafkaJS tells where each batch went, but not which records are in it.
    createPartitioner: () => {
      const choose = Partitioners.DefaultPartitioner();
      return (choice) => {
        const partition = choose(choice);
        chosen.set(choice.message, partition);
        return partition;
      };
    },
    ...args.config,
  });
  await producer.connect();
  const transaction = args.transactional_id ? await producer.transaction() : null;
  const messages = recordsOf(args).map((record) => ({
    key: record.key,
    value: record.value,
    headers: headersOf(record),
    partition: record.partition,
    timestamp: record.timestamp === undefined ? undefined : String(record.timestamp),
  }));
  const deliveries = new Deliveries(messages.length);

  const send = async (first, batch) => {
    const request = { topic: args.topic, messages: batch, compression: CODECS[args.codec ?? 'none'] };
    if (args.acks !== undefined) request.acks = ACKS[args.acks];
    try {
      const next = new Map();
      for (const { partition, baseOffset } of await (transaction ?? producer).send(request)) {
        next.set(partition, BigInt(baseOffset ?? -1));
      }
      batch.forEach((message, index) => {
        const partition = chosen.get(message);
        const offset = next.get(partition) ?? -1n;
        deliveries.delivered(first + index, partition, offset);
        if (offset >= 0n) next.set(partition, offset + 1n);
      });
    } catch (error) {
      batch.forEach((_, index) => deliveries.failed(first + index, nameOf(error)));
    }
  };
  const size = args.pause_ms === undefined ? 1000 : 1;
  for (let first = 0; first < messages.length; first += size) {
    if (first && args.pause_ms) await sleep(args.pause_ms);
    await send(first, messages.slice(first, first + size));
  }
  if (transaction) await (args.end === 'abort' ? transaction.abort() : transaction.commit());
  deliveries.finish();
  await quietly(producer.disconnect());
}

/** The offset to start from in each partition; KafkaJS knows -2 as the beginning. */
async function startsOf(admin, { topic, from = 'beginning' }) {
  if (from.offset !== undefined) return () => from.offset;
  let rows;
  if (from === 'end') rows = await admin.fetchTopicOffsets(topic);
  else if (from.time !== undefined) rows = await admin.fetchTopicOffsetsByTimestamp(topic, from.time);
  else if (from.committed) [{ partitions: rows }] = await admin.fetchOffsets({ groupId: from.committed, topics: [topic] });
  else return () => -2;
  return (partition) => rows.find((row) => row.partition === partition).offset;
}

async function consume(bootstrap, args) {
  if (args.reset === 'none') throw new Unsupported('auto.offset.reset=none');
  const kafka = client(bootstrap, args);
  const admin = kafka.admin();
  await admin.connect();
  const start = await startsOf(admin, args);
  const consumer = kafka.consumer({
    groupId: `compat-${randomUUID()}`,
    ...ISOLATION[args.isolation],
    ...(args.max_bytes && { maxBytes: args.max_bytes, maxBytesPerPartition: args.max_bytes }),
    ...args.config,
  });
  const partitions = args.partitions ?? [0];
  const arrivals = new Arrivals(args);
  const crashed = new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
  });
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
  await consumer.connect();
  await consumer.subscribe({ topics: [args.topic], fromBeginning: args.reset !== 'latest' });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      if (!partitions.includes(partition)) return;
      arrivals.record({ ...message, partition, headers: pairsOf(message.headers) });
    },
  });
  for (const partition of partitions) consumer.seek({ topic: args.topic, partition, offset: String(start(partition)) });
  await joined;
  arrivals.ready();
  await Promise.race([arrivals.finished, crashed]);
  await quietly(Promise.all([consumer.disconnect(), admin.disconnect()]));
}

async function group(bootstrap, args) {
  if (args.instance) throw new Unsupported('group.instance.id');
  if (args.assignor && args.assignor !== 'roundrobin') throw new Unsupported(`assignor ${args.assignor}`);
  if (args.protocol && args.protocol !== 'classic') throw new Unsupported(`protocol ${args.protocol}`);
  const consumer = client(bootstrap, args).consumer({
    groupId: args.group,
    sessionTimeout: args.session_timeout_ms ?? 6000,
    heartbeatInterval: args.heartbeat_ms ?? 500,
    metadataMaxAge: args.metadata_ms ?? 1000,
    ...ISOLATION[args.isolation],
    ...args.config,
  });
  const positions = new Positions();
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    const partitions = Object.entries(payload.memberAssignment).flatMap(([topic, own]) => own.map((one) => [topic, one]));
    const owned = new Set(partitions.map(String));
    positions.lost(positions.list().map(({ topic, partition }) => [topic, partition]).filter((one) => !owned.has(String(one))));
    emit('owned', { partitions });
  });
  const crashed = new Promise((_, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => payload.restart || reject(payload.error));
  });
  await consumer.connect();
  await consumer.subscribe({
    topics: args.pattern === undefined ? args.topics : [new RegExp(`^(?:${args.pattern})$`)],
    fromBeginning: args.reset !== 'latest',
  });
  await consumer.run({
    autoCommit: args.auto_commit ?? false,
    autoCommitInterval: args.auto_commit ? 200 : undefined,
    eachMessage: async ({ topic, partition, message }) => {
      emitRecord({ ...message, topic, partition, headers: pairsOf(message.headers) });
      positions.delivered(topic, partition, message.offset);
    },
  });
  const commit = (metadata) =>
    consumer.commitOffsets(positions.list().map((one) => ({ ...one, offset: String(one.offset), metadata })));
  await Promise.race([obey(commit, nameOf), crashed]);
  await quietly(consumer.disconnect());
}

async function committed(admin, args) {
  const [{ partitions }] = await admin.fetchOffsets({ groupId: args.group, topics: [args.topic] });
  for (const { partition, offset, metadata } of partitions) {
    if (args.partitions.includes(partition)) emit('committed', { partition, offset: Number(offset), metadata: metadata ?? '' });
  }
}

const topicResource = (args, more) => [{ type: ConfigResourceTypes.TOPIC, name: args.topic, ...more }];

const ACTIONS = {
  'describe-topic': async (admin, args) => {
    const { topics: [{ partitions }] } = await admin.fetchTopicMetadata({ topics: [args.topic] });
    return { partitions: partitions.length, leaders: partitions.map(({ leader }) => leader) };
  },
  'grow-topic': async (admin, args) => {
    await admin.createPartitions({ topicPartitions: [{ topic: args.topic, count: args.partitions }] });
  },
  'delete-records': async (admin, { topic, partition, before }) => {
    await admin.fetchTopicOffsets(topic); // deleteTopicRecords only knows the topics that the client has met
    await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
    const offsets = await admin.fetchTopicOffsets(topic);
    return { low_watermark: Number(offsets.find((row) => row.partition === partition).low) };
  },
  'get-configs': async (admin, args) => {
    const { resources: [{ configEntries }] } = await admin.describeConfigs({ resources: topicResource(args) });
    return { configs: Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue])) };
  },
  'set-config': async (admin, args) => {
    const configEntries = [{ name: args.name, value: String(args.value) }];
    await admin.alterConfigs({ validateOnly: false, resources: topicResource(args, { configEntries }) });
  },
  'describe-group': async (admin, args) => {
    const { groups: [{ state, members }] } = await admin.describeGroups([args.group]);
    return { state, members: members.length };
  },
  'reset-group': async (admin, { group: groupId, topic, partition, offset }) => {
    await admin.setOffsets({ groupId, topic, partitions: [{ partition, offset: String(offset) }] });
  },
};

async function features() {
  emit('features', { client: 'kafkajs', version, library: '', can: CAN });
}

drive({ features, produce, consume, group, ...adminVerbs(client, committed, ACTIONS) }, nameOf);
