/* librdkafka in C, as its users write it. The protocol of drivers is in ../../README.md. */
#include "driver.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *const CAN[] = {
    "none", "gzip", "snappy", "lz4", "zstd", "headers", "null-headers", "null-keys", "empty-keys", "tombstones",
    "timestamps", "acks", "reports-offsets", "idempotence", "transactions", "seek", "seek-time", "offset-reset-none",
    "group", "range", "roundrobin", "cooperative-sticky", "static", "regex", "auto-commit", "manual-commit",
    "commit-metadata", "list-offsets", "committed", "create-topic", "delete-topic", "describe-topic", "grow-topic",
    "delete-records", "get-configs", "set-config", "list-groups", "describe-group", "delete-group", "reset-group",
    "sasl-plain", "sasl-scram", "tls"};

static json_int_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void features(void) {
  json_t *can = json_array();
  for (size_t i = 0; i < sizeof CAN / sizeof *CAN; i++) json_array_append_new(can, json_string(CAN[i]));
  if (rd_kafka_version() >= 0x02040000) json_array_append_new(can, json_string("consumer-protocol"));
  emit("features", "{ss ss ss so}", "client", "librdkafka", "version", rd_kafka_version_str(), "library", "", "can", can);
}

/* How many records have been delivered, of so many that only their number is told; NULL to tell of each. */
static json_int_t *delivered_of_many;

static void settled(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
  (void)rk, (void)opaque;
  json_int_t index = (json_int_t)(intptr_t)message->_private;
  if (message->err)
    emit("failed", "{sI ss ss}", "index", index, "error", kafka_name(message->err), "message",
         rd_kafka_message_errstr(message));
  else if (delivered_of_many)
    ++*delivered_of_many;
  else
    emit("delivered", "{sI si sI}", "index", index, "partition", message->partition, "offset",
         (json_int_t)message->offset);
}

static rd_kafka_headers_t *headers_of(const json_t *record) {
  rd_kafka_headers_t *headers = rd_kafka_headers_new(0);
  size_t i, size;
  json_t *header;
  json_array_foreach(json_object_get(record, "headers"), i, header) {
    char *value = decoded(json_array_get(header, 1), &size);
    rd_kafka_header_add(headers, json_string_value(json_array_get(header, 0)), -1, value, (ssize_t)size);
    free(value);
  }
  return headers;
}

