/* The `admin` verb: every action is one request of librdkafka's admin interface, whose result comes as an event. */
#include <stdio.h>
#include <string.h>

#include "driver.h"

typedef struct {
  rd_kafka_t *rk;
  rd_kafka_queue_t *queue;
  const json_t *arguments;
  const char *topic;
  const char *group;
} Action;

/* The event that answers the request just made. */
static rd_kafka_event_t *answer(Action *action) {
  rd_kafka_event_t *event = rd_kafka_queue_poll(action->queue, CALL_MS);
  if (!event) fail("_TIMED_OUT", "no answer");
  check(rd_kafka_event_error(event), rd_kafka_event_error_string(event));
  return event;
}

static void check_topics(const rd_kafka_topic_result_t **topics) {
  check(rd_kafka_topic_result_error(topics[0]), rd_kafka_topic_result_error_string(topics[0]));
}

static void check_group(const rd_kafka_group_result_t **groups) {
  const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
  if (error) fail(kafka_name(rd_kafka_error_code(error)), rd_kafka_error_string(error));
  const rd_kafka_topic_partition_list_t *partitions = rd_kafka_group_result_partitions(groups[0]);
  for (int i = 0; partitions && i < partitions->cnt; i++) check(partitions->elems[i].err, NULL);
}

static void check_config(const rd_kafka_ConfigResource_t **resources) {
  check(rd_kafka_ConfigResource_error(resources[0]), rd_kafka_ConfigResource_error_string(resources[0]));
}

static json_t *create_topic(Action *action) {
  char text[512];
  size_t count;
  const char *name;
  json_t *value;
  rd_kafka_NewTopic_t *topic =
      rd_kafka_NewTopic_new(action->topic, (int)int_of(action->arguments, "partitions", 1), 1, text, sizeof text);
  if (!topic) fail("_INVALID_ARG", text);
  json_object_foreach(json_object_get(action->arguments, "configs"), name, value)
    rd_kafka_NewTopic_set_config(topic, name, json_string_value(value));
  rd_kafka_CreateTopics(action->rk, &topic, 1, NULL, action->queue);
  check_topics(rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(answer(action)), &count));
  return json_object();
}

static json_t *delete_topic(Action *action) {
  size_t count;
  rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(action->topic);
  rd_kafka_DeleteTopics(action->rk, &topic, 1, NULL, action->queue);
  check_topics(rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(answer(action)), &count));
  return json_object();
}

/* Not an admin request in this version: metadata, as of any client. */
static json_t *describe_topic(Action *action) {
  const rd_kafka_metadata_t *metadata;
  rd_kafka_topic_t *topic = rd_kafka_topic_new(action->rk, action->topic, NULL);
  check(rd_kafka_metadata(action->rk, 0, topic, &metadata, CALL_MS), NULL);
  check(metadata->topics[0].err, NULL);
  json_t *leaders = json_array();
  for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
    json_array_append_new(leaders, json_integer(metadata->topics[0].partitions[i].leader));
  return json_pack("{si so}", "partitions", metadata->topics[0].partition_cnt, "leaders", leaders);
}

static json_t *grow_topic(Action *action) {
  char text[512];
  size_t count, total = int_of(action->arguments, "partitions", 0);
  rd_kafka_NewPartitions_t *grown = rd_kafka_NewPartitions_new(action->topic, total, text, sizeof text);
  if (!grown) fail("_INVALID_ARG", text);
  rd_kafka_CreatePartitions(action->rk, &grown, 1, NULL, action->queue);
  check_topics(rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(answer(action)), &count));
  return json_object();
}

/* The arguments' partition, with the offset that they name `offset`. */
static rd_kafka_topic_partition_list_t *partition_of(Action *action, const char *offset) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  int32_t partition = (int32_t)int_of(action->arguments, "partition", 0);
  rd_kafka_topic_partition_list_add(list, action->topic, partition)->offset = int_of(action->arguments, offset, 0);
  return list;
}

static json_t *delete_records(Action *action) {
  rd_kafka_DeleteRecords_t *before = rd_kafka_DeleteRecords_new(partition_of(action, "before"));
  rd_kafka_DeleteRecords(action->rk, &before, 1, NULL, action->queue);
  const rd_kafka_topic_partition_list_t *offsets =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(answer(action)));
  check(offsets->elems[0].err, NULL);
  return json_pack("{sI}", "low_watermark", (json_int_t)offsets->elems[0].offset);
}

