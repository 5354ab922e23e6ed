'use strict';

// The driver for @platformatic/kafka. Its consumers are always members of a group: `consume` uses one of its own, with
// offsets given by hand.

const { randomUUID } = require('node:crypto');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Admin, ConfigResourceTypes, Consumer, FetchIsolationLevels, ListOffsetTimestamps, Producer } = require('@platformatic/kafka');
const { Arrivals, Deliveries, Positions, Unsupported, drive, emit, emitRecord, obey, quietly, recordsOf, sleep } = require('../driving.js');

// The package does not export its manifest.
const MANIFEST = path.join(path.dirname(require.resolve('@platformatic/kafka')), '..', 'package.json');
const { version } = JSON.parse(readFileSync(MANIFEST));

const ACKS = { 0: 0, 1: 1, all: -1 };
const SET = 0;
const TIMES = { earliest: ListOffsetTimestamps.EARLIEST, latest: ListOffsetTimestamps.LATEST };
const FALLBACKS = { earliest: 'earliest', latest: 'latest', none: 'fail' };
const ASSIGNORS = ['roundrobin', 'cooperative-sticky'];
const CAN = [
  'none', 'gzip', 'snappy', 'lz4', 'zstd', 'headers', 'null-headers', 'null-keys', 'empty-keys', 'tombstones', 'timestamps', 'acks',
  'reports-offsets', 'idempotence', 'transactions', 'seek', 'seek-time', 'offset-reset-none', 'group', 'roundrobin',
  'cooperative-sticky', 'static', 'auto-commit', 'manual-commit', 'consumer-protocol', 'list-offsets', 'committed',
  'create-topic', 'delete-topic', 'describe-topic', 'grow-topic', 'delete-records', 'get-configs', 'set-config',
  'list-groups', 'describe-group', 'delete-group', 'reset-group', 'sasl-plain', 'sasl-scram', 'tls',
];

/** The broker's error is somewhere in what the library threw: errors hold lists of errors, and causes. */
function brokersError(error) {
  if (!error || error.apiId) return error;
  return brokersError(error.cause) ?? error.errors?.map(brokersError).find(Boolean);
}

function nameOf(error) {
  const inner = brokersError(error);
  return { error: inner?.apiId ?? error.code ?? error.name, message: (inner ?? error).message };
}

const options = (bootstrap, args) => ({
  clientId: 'compat',
  bootstrapBrokers: [bootstrap],
  ...securityOf(args.security),
  ...args.config,
});

function securityOf({ protocol, mechanism, username, password, ca } = {}) {
  if (protocol === 'SSL') return { tls: { ca: readFileSync(ca) } };
  if (protocol === 'SASL_PLAINTEXT') return { sasl: { mechanism, username, password } };
  return {};
}

const isolationOf = ({ isolation }) =>
  isolation ? { isolationLevel: FetchIsolationLevels[isolation.toUpperCase()] } : {};

async function produce(bootstrap, args) {
  const { topic } = args;
  const producer = new Producer({
    ...options(bootstrap, args),
    ...(args.transactional_id && { transactionalId: args.transactional_id, idempotent: true }),
  });
  const target = args.transactional_id ? await producer.beginTransaction() : producer;
  const messages = recordsOf(args).map((record) => ({
    topic,
    key: record.key,
    value: record.value,
    headers: new Map(record.headers.map(([name, value]) => [Buffer.from(name), value])),
    partition: record.partition,
    timestamp: record.timestamp === undefined ? undefined : BigInt(record.timestamp),
  }));
  const settings = { compression: args.codec ?? 'none' };
  if (!args.transactional_id) settings.idempotent = args.idempotent ?? false;
  if (args.acks !== undefined) settings.acks = ACKS[args.acks];
  const deliveries = new Deliveries(messages.length);

  const send = async (first, batch) => {
    try {
      const { offsets = [] } = await target.send({ ...settings, messages: batch });
      const next = new Map(offsets.map(({ partition, offset }) => [partition, offset]));
      batch.forEach((message, index) => {
        const partition = message.partition ?? offsets[0]?.partition ?? -1;
        const offset = next.get(partition) ?? -1n;
        deliveries.delivered(first + index, partition, offset);
        if (offset >= 0n) next.set(partition, offset + 1n);
      });
    } catch (error) {
      batch.forEach((_, index) => deliveries.failed(first + index, nameOf(error)));
    }
  };
  // The library tells a batch's offset in each partition, but not where it put a record that named none.
  const together = messages.every(({ partition }) => partition !== undefined) || (await hasOnePartition(producer, topic));
  const size = together && args.pause_ms === undefined ? 1000 : 1;
  for (let first = 0; first < messages.length; first += size) {
    if (first && args.pause_ms) await sleep(args.pause_ms);
    await send(first, messages.slice(first, first + size));
  }
  if (args.transactional_id) await (args.end === 'abort' ? target.abort() : target.commit());
  deliveries.finish();
  await quietly(producer.close());
}