/* Hand a record to the library, when its queue has room; refused on the spot is failed too. */
static void send_record(rd_kafka_t *rk, const char *topic, json_int_t index, const json_t *record, char *value,
                        size_t size) {
  size_t key_size;
  char *key = decoded(json_object_get(record, "key"), &key_size);
  rd_kafka_headers_t *headers = headers_of(record);
  rd_kafka_resp_err_t error;
  while ((error = rd_kafka_producev(
              rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(int_of(record, "partition", RD_KAFKA_PARTITION_UA)),
              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, key_size), RD_KAFKA_V_VALUE(value, size),
              RD_KAFKA_V_TIMESTAMP(int_of(record, "timestamp", 0)), RD_KAFKA_V_HEADERS(headers),
              RD_KAFKA_V_OPAQUE((void *)(intptr_t)index), RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
    rd_kafka_poll(rk, POLL_MS);
  if (error) {
    rd_kafka_headers_destroy(headers);
    emit("failed", "{sI ss ss}", "index", index, "error", kafka_name(error), "message", rd_kafka_err2str(error));
  }
  free(key);
  free(value);
  rd_kafka_poll(rk, 0);
}

/* One of `count` records of `size` bytes: its number, padded. */
static char *numbered(json_int_t index, size_t size) {
  char *value = malloc(size + 24);
  int digits = sprintf(value, "%08lld", (long long)index);
  if (size > (size_t)digits) memset(value + digits, '.', size - digits);
  return value;
}

static void check_transaction(rd_kafka_error_t *error) {
  if (error) fail(kafka_name(rd_kafka_error_code(error)), rd_kafka_error_string(error));
}

static void produce(const char *bootstrap, const json_t *arguments) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  const char *transactional_id = text_of(arguments, "transactional_id", NULL);
  const char *acks = text_of(arguments, "acks", NULL);
  json_int_t limit = int_of(arguments, "max_bytes", 0), linger = int_of(arguments, "linger_ms", -1);
  set(conf, "compression.type", text_of(arguments, "codec", "none"));
  if (transactional_id) set(conf, "transactional.id", transactional_id);
  else set(conf, "enable.idempotence", json_is_true(json_object_get(arguments, "idempotent")) ? "true" : "false");
  if (acks) set(conf, "acks", acks);
  if (limit) set_int(conf, "message.max.bytes", limit);
  if (linger >= 0) set_int(conf, "linger.ms", linger);
  rd_kafka_conf_set_dr_msg_cb(conf, settled);
  rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, conf, bootstrap, arguments);
  if (transactional_id) {
    check_transaction(rd_kafka_init_transactions(rk, CALL_MS));
    check_transaction(rd_kafka_begin_transaction(rk));
  }

  const json_t *records = json_object_get(arguments, "records");
  json_int_t count = records ? (json_int_t)json_array_size(records) : int_of(arguments, "count", 0);
  json_int_t pause_ms = int_of(arguments, "pause_ms", -1), delivered = 0;
  if (count > 1000) delivered_of_many = &delivered;
  for (json_int_t index = 0; index < count; index++) {
    const json_t *record = records ? json_array_get(records, index) : arguments;
    size_t size = int_of(arguments, "size", 0);
    char *value = records ? decoded(json_object_get(record, "value"), &size) : numbered(index, size);
    send_record(rk, text_of(arguments, "topic", ""), index, record, value, size);
    if (pause_ms >= 0) {
      while (rd_kafka_outq_len(rk)) rd_kafka_poll(rk, POLL_MS);
      usleep(pause_ms * 1000);
    }
  }
  while (rd_kafka_flush(rk, POLL_MS)) continue;
  if (transactional_id)
    check_transaction(strcmp(text_of(arguments, "end", ""), "commit") ? rd_kafka_abort_transaction(rk, CALL_MS)
                                                                     : rd_kafka_commit_transaction(rk, CALL_MS));
  if (delivered_of_many) emit("delivered-all", "{sI}", "count", delivered);
  rd_kafka_destroy(rk);
}

/* The first offset whose record is as late as `time`; -1 when none is. */
static int64_t offset_of_time(rd_kafka_t *rk, const char *topic, int32_t partition, int64_t time) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, topic, partition)->offset = time;
  check(rd_kafka_offsets_for_times(rk, list, CALL_MS), NULL);
  check(list->elems[0].err, NULL);
  int64_t offset = list->elems[0].offset;
  rd_kafka_topic_partition_list_destroy(list);
  return offset < 0 ? -1 : offset;
}

static int64_t watermark(rd_kafka_t *rk, const char *topic, int32_t partition, bool high) {
  int64_t low_offset, high_offset;
  check(rd_kafka_query_watermark_offsets(rk, topic, partition, &low_offset, &high_offset, CALL_MS), NULL);
  return high ? high_offset : low_offset;
}

/* Where a `consume` starts; the end is asked for, to be ready for what comes from now on. */
static int64_t start_offset(rd_kafka_t *rk, const char *topic, int32_t partition, const json_t *from) {
  const char *end = json_string_value(from);
  if (end) return strcmp(end, "end") ? RD_KAFKA_OFFSET_BEGINNING : watermark(rk, topic, partition, true);
  if (json_object_get(from, "time")) {
    int64_t offset = offset_of_time(rk, topic, partition, int_of(from, "time", 0));
    return offset < 0 ? RD_KAFKA_OFFSET_END : offset;
  }
  return json_object_get(from, "committed") ? RD_KAFKA_OFFSET_STORED : int_of(from, "offset", RD_KAFKA_OFFSET_BEGINNING);
}