static json_t *get_configs(Action *action) {
  size_t count;
  rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, action->topic);
  rd_kafka_DescribeConfigs(action->rk, &resource, 1, NULL, action->queue);
  const rd_kafka_ConfigResource_t **resources =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(answer(action)), &count);
  check_config(resources);
  const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(resources[0], &count);
  json_t *configs = json_object();
  for (size_t i = 0; i < count; i++) {
    const char *value = rd_kafka_ConfigEntry_value(entries[i]);
    json_object_set_new(configs, rd_kafka_ConfigEntry_name(entries[i]), value ? json_string(value) : json_null());
  }
  return json_pack("{so}", "configs", configs);
}

static json_t *set_config(Action *action) {
  size_t count;
  rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, action->topic);
  rd_kafka_ConfigResource_set_config(resource, text_of(action->arguments, "name", ""),
                                     text_of(action->arguments, "value", ""));
  rd_kafka_AlterConfigs(action->rk, &resource, 1, NULL, action->queue);
  check_config(rd_kafka_AlterConfigs_result_resources(rd_kafka_event_AlterConfigs_result(answer(action)), &count));
  return json_object();
}

static json_t *list_groups(Action *action) {
  size_t count;
  rd_kafka_ListConsumerGroups(action->rk, NULL, action->queue);
  const rd_kafka_ConsumerGroupListing_t **found =
      rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(answer(action)), &count);
  json_t *groups = json_array();
  for (size_t i = 0; i < count; i++)
    json_array_append_new(groups, json_string(rd_kafka_ConsumerGroupListing_group_id(found[i])));
  return json_pack("{so}", "groups", groups);
}

static json_t *describe_group(Action *action) {
  size_t count;
  rd_kafka_DescribeConsumerGroups(action->rk, &action->group, 1, NULL, action->queue);
  const rd_kafka_ConsumerGroupDescription_t *found = rd_kafka_DescribeConsumerGroups_result_groups(
      rd_kafka_event_DescribeConsumerGroups_result(answer(action)), &count)[0];
  const rd_kafka_error_t *error = rd_kafka_ConsumerGroupDescription_error(found);
  if (error) fail(kafka_name(rd_kafka_error_code(error)), rd_kafka_error_string(error));
  return json_pack("{ss si}", "state",
                   rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(found)), "members",
                   (int)rd_kafka_ConsumerGroupDescription_member_count(found));
}

static json_t *delete_group(Action *action) {
  size_t count;
  rd_kafka_DeleteGroup_t *group = rd_kafka_DeleteGroup_new(action->group);
  rd_kafka_DeleteGroups(action->rk, &group, 1, NULL, action->queue);
  check_group(rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(answer(action)), &count));
  return json_object();
}

static json_t *reset_group(Action *action) {
  size_t count;
  rd_kafka_AlterConsumerGroupOffsets_t *offsets =
      rd_kafka_AlterConsumerGroupOffsets_new(action->group, partition_of(action, "offset"));
  rd_kafka_AlterConsumerGroupOffsets(action->rk, &offsets, 1, NULL, action->queue);
  check_group(rd_kafka_AlterConsumerGroupOffsets_result_groups(
      rd_kafka_event_AlterConsumerGroupOffsets_result(answer(action)), &count));
  return json_object();
}

static const struct {
  const char *name;
  json_t *(*carry_out)(Action *);
} ACTIONS[] = {
    {"create-topic", create_topic},     {"delete-topic", delete_topic}, {"describe-topic", describe_topic},
    {"grow-topic", grow_topic},         {"get-configs", get_configs},   {"set-config", set_config},
    {"delete-records", delete_records}, {"list-groups", list_groups},   {"describe-group", describe_group},
    {"delete-group", delete_group},     {"reset-group", reset_group}};

/* The process ends with the verb: what librdkafka gave is not given back. */
void admin(const char *bootstrap, const json_t *arguments) {
  const char *name = text_of(arguments, "do", "");
  for (size_t i = 0; i < sizeof ACTIONS / sizeof *ACTIONS; i++)
    if (!strcmp(ACTIONS[i].name, name)) {
      rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), bootstrap, arguments);
      Action action = {.rk = rk,
                       .queue = rd_kafka_queue_new(rk),
                       .arguments = arguments,
                       .topic = text_of(arguments, "topic", ""),
                       .group = text_of(arguments, "group", "")};
      emit("result", "O", ACTIONS[i].carry_out(&action));
      return;
    }
  unsupported(name);
}
