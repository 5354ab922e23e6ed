'use strict';

// The driver for node-rdkafka, the binding of librdkafka.

const { AdminClient, CODES, KafkaConsumer, Producer, features: built, librdkafkaVersion } = require('node-rdkafka');
const { err2str } = require('node-rdkafka/librdkafka');
const { version } = require('node-rdkafka/package.json');
const { Arrivals, Deliveries, Named, Unsupported, drive, emit, emitRecord, obey, quietly, recordsOf, sleep } = require('../driving.js');
const { commonConfig, consumerConfig, memberConfig, namer, possible, producerConfig } = require('../librdkafka.js');

const LIMIT_MS = 30000;
const A_MOMENT_MS = 50;
const ASSIGNED = CODES.ERRORS.ERR__ASSIGN_PARTITIONS;
// Its admin client knows topics alone; header values are text to it, and never null; empty keys
// and values are read as null.
const CAN = [
  'none', 'gzip', 'snappy', 'lz4', 'zstd', 'headers', 'null-keys', 'timestamps', 'acks',
  'reports-offsets', 'idempotence', 'transactions', 'seek', 'seek-time', 'offset-reset-none', 'group', 'range', 'roundrobin',
  'cooperative-sticky', 'static', 'regex', 'auto-commit', 'manual-commit', 'list-offsets', 'committed', 'create-topic',
  'delete-topic', 'describe-topic', 'grow-topic', 'reset-group', 'sasl-plain', 'sasl-scram', 'tls',
];

// The errors of deliveries have lost their codes, and are known by their texts.
const textOf = (message) => message.split(': ').pop().toLowerCase();
const BY_TEXT = new Map(Object.values(CODES.ERRORS).map((code) => [textOf(err2str(code)), code]));
const named = namer(CODES.ERRORS);
const nameOf = (error) =>
  named(error.code === CODES.ERRORS.ERR_UNKNOWN ? { ...error, message: error.message, code: BY_TEXT.get(textOf(error.message)) } : error);

/** The result of a function that ends with a callback `(error, result)`. */
const told = (call) =>
  new Promise((resolve, reject) => call((error, result) => (error ? reject(error) : resolve(result))));

/** The constructors' arguments: settings of the client, and those of topics, which the binding wants apart. */
function configOf(bootstrap, args, more) {
  const config = { ...commonConfig(bootstrap, args), ...more, ...args.config };
  const topics = {};
  for (const name of ['auto.offset.reset', 'request.required.acks']) {
    if (name in config) topics[name] = config[name];
    delete config[name];
  }
  return [config, topics];
}

async function connected(client) {
  client.on('event.error', (error) => console.error(error));
  await told((done) => client.connect({ timeout: LIMIT_MS }, done));
  return client;
}

const disconnect = (client) => quietly(told((done) => client.disconnect(done)));

async function produce(bootstrap, args) {
  const records = recordsOf(args);
  const deliveries = new Deliveries(records.length);
  const producer = new Producer(...configOf(bootstrap, args, { ...producerConfig(args), dr_cb: true }));
  let left = records.length;
  let settled = () => {};
  producer.on('delivery-report', (error, { opaque: index, partition, offset }) => {
    if (error) deliveries.failed(index, nameOf(error));
    else deliveries.delivered(index, partition, offset);
    left -= 1;
    settled();
  });
  await connected(producer);
  producer.setPollInterval(10);
  const untilLeft = (most) => new Promise((resolve) => {
    settled = () => left <= most && resolve();
    settled();
  });

  if (args.transactional_id) {
    await told((done) => producer.initTransactions(LIMIT_MS, done));
    await told((done) => producer.beginTransaction(done));
  }
  for (const [index, record] of records.entries()) {
    await enqueue(producer, args.topic, index, record, (error) => {
      deliveries.failed(index, nameOf(error));
      left -= 1;
    });
    if (args.pause_ms !== undefined) {
      await untilLeft(records.length - index - 1);
      await sleep(args.pause_ms);
    }
  }
  await untilLeft(0);
  if (args.transactional_id && args.end === 'abort') await told((done) => producer.abortTransaction(LIMIT_MS, done));
  else if (args.transactional_id) await told((done) => producer.commitTransaction(LIMIT_MS, done));
  deliveries.finish();
  await disconnect(producer);
}

/** Hands a record to librdkafka, waiting while its queue is full; `refused` hears of what it does not take. */
async function enqueue(producer, topic, index, record, refused) {
  const headers = record.headers.map(([name, value]) => {
    if (value === null) throw new Unsupported('null header values');
    return { [name]: value };
  });
  for (;;) {
    try {
      producer.produce(topic, record.partition ?? null, record.value, record.key, record.timestamp, index, headers);
      return;
    } catch (error) {
      if (error.code !== CODES.ERRORS.ERR__QUEUE_FULL) return refused(error);
      await sleep(A_MOMENT_MS);
    }
  }
}

const recordOf = (message) => ({
  ...message,
  headers: (message.headers ?? []).flatMap((header) => Object.entries(header)),
});

/** Calls `take` with each message until `over()`; an error of the consumer ends it. */
async function read(consumer, over, take) {
  while (!over()) {
    for (const message of await told((done) => consumer.consume(100, done))) take(message);
  }
}