const hasOnePartition = async (client, topic) =>
  (await client.metadata({ topics: [topic] })).topics.get(topic).partitionsCount === 1;

/** The offset to start from in each partition. */
async function startsOf(admin, { topic, partitions = [0], from = 'beginning' }) {
  if (from.offset !== undefined) return () => BigInt(from.offset);
  if (from.committed) {
    const [group] = await admin.listConsumerGroupOffsets({ groups: [from.committed] });
    const rows = group.topics.find(({ name }) => name === topic)?.partitions ?? [];
    return (partition) => rows.find(({ partitionIndex }) => partitionIndex === partition)?.committedOffset ?? 0n;
  }
  const timestamp = from.time !== undefined ? BigInt(from.time) : TIMES[from === 'end' ? 'latest' : 'earliest'];
  const asked = partitions.map((partitionIndex) => ({ partitionIndex, timestamp }));
  const [{ partitions: rows }] = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
  return (partition) => rows.find(({ partitionIndex }) => partitionIndex === partition).offset;
}

const entriesOf = ({ partition, offset, timestamp, key, value, headerEntries }) =>
  ({ partition, offset, timestamp, key, value, headers: headerEntries });

async function consume(bootstrap, args) {
  const { topic, partitions = [0] } = args;
  const admin = new Admin(options(bootstrap, args));
  const start = await startsOf(admin, args);
  const consumer = new Consumer({
    groupId: `compat-${randomUUID()}`,
    ...isolationOf(args),
    ...(args.max_bytes && { maxBytes: args.max_bytes, maxBytesPerPartition: args.max_bytes }),
    ...options(bootstrap, args),
  });
  const arrivals = new Arrivals(args);
  const stream = await consumer.consume({
    topics: [topic],
    autocommit: false,
    mode: 'manual',
    offsets: partitions.map((partition) => ({ topic, partition, offset: start(partition) })),
    fallbackMode: FALLBACKS[args.reset ?? 'earliest'],
  });
  const broken = new Promise((_, reject) => stream.on('error', reject));
  stream.on('data', (message) => {
    if (partitions.includes(message.partition)) arrivals.record(entriesOf(message));
  });
  arrivals.ready();
  await Promise.race([arrivals.finished, broken]);
  await quietly(Promise.all([consumer.close(true), admin.close()]));
}

async function group(bootstrap, args) {
  if (args.pattern !== undefined) throw new Unsupported('pattern subscriptions');
  if (args.assignor && !ASSIGNORS.includes(args.assignor)) throw new Unsupported(`assignor ${args.assignor}`);
  if (args.protocol === 'share') throw new Unsupported('share groups');
  const timeouts = { sessionTimeout: args.session_timeout_ms ?? 6000, heartbeatInterval: args.heartbeat_ms ?? 500 };
  const consumer = new Consumer({
    groupId: args.group,
    groupInstanceId: args.instance,
    ...(args.protocol === 'consumer' ? { groupProtocol: 'consumer' } : timeouts),
    ...(args.assignor && { protocols: [{ name: args.assignor, version: 1 }] }),
    metadataMaxAge: args.metadata_ms ?? 1000,
    ...isolationOf(args),
    ...options(bootstrap, args),
  });
  const positions = new Positions();
  const epochs = new Map();
  consumer.on('consumer:group:join', () => {
    const owned = (consumer.assignments ?? []).flatMap((one) => one.partitions.map((each) => [one.topic, each]));
    const keys = new Set(owned.map(String));
    positions.lost(positions.list().map(({ topic, partition }) => [topic, partition]).filter((one) => !keys.has(String(one))));
    emit('owned', { partitions: owned });
  });
  const stream = await consumer.consume({
    topics: args.topics,
    autocommit: args.auto_commit ? 200 : false,
    mode: 'committed',
    fallbackMode: FALLBACKS[args.reset ?? 'earliest'],
  });
  const broken = new Promise((_, reject) => stream.on('error', reject));
  stream.on('data', (message) => {
    emitRecord({ ...entriesOf(message), topic: message.topic });
    positions.delivered(message.topic, message.partition, message.offset);
    epochs.set(message.topic, message.leaderEpoch);
  });
  const commit = async (metadata) => {
    if (metadata) throw new Unsupported('metadata of a commit');
    const offsets = positions.list().map((one) => ({ ...one, leaderEpoch: epochs.get(one.topic) }));
    await consumer.commit({ offsets });
  };
  await Promise.race([obey(commit, nameOf), broken]);
  await quietly(consumer.close(true));
}

