/* Clients made from a verb's arguments. */
#include <stdio.h>
#include <string.h>

#include "driver.h"

void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char text[512];
  if (rd_kafka_conf_set(conf, name, value, text, sizeof text)) fail("_INVALID_ARG", text);
}

void set_int(rd_kafka_conf_t *conf, const char *name, json_int_t value) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  set(conf, name, text);
}

const char *text_of(const json_t *arguments, const char *name, const char *missing) {
  const json_t *value = json_object_get(arguments, name);
  return json_is_string(value) ? json_string_value(value) : missing;
}

json_int_t int_of(const json_t *arguments, const char *name, json_int_t missing) {
  const json_t *value = json_object_get(arguments, name);
  return json_is_integer(value) ? json_integer_value(value) : missing;
}

static void set_security(rd_kafka_conf_t *conf, const json_t *security) {
  static const char *const SETTINGS[][2] = {{"security.protocol", "protocol"},
                                            {"sasl.mechanism", "mechanism"},
                                            {"sasl.username", "username"},
                                            {"sasl.password", "password"},
                                            {"ssl.ca.location", "ca"}};
  for (size_t i = 0; i < sizeof SETTINGS / sizeof *SETTINGS; i++) {
    const char *value = text_of(security, SETTINGS[i][1], NULL);
    if (value) set(conf, SETTINGS[i][0], value);
  }
}

rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap, const json_t *arguments) {
  set(conf, "bootstrap.servers", bootstrap);
  set_security(conf, json_object_get(arguments, "security"));
  const char *name;
  json_t *value;
  json_object_foreach(json_object_get(arguments, "config"), name, value) {
    if (json_is_string(value)) set(conf, name, json_string_value(value));
    else if (json_is_boolean(value)) set(conf, name, json_is_true(value) ? "true" : "false");
    else set_int(conf, name, json_integer_value(value));
  }
  char text[512];
  rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
  if (!rk) fail("_INVALID_ARG", text);
  return rk;
}

rd_kafka_conf_t *consumer_conf(const json_t *arguments, const char *group) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  const char *reset = text_of(arguments, "reset", "earliest"), *isolation = text_of(arguments, "isolation", NULL);
  json_int_t limit = int_of(arguments, "max_bytes", 0);
  set(conf, "group.id", group);
  set(conf, "auto.offset.reset", strcmp(reset, "none") ? reset : "error");
  if (isolation) set(conf, "isolation.level", isolation);
  if (limit) {
    set_int(conf, "max.partition.fetch.bytes", limit);
    set_int(conf, "fetch.max.bytes", limit);
    set_int(conf, "receive.message.max.bytes", limit + 1024);
  }
  return conf;
}

rd_kafka_t *consumer(rd_kafka_conf_t *conf, const char *bootstrap, const json_t *arguments) {
  rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, conf, bootstrap, arguments);
  rd_kafka_poll_set_consumer(rk);
  return rk;
}

rd_kafka_message_t *next_record(rd_kafka_t *rk) {
  rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, POLL_MS);
  if (!message || !message->err) return message;
  const char *text = rd_kafka_message_errstr(message);
  if (message->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) /* its text alone says what the broker said */
    fail(strstr(text, "out of range") ? "OFFSET_OUT_OF_RANGE" : kafka_name(message->err), text);
  if (message->err == RD_KAFKA_RESP_ERR__FATAL) fail(kafka_name(message->err), text);
  rd_kafka_message_destroy(message);
  return NULL;
}