async function consume(bootstrap, args) {
  const { topic, partitions = [0], from = 'beginning' } = args;
  const config = { ...consumerConfig(args), 'group.id': from.committed ?? 'compat-unused', 'enable.auto.commit': false };
  const consumer = await connected(new KafkaConsumer(...configOf(bootstrap, args, config)));
  const assignment = await Promise.all(
    partitions.map(async (partition) => {
      if (from.committed) return { topic, partition };
      if (from.offset !== undefined) return { topic, partition, offset: from.offset };
      if (from.time !== undefined) return offsetOfTime(consumer, topic, partition, from.time);
      const { lowOffset, highOffset } = await told((done) => consumer.queryWatermarkOffsets(topic, partition, LIMIT_MS, done));
      return { topic, partition, offset: from === 'end' ? highOffset : lowOffset };
    }),
  );
  consumer.setDefaultConsumeTimeout(A_MOMENT_MS);
  consumer.assign(assignment);
  const arrivals = new Arrivals(args);
  let isOver = false;
  arrivals.finished.then(() => {
    isOver = true;
  });
  arrivals.ready();
  await read(consumer, () => isOver, (message) => arrivals.record(recordOf({ ...message, topic: undefined })));
  await disconnect(consumer);
}

async function offsetOfTime(consumer, topic, partition, time) {
  const [found] = await told((done) => consumer.offsetsForTimes([{ topic, partition, offset: time }], LIMIT_MS, done));
  return found;
}

async function group(bootstrap, args) {
  if (args.assignor === 'sticky' || args.protocol === 'share') throw new Unsupported(args.assignor ?? args.protocol);
  const consumer = new KafkaConsumer(...configOf(bootstrap, args, { ...memberConfig(args), rebalance_cb: true }));
  consumer.on('rebalance', ({ code }, assignments) => {
    const partitions = assignments.map(({ topic, partition }) => [topic, partition]);
    emit(code === ASSIGNED ? 'assigned' : 'revoked', { partitions });
  });
  await connected(consumer);
  consumer.setDefaultConsumeTimeout(A_MOMENT_MS);
  consumer.subscribe(args.pattern === undefined ? args.topics : [new RegExp(`^(${args.pattern})$`)]);
  let isOver = false;
  const reading = read(consumer, () => isOver, (message) => emitRecord(recordOf(message)));
  const commit = async (metadata) => {
    if (metadata) throw new Unsupported('metadata of a commit');
    consumer.commitSync(consumer.position().filter(({ offset }) => offset >= 0));
  };
  await Promise.race([obey(commit, nameOf), reading]);
  isOver = true;
  await reading;
  await disconnect(consumer);
}

async function withConsumer(bootstrap, args, act) {
  const consumer = await connected(new KafkaConsumer(...configOf(bootstrap, args, { 'group.id': args.group ?? 'compat-unused' })));
  const result = await act(consumer);
  await disconnect(consumer);
  return result;
}

const listOffsets = (bootstrap, args) =>
  withConsumer(bootstrap, args, async (consumer) => {
    const { topic, partition, at } = args;
    if (typeof at === 'number') {
      const { offset } = await offsetOfTime(consumer, topic, partition, at);
      emit('offset', { offset: offset >= 0 ? offset : -1 });
      return;
    }
    const { lowOffset, highOffset } = await told((done) => consumer.queryWatermarkOffsets(topic, partition, LIMIT_MS, done));
    emit('offset', { offset: at === 'earliest' ? lowOffset : highOffset });
  });

const committed = (bootstrap, args) =>
  withConsumer(bootstrap, args, async (consumer) => {
    const asked = args.partitions.map((partition) => ({ topic: args.topic, partition }));
    for (const { partition, offset, metadata } of await told((done) => consumer.committed(asked, LIMIT_MS, done))) {
      emit('committed', { partition, offset: offset >= 0 ? offset : -1, metadata: metadata ?? '' });
    }
  });

const ACTIONS = {
  'create-topic': (admin, { topic, partitions, configs = {} }) => {
    const config = Object.fromEntries(Object.entries(configs).map(([name, value]) => [name, String(value)]));
    const wanted = { topic, num_partitions: partitions, replication_factor: 1, config };
    return told((done) => admin.createTopic(wanted, LIMIT_MS, done));
  },
  'delete-topic': (admin, { topic }) => told((done) => admin.deleteTopic(topic, LIMIT_MS, done)),
  'grow-topic': (admin, { topic, partitions }) => told((done) => admin.createPartitions(topic, partitions, LIMIT_MS, done)),
};

const CONSUMER_ACTIONS = {
  'describe-topic': async (consumer, { topic }) => {
    const { topics } = await told((done) => consumer.getMetadata({ topic, timeout: LIMIT_MS }, done));
    const found = topics.find(({ name }) => name === topic);
    if (!found?.partitions.length) throw new Named('UNKNOWN_TOPIC_OR_PARTITION');
    const { partitions } = found;
    return { partitions: partitions.length, leaders: partitions.map(({ leader }) => leader) };
  },
  'reset-group': async (consumer, { topic, partition, offset }) => {
    consumer.commitSync([{ topic, partition, offset }]);
  },
};

async function admin(bootstrap, args) {
  if (CONSUMER_ACTIONS[args.do]) {
    emit('result', (await withConsumer(bootstrap, args, (consumer) => CONSUMER_ACTIONS[args.do](consumer, args))) ?? {});
    return;
  }
  if (!ACTIONS[args.do]) throw new Unsupported(args.do);
  const client = AdminClient.create(configOf(bootstrap, args, {})[0]);
  await ACTIONS[args.do](client, args);
  emit('result');
  client.disconnect();
}

async function features() {
  emit('features', {
    client: 'node-rdkafka', version: version.replace('v', ''), library: `librdkafka ${librdkafkaVersion}`, can: possible(CAN, built),
  });
}

drive({ features, produce, consume, group, 'list-offsets': listOffsets, committed, admin }, nameOf);
