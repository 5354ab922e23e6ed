'use strict';

// What the two bindings of librdkafka have in common: its settings, and its names for Kafka's errors.

const ALIASES = {
  MSG_SIZE_TOO_LARGE: 'MESSAGE_TOO_LARGE',
  INVALID_MSG: 'CORRUPT_MESSAGE',
  UNKNOWN_TOPIC_OR_PART: 'UNKNOWN_TOPIC_OR_PARTITION',
  _UNKNOWN_TOPIC: 'UNKNOWN_TOPIC_OR_PARTITION',
  TOPIC_EXCEPTION: 'INVALID_TOPIC_EXCEPTION',
  _AUTO_OFFSET_RESET: 'OFFSET_OUT_OF_RANGE',
};

/** Gives the `{error, message}` of what a binding threw, whose table of codes is `ERR_NAME: number`. */
const namer = (codes) => {
  const names = new Map(Object.entries(codes).map(([name, code]) => [code, name.replace(/^ERR_/, '')]));
  return (error) => {
    const name = names.get(error.code) ?? error.name;
    return { error: ALIASES[name] ?? name, message: error.message };
  };
};

function securityOf({ protocol, mechanism, username, password, ca } = {}) {
  return defined({
    'security.protocol': protocol,
    'sasl.mechanism': mechanism,
    'sasl.username': username,
    'sasl.password': password,
    'ssl.ca.location': ca,
  });
}

/** The settings that have a value. */
const defined = (settings) => Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));

const commonConfig = (bootstrap, args) => ({ 'bootstrap.servers': bootstrap, ...securityOf(args.security) });

const producerConfig = (args) =>
  defined({
    'compression.codec': args.codec ?? 'none',
    'enable.idempotence': args.transactional_id ? undefined : (args.idempotent ?? false),
    'transactional.id': args.transactional_id,
    'linger.ms': args.linger_ms,
    'message.max.bytes': args.max_bytes,
    'request.required.acks': args.acks === 'all' ? -1 : args.acks === undefined ? undefined : Number(args.acks),
  });

const consumerConfig = (args) =>
  defined({
    'isolation.level': args.isolation,
    'fetch.message.max.bytes': args.max_bytes,
    'fetch.max.bytes': args.max_bytes,
    'receive.message.max.bytes': args.max_bytes && args.max_bytes + 512,
    'auto.offset.reset': args.reset === 'none' ? 'error' : (args.reset ?? 'earliest'),
  });

const memberConfig = (args) =>
  defined({
    ...consumerConfig(args),
    'group.id': args.group,
    'group.protocol': args.protocol ?? 'classic',
    'group.instance.id': args.instance,
    'partition.assignment.strategy': args.assignor,
    'enable.auto.commit': args.auto_commit ?? false,
    'auto.commit.interval.ms': 200,
    'topic.metadata.refresh.interval.ms': args.metadata_ms ?? 1000,
    'session.timeout.ms': args.protocol === 'consumer' ? undefined : (args.session_timeout_ms ?? 6000),
    'heartbeat.interval.ms': args.protocol === 'consumer' ? undefined : (args.heartbeat_ms ?? 500),
  });

/** What of `can` this librdkafka was built for: zstd needs a library that not every machine has. */
const possible = (can, features) => can.filter((word) => word !== 'zstd' || features.includes('zstd'));

module.exports = { commonConfig, consumerConfig, memberConfig, namer, possible, producerConfig };