static void consume(const char *bootstrap, const json_t *arguments) {
  json_t *beginning = json_string("beginning"), *zero = json_pack("[i]", 0), *partition;
  const json_t *from = json_object_get(arguments, "from"), *partitions = json_object_get(arguments, "partitions");
  const char *topic = text_of(arguments, "topic", "");
  if (!from) from = beginning;
  if (!partitions) partitions = zero;
  rd_kafka_conf_t *conf = consumer_conf(arguments, text_of(from, "committed", "unused"));
  set(conf, "enable.auto.commit", "false");
  rd_kafka_t *rk = consumer(conf, bootstrap, arguments);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  size_t i;
  json_array_foreach(partitions, i, partition) {
    int32_t number = (int32_t)json_integer_value(partition);
    rd_kafka_topic_partition_list_add(list, topic, number)->offset = start_offset(rk, topic, number, from);
  }
  check(rd_kafka_assign(rk, list), NULL);
  rd_kafka_topic_partition_list_destroy(list);
  emit("ready", "{}");

  json_int_t left = int_of(arguments, "count", -1), quiet_ms = int_of(arguments, "quiet_ms", -1), heard = now_ms();
  while (left != 0 && (quiet_ms < 0 || now_ms() - heard < quiet_ms)) {
    rd_kafka_message_t *message = next_record(rk);
    if (!message) continue;
    emit_record(message, false);
    rd_kafka_message_destroy(message);
    heard = now_ms();
    if (left > 0) left--;
  }
  rd_kafka_consumer_close(rk);
  rd_kafka_destroy(rk);
  json_decref(beginning);
  json_decref(zero);
}

static void list_offsets(const char *bootstrap, const json_t *arguments) {
  rd_kafka_t *rk = consumer(consumer_conf(arguments, "unused"), bootstrap, arguments);
  const char *topic = text_of(arguments, "topic", ""), *at = text_of(arguments, "at", NULL);
  int32_t partition = (int32_t)int_of(arguments, "partition", 0);
  int64_t offset = at ? watermark(rk, topic, partition, !strcmp(at, "latest"))
                      : offset_of_time(rk, topic, partition, int_of(arguments, "at", 0));
  emit("offset", "{sI}", "offset", (json_int_t)offset);
  rd_kafka_destroy(rk);
}

static void committed(const char *bootstrap, const json_t *arguments) {
  rd_kafka_t *rk = consumer(consumer_conf(arguments, text_of(arguments, "group", "")), bootstrap, arguments);
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
  size_t i;
  json_t *partition;
  json_array_foreach(json_object_get(arguments, "partitions"), i, partition)
    rd_kafka_topic_partition_list_add(list, text_of(arguments, "topic", ""), (int32_t)json_integer_value(partition));
  check(rd_kafka_committed(rk, list, CALL_MS), NULL);
  for (int n = 0; n < list->cnt; n++) {
    rd_kafka_topic_partition_t *at = &list->elems[n];
    check(at->err, NULL);
    emit("committed", "{si sI ss%}", "partition", at->partition, "offset", (json_int_t)(at->offset < 0 ? -1 : at->offset),
         "metadata", at->metadata ? at->metadata : "", at->metadata_size);
  }
  rd_kafka_topic_partition_list_destroy(list);
  rd_kafka_destroy(rk);
}

static void time_is_up(int signal) {
  (void)signal;
  static const char EVENT[] = "{\"event\":\"error\",\"error\":\"TIMEOUT\",\"message\":\"the time is up\"}\n";
  if (write(STDOUT_FILENO, EVENT, sizeof EVENT - 1)) _exit(1);
  _exit(1);
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *verb = argv[1], *bootstrap = argv[2];
  bool is_member = !strcmp(verb, "group");
  if (is_member) setvbuf(stdin, NULL, _IONBF, 0); /* so that poll() knows of the commands that follow */
  char *line = NULL;
  size_t room = 0;
  if (getline(&line, &room, stdin) < 0) return 2;
  json_t *arguments = json_loads(line, 0, NULL);
  if (!arguments) return 2;
  signal(SIGALRM, time_is_up);
  json_int_t limit_ms = int_of(arguments, "timeout_ms", is_member ? 120000 : 30000);
  setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {limit_ms / 1000, limit_ms % 1000 * 1000}}, NULL);

  if (is_member) group(bootstrap, arguments);
  else if (!strcmp(verb, "features")) features();
  else if (!strcmp(verb, "produce")) produce(bootstrap, arguments);
  else if (!strcmp(verb, "consume")) consume(bootstrap, arguments);
  else if (!strcmp(verb, "list-offsets")) list_offsets(bootstrap, arguments);
  else if (!strcmp(verb, "committed")) committed(bootstrap, arguments);
  else if (!strcmp(verb, "admin")) admin(bootstrap, arguments);
  else unsupported(verb);
  emit("done", "{}");
  json_decref(arguments);
  free(line);
  return 0;
}