async function withAdmin(bootstrap, args, act) {
  const admin = new Admin(options(bootstrap, args));
  await act(admin);
  await quietly(admin.close());
}

const listOffsets = (bootstrap, args) =>
  withAdmin(bootstrap, args, async (admin) => {
    const timestamp = TIMES[args.at] ?? BigInt(args.at);
    const [{ partitions: [{ offset }] }] = await admin.listOffsets({
      topics: [{ name: args.topic, partitions: [{ partitionIndex: args.partition, timestamp }] }],
    });
    emit('offset', { offset: Number(offset) });
  });

const committed = (bootstrap, args) =>
  withAdmin(bootstrap, args, async (admin) => {
    const topics = [{ name: args.topic, partitionIndexes: args.partitions }];
    const [group] = await admin.listConsumerGroupOffsets({ groups: [{ groupId: args.group, topics }] });
    for (const { partitionIndex, committedOffset, metadata } of group.topics[0].partitions) {
      emit('committed', { partition: partitionIndex, offset: Number(committedOffset), metadata: metadata ?? '' });
    }
  });

const topicResource = ({ topic }, more) => [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, ...more }];

const ACTIONS = {
  'create-topic': async (admin, { topic, partitions, configs = {} }) => {
    const entries = Object.entries(configs).map(([name, value]) => ({ name, value: String(value) }));
    await admin.createTopics({ topics: [topic], partitions, replicas: -1, configs: entries });
  },
  'delete-topic': (admin, { topic }) => admin.deleteTopics({ topics: [topic] }),
  'describe-topic': async (admin, { topic }) => {
    const { partitions } = (await admin.metadata({ topics: [topic] })).topics.get(topic);
    return { partitions: partitions.length, leaders: partitions.map(({ leader }) => leader) };
  },
  'grow-topic': (admin, { topic, partitions }) =>
    admin.createPartitions({ topics: [{ name: topic, count: partitions, assignments: null }] }),
  'delete-records': async (admin, { topic, partition, before }) => {
    const [deleted] = await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition, offset: BigInt(before) }] }] });
    return { low_watermark: Number(deleted.partitions[0].lowWatermark) };
  },
  'get-configs': async (admin, args) => {
    const [{ configs }] = await admin.describeConfigs({ resources: topicResource(args, { configurationKeys: null }) });
    return { configs: Object.fromEntries(configs.map(({ name, value }) => [name, value])) };
  },
  'set-config': async (admin, args) => {
    const configs = [{ name: args.name, configOperation: SET, value: String(args.value) }];
    await admin.incrementalAlterConfigs({ resources: topicResource(args, { configs }) });
  },
  'list-groups': async (admin) => ({ groups: [...(await admin.listGroups()).keys()] }),
  'describe-group': async (admin, { group }) => {
    const { state, members } = (await admin.describeGroups({ groups: [group] })).get(group);
    return { state, members: members.size };
  },
  'delete-group': async (admin, { group }) => {
    await admin.deleteGroups({ groups: [group] });
  },
  'reset-group': (admin, { group, topic, partition, offset }) =>
    admin.alterConsumerGroupOffsets({
      groupId: group,
      topics: [{ name: topic, partitionOffsets: [{ partition, offset: BigInt(offset) }] }],
    }),
};

const admin = (bootstrap, args) =>
  withAdmin(bootstrap, args, async (connected) => {
    if (!ACTIONS[args.do]) throw new Unsupported(args.do);
    emit('result', (await ACTIONS[args.do](connected, args)) ?? {});
  });

async function features() {
  emit('features', { client: '@platformatic/kafka', version, library: '', can: CAN });
}

drive({ features, produce, consume, group, 'list-offsets': listOffsets, committed, admin }, nameOf);
