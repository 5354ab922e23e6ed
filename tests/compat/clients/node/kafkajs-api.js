'use strict';

// The verbs of KafkaJS's admin client, whose interface Confluent's binding took over.

const { Named, Unsupported, emit, quietly } = require('./driving.js');

/** Actions that both do in the same way. */
const ACTIONS = {
  'create-topic': async (admin, args) => {
    const configEntries = Object.entries(args.configs ?? {}).map(([name, value]) => ({ name, value: String(value) }));
    const created = await admin.createTopics({
      topics: [{ topic: args.topic, numPartitions: args.partitions, configEntries }],
    });
    if (!created) throw new Named('TOPIC_ALREADY_EXISTS');
  },
  'delete-topic': (admin, args) => admin.deleteTopics({ topics: [args.topic] }),
  'list-groups': async (admin) => ({ groups: (await admin.listGroups()).groups.map(({ groupId }) => groupId) }),
  'delete-group': async (admin, args) => {
    await admin.deleteGroups([args.group]);
  },
};

/**
 * Returns the verbs. `client(bootstrap, args)` makes a Kafka; `committed(admin, args)` and the actions in `own` are what
 * the libraries do in their own ways.
 */
function adminVerbs(client, committed, own) {
  const actions = { ...ACTIONS, ...own };
  const withAdmin = (act) => async (bootstrap, args) => {
    const admin = client(bootstrap, args).admin();
    await admin.connect();
    await act(admin, args);
    await quietly(admin.disconnect());
  };
  return {
    'list-offsets': withAdmin(async (admin, args) => {
      const byTime = typeof args.at === 'number';
      const rows = byTime ? await admin.fetchTopicOffsetsByTimestamp(args.topic, args.at) : await admin.fetchTopicOffsets(args.topic);
      const row = rows.find(({ partition }) => partition === args.partition);
      emit('offset', { offset: Number(args.at === 'earliest' ? row.low : row.offset) });
    }),
    committed: withAdmin(committed),
    admin: withAdmin(async (admin, args) => {
      if (!actions[args.do]) throw new Unsupported(args.do);
      emit('result', (await actions[args.do](admin, args)) ?? {});
    }),
  };
}

module.exports = { adminVerbs };
