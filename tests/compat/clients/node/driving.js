'use strict';

// What every Node driver shares: arguments and commands from stdin, events to stdout, the ways to end.
//
// A driver calls `drive(verbs)` with a function per verb, `async (bootstrap, args) => {}`, that emits events and
// returns when the verb is done. The protocol is described in ../README.md.

const { writeSync } = require('node:fs');
const readline = require('node:readline');

const MEMBER_LIFE_MS = 120000;
const ANSWER_LIMIT_MS = 30000;
const QUICK_END_MS = 5000;

/** What the library cannot do, whatever the broker. */
class Unsupported extends Error {}

/** An error that the driver can name in Kafka's words. */
class Named extends Error {
  constructor(kafkaName, message) {
    super(message ?? kafkaName);
    this.kafkaName = kafkaName;
  }
}

// Libraries like to log to stdout, which belongs to the events.
console.log = console.error;
console.info = console.error;
console.debug = console.error;

// Written at once, not by process.stdout: what that still holds when the process exits is lost.
const emit = (event, fields = {}) => writeSync(1, JSON.stringify({ event, ...fields }) + '\n');

const encode = (bytes) => (bytes == null ? null : Buffer.from(bytes).toString('base64'));
const decode = (text) => (text == null ? null : Buffer.from(text, 'base64'));

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The records that `produce` is asked for, with bytes in place of base64 and `undefined` for what is missing. */
function recordsOf(args) {
  if (args.records) {
    return args.records.map((record) => ({
      ...record,
      key: decode(record.key),
      value: decode(record.value),
      headers: (record.headers ?? []).map(([name, value]) => [name, decode(value)]),
    }));
  }
  return Array.from({ length: args.count }, (_, number) => ({
    key: null,
    value: Buffer.from(String(number).padStart(8, '0').padEnd(args.size, '.')),
    headers: [],
    partition: args.partition,
  }));
}

/** Emits what became of each record, or their number alone when there are many. */
class Deliveries {
  #total;
  #delivered = 0;

  constructor(total) {
    this.#total = total;
  }

  delivered(index, partition, offset) {
    this.#delivered += 1;
    if (this.#total <= 1000) emit('delivered', { index, partition: Number(partition), offset: Number(offset) });
  }

  failed(index, { error, message }) {
    emit('failed', { index, error, message });
  }

  finish() {
    if (this.#total > 1000) emit('delivered-all', { count: this.#delivered });
  }
}

/** Counts the records of `consume`, emits them, and tells when there were enough or nothing came for `quiet_ms`. */
class Arrivals {
  #left;
  #quietMs;
  #timer;
  #resolve;

  constructor(args) {
    this.#left = args.count ?? Infinity;
    this.#quietMs = args.quiet_ms;
    this.finished = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    if (this.#left === 0) this.#resolve();
  }

  /** The consumer is ready: silence counts from now on. */
  ready() {
    emit('ready');
    this.#listen();
  }

  record(fields) {
    if (this.#left <= 0) return;
    this.#left -= 1;
    emitRecord(fields);
    if (this.#left <= 0) this.#resolve();
    else this.#listen();
  }

  #listen() {
    if (!this.#quietMs) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#resolve, this.#quietMs);
  }
}

/** Emits a record whose key, value and header values are bytes or null; `headers` is a list of pairs. */
function emitRecord({ topic, partition, offset, timestamp, key, value, headers }) {
  emit('record', {
    ...(topic === undefined ? {} : { topic }),
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: encode(key),
    value: encode(value),
    headers: headers.map(([name, bytes]) => [String(name), encode(bytes)]),
  });
}

/** The positions behind the records that were delivered, for the owned partitions: what a `commit` commits. */
class Positions {
  #next = new Map();

  delivered(topic, partition, offset) {
    this.#next.set(JSON.stringify([topic, partition]), BigInt(offset) + 1n);
  }

  lost(partitions) {
    for (const partition of partitions) this.#next.delete(JSON.stringify(partition));
  }

  /** `{topic, partition, offset}` each, with `offset` a BigInt. */
  list() {
    return [...this.#next].map(([where, offset]) => {
      const [topic, partition] = JSON.parse(where);
      return { topic, partition, offset };
    });
  }
}

const lines = [];
const waiting = [];
readline
  .createInterface({ input: process.stdin, crlfDelay: Infinity })
  .on('line', (line) => push(line))
  .on('close', () => push(null));

function push(line) {
  const next = waiting.shift();
  if (next) next(line);
  else lines.push(line);
}

const nextLine = () => (lines.length ? Promise.resolve(lines.shift()) : new Promise((take) => waiting.push(take)));

/** Carries out the commands of `group` until it is told to stop: `commit(metadata)` commits what is owned. */
async function obey(commit, nameOf) {
  for (;;) {
    const line = await nextLine();
    const command = line === null ? { do: 'stop' } : JSON.parse(line);
    if (command.do === 'stop') return;
    try {
      await commit(command.metadata);
      emit('committed');
    } catch (error) {
      if (error instanceof Unsupported) throw error;
      emit('commit-failed', nameOf(error));
    }
  }
}

/** Ends the process, whatever the library still has running. */
function end(status, event, fields) {
  emit(event, fields);
  process.exit(status);
}

/** Runs the verb of the command line. `nameOf(error)` gives `{error, message}` of what the library threw. */
async function drive(verbs, nameOf) {
  const [verb, bootstrap] = process.argv.slice(2);
  const args = JSON.parse((await nextLine()) || '{}');
  const fail = (error) => {
    if (error instanceof Unsupported) end(3, 'unsupported', { what: error.message });
    if (error instanceof Named) end(1, 'error', { error: error.kafkaName, message: error.message });
    console.error(error);
    end(1, 'error', nameOf(error));
  };
  process.on('uncaughtException', fail);
  process.on('unhandledRejection', fail);
  const limitMs = args.timeout_ms ?? (verb === 'group' ? MEMBER_LIFE_MS : ANSWER_LIMIT_MS);
  setTimeout(() => end(1, 'error', { error: 'TIMEOUT', message: `${verb} after ${limitMs} ms` }), limitMs);
  try {
    if (!verbs[verb]) throw new Unsupported(verb);
    await verbs[verb](bootstrap, args);
    end(0, 'done');
  } catch (error) {
    fail(error);
  }
}

/** Waits for a promise of the library's clean-up, but not for ever and not for its errors. */
const quietly = (promise) => Promise.race([promise, sleep(QUICK_END_MS)]).catch((error) => console.error(error));

module.exports = {
  Arrivals, Deliveries, Named, Positions, Unsupported,
  decode, drive, emit, emitRecord, encode, obey, quietly, recordsOf, sleep,
};
