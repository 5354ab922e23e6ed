/* Events out, and the ways in which a verb ends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void print(const char *event, json_t *fields) {
  if (!fields) abort(); /* not UTF-8, or a wrong format */
  json_object_set_new(fields, "event", json_string(event));
  json_dumpf(fields, stdout, JSON_COMPACT);
  putchar('\n');
  fflush(stdout);
  json_decref(fields);
}

void emit(const char *event, const char *format, ...) {
  va_list fields;
  va_start(fields, format);
  print(event, json_vpack_ex(NULL, 0, format, fields));
  va_end(fields);
}

json_t *encoded(const void *bytes, size_t size) {
  if (!bytes) return json_null();
  const unsigned char *in = bytes;
  char *text = malloc((size + 2) / 3 * 4 + 1), *out = text;
  for (size_t i = 0; i < size; i += 3) {
    size_t left = size - i;
    unsigned word = in[i] << 16 | (left > 1 ? in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
    *out++ = DIGITS[word >> 18];
    *out++ = DIGITS[word >> 12 & 63];
    *out++ = left > 1 ? DIGITS[word >> 6 & 63] : '=';
    *out++ = left > 2 ? DIGITS[word & 63] : '=';
  }
  json_t *string = json_stringn(text, out - text);
  free(text);
  return string;
}

char *decoded(const json_t *text, size_t *size) {
  *size = 0;
  if (!json_is_string(text)) return NULL;
  char *bytes = malloc(json_string_length(text) / 4 * 3 + 1);
  unsigned word = 0, bits = 0;
  for (const char *in = json_string_value(text); *in && *in != '='; in++) {
    word = word << 6 | (unsigned)(strchr(DIGITS, *in) - DIGITS);
    bits += 6;
    if (bits >= 8) bytes[(*size)++] = (char)(word >> (bits -= 8));
  }
  return bytes;
}

static json_t *headers_of(const rd_kafka_message_t *message) {
  json_t *list = json_array();
  rd_kafka_headers_t *headers;
  const char *name;
  const void *value;
  size_t size;
  if (!rd_kafka_message_headers(message, &headers))
    for (size_t i = 0; !rd_kafka_header_get_all(headers, i, &name, &value, &size); i++)
      json_array_append_new(list, json_pack("[so]", name, encoded(value, size)));
  return list;
}

void emit_record(const rd_kafka_message_t *message, bool with_topic) {
  rd_kafka_timestamp_type_t type;
  json_t *record = json_pack("{si sI sI so so so}", "partition", message->partition, "offset", (json_int_t)message->offset,
                             "timestamp", (json_int_t)rd_kafka_message_timestamp(message, &type), "key",
                             encoded(message->key, message->key_len), "value",
                             encoded(message->payload, message->len), "headers", headers_of(message));
  if (with_topic) json_object_set_new(record, "topic", json_string(rd_kafka_topic_name(message->rkt)));
  print("record", record);
}

void emit_partitions(const char *event, const rd_kafka_topic_partition_list_t *partitions) {
  json_t *list = json_array();
  for (int i = 0; i < partitions->cnt; i++)
    json_array_append_new(list, json_pack("[si]", partitions->elems[i].topic, partitions->elems[i].partition));
  emit(event, "{so}", "partitions", list);
}

const char *kafka_name(rd_kafka_resp_err_t error) {
  switch (error) { /* where librdkafka's spelling is not Kafka's */
    case RD_KAFKA_RESP_ERR_UNKNOWN: return "UNKNOWN_SERVER_ERROR";
    case RD_KAFKA_RESP_ERR_INVALID_MSG: return "CORRUPT_MESSAGE";
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART: return "UNKNOWN_TOPIC_OR_PARTITION";
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE: return "INVALID_FETCH_SIZE";
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION: return "NOT_LEADER_OR_FOLLOWER";
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE: return "MESSAGE_TOO_LARGE";
    case RD_KAFKA_RESP_ERR_STALE_CTRL_EPOCH: return "STALE_CONTROLLER_EPOCH";
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION: return "INVALID_TOPIC_EXCEPTION";
    default: return rd_kafka_err2name(error);
  }
}

noreturn void fail(const char *error, const char *message) {
  emit("error", "{ss ss}", "error", error, "message", message);
  _exit(1); /* without waiting for what librdkafka's threads are at */
}

noreturn void unsupported(const char *what) {
  emit("unsupported", "{ss}", "what", what);
  _exit(3);
}

void check(rd_kafka_resp_err_t error, const char *text) {
  if (error) fail(kafka_name(error), text ? text : rd_kafka_err2str(error));
}
