/* The `group` verb: a member that prints what it gets, and obeys the commands on stdin. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

static void rebalanced(rd_kafka_t *rk, rd_kafka_resp_err_t error, rd_kafka_topic_partition_list_t *partitions,
                       void *opaque) {
  (void)opaque;
  bool assigned = error == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  bool cooperative = !strcmp(rd_kafka_rebalance_protocol(rk), "COOPERATIVE");
  emit_partitions(assigned ? "assigned" : "revoked", partitions);
  if (cooperative && assigned) rd_kafka_error_destroy(rd_kafka_incremental_assign(rk, partitions));
  else if (cooperative) rd_kafka_error_destroy(rd_kafka_incremental_unassign(rk, partitions));
  else rd_kafka_assign(rk, assigned ? partitions : NULL);
}

static rd_kafka_resp_err_t commit_positions(rd_kafka_t *rk, const char *metadata) {
  if (!metadata) {
    rd_kafka_resp_err_t error = rd_kafka_commit(rk, NULL, 0);
    return error == RD_KAFKA_RESP_ERR__NO_OFFSET ? RD_KAFKA_RESP_ERR_NO_ERROR : error; /* nothing read yet */
  }
  rd_kafka_topic_partition_list_t *owned;
  rd_kafka_resp_err_t error = rd_kafka_assignment(rk, &owned);
  if (error) return error;
  rd_kafka_position(rk, owned);
  for (int i = 0; i < owned->cnt; i++) {
    owned->elems[i].metadata = strdup(metadata);
    owned->elems[i].metadata_size = strlen(metadata);
  }
  error = rd_kafka_commit(rk, owned, 0);
  rd_kafka_topic_partition_list_destroy(owned);
  return error;
}

/* Carry out the commands that have come; return whether to go on. */
static bool obey(rd_kafka_t *rk) {
  struct pollfd in = {.fd = 0, .events = POLLIN};
  while (poll(&in, 1, 0) > 0) {
    char *line = NULL;
    size_t room = 0;
    if (getline(&line, &room, stdin) < 0) return false;
    json_t *command = json_loads(line, 0, NULL);
    bool stop = !strcmp(text_of(command, "do", "stop"), "stop");
    if (!stop) {
      rd_kafka_resp_err_t error = commit_positions(rk, text_of(command, "metadata", NULL));
      if (error) emit("commit-failed", "{ss}", "error", kafka_name(error));
      else emit("committed", "{}");
    }
    json_decref(command);
    free(line);
    if (stop) return false;
  }
  return true;
}

static void subscribe(rd_kafka_t *rk, const json_t *arguments) {
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  const char *pattern = text_of(arguments, "pattern", NULL);
  if (pattern) { /* what begins with ^ is a pattern */
    char *whole;
    if (asprintf(&whole, "^(%s)$", pattern) < 0) abort();
    rd_kafka_topic_partition_list_add(topics, whole, RD_KAFKA_PARTITION_UA);
    free(whole);
  }
  size_t i;
  json_t *topic;
  json_array_foreach(json_object_get(arguments, "topics"), i, topic)
    rd_kafka_topic_partition_list_add(topics, json_string_value(topic), RD_KAFKA_PARTITION_UA);
  check(rd_kafka_subscribe(rk, topics), NULL);
  rd_kafka_topic_partition_list_destroy(topics);
}

void group(const char *bootstrap, const json_t *arguments) {
  const char *protocol = text_of(arguments, "protocol", "classic"), *assignor = text_of(arguments, "assignor", NULL);
  const char *instance = text_of(arguments, "instance", NULL);
  bool consumer_protocol = !strcmp(protocol, "consumer");
  if (!strcmp(protocol, "share") || (consumer_protocol && rd_kafka_version() < 0x02040000)) unsupported(protocol);
  if (assignor && !strcmp(assignor, "sticky")) unsupported(assignor);
  rd_kafka_conf_t *conf = consumer_conf(arguments, text_of(arguments, "group", ""));
  set(conf, "enable.auto.commit", json_is_true(json_object_get(arguments, "auto_commit")) ? "true" : "false");
  set(conf, "auto.commit.interval.ms", "200");
  set_int(conf, "topic.metadata.refresh.interval.ms", int_of(arguments, "metadata_ms", 1000));
  if (consumer_protocol) { /* where the broker says how often it wants to hear */
    set(conf, "group.protocol", "consumer");
  } else {
    set_int(conf, "session.timeout.ms", int_of(arguments, "session_timeout_ms", 6000));
    set_int(conf, "heartbeat.interval.ms", int_of(arguments, "heartbeat_ms", 500));
  }
  if (assignor) set(conf, "partition.assignment.strategy", assignor);
  if (instance) set(conf, "group.instance.id", instance);
  rd_kafka_conf_set_rebalance_cb(conf, rebalanced);
  rd_kafka_t *rk = consumer(conf, bootstrap, arguments);
  subscribe(rk, arguments);
  while (obey(rk)) {
    rd_kafka_message_t *message = next_record(rk);
    if (!message) continue;
    emit_record(message, true);
    rd_kafka_message_destroy(message);
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
}
