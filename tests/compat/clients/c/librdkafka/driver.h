/* What the parts of the driver share: events, the ways in which a verb ends, and clients made from arguments. */
#pragma once

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdnoreturn.h>

enum { POLL_MS = 100, CALL_MS = 20000 };

/* events.c */

/* Print one event, at once; `format` and what follows are jansson's, without the event's name. */
void emit(const char *event, const char *format, ...);
/* The protocol's form of bytes; JSON null for none. */
json_t *encoded(const void *bytes, size_t size);
/* The bytes of base64 text, to be freed; NULL for JSON null and for nothing. */
char *decoded(const json_t *text, size_t *size);
void emit_record(const rd_kafka_message_t *message, bool with_topic);
void emit_partitions(const char *event, const rd_kafka_topic_partition_list_t *partitions);
/* Kafka's name of an error; librdkafka's own errors, like `_TIMED_OUT`, have no other name. */
const char *kafka_name(rd_kafka_resp_err_t error);
noreturn void fail(const char *error, const char *message);
noreturn void unsupported(const char *what);
/* End with `error` unless there is none; `text` may be NULL. */
void check(rd_kafka_resp_err_t error, const char *text);

/* clients.c */

void set(rd_kafka_conf_t *conf, const char *name, const char *value);
void set_int(rd_kafka_conf_t *conf, const char *name, json_int_t value);
/* The arguments' field as text or number; the default where it is missing. */
const char *text_of(const json_t *arguments, const char *name, const char *missing);
json_int_t int_of(const json_t *arguments, const char *name, json_int_t missing);
/* A client with its connection's settings and, last, the arguments' `config`. Takes `conf`. */
rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap, const json_t *arguments);
/* The settings of `consume` and `group`, and a consumer that reads from one queue. */
rd_kafka_conf_t *consumer_conf(const json_t *arguments, const char *group);
rd_kafka_t *consumer(rd_kafka_conf_t *conf, const char *bootstrap, const json_t *arguments);
/* The next record, or NULL when there is none for a while. Errors that do not pass by themselves end the verb. */
rd_kafka_message_t *next_record(rd_kafka_t *rk);

/* The verbs: driver.c, group.c, admin.c */

void group(const char *bootstrap, const json_t *arguments);
void admin(const char *bootstrap, const json_t *arguments);
