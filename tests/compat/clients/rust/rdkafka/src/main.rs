//! The driver for rust-rdkafka, the binding of librdkafka.

mod admin;
mod consuming;
mod producing;

use driving::{emit, json, kafka_name, unsupported, Ended, Outcome, Step};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

const CAN: &str = "\
    none gzip snappy lz4 zstd headers null-headers null-keys empty-keys tombstones timestamps acks reports-offsets \
    idempotence transactions seek seek-time offset-reset-none group range roundrobin cooperative-sticky static \
    regex auto-commit manual-commit commit-metadata consumer-protocol list-offsets committed create-topic delete-topic \
    describe-topic grow-topic delete-records get-configs set-config list-groups describe-group delete-group \
    reset-group sasl-plain sasl-scram tls";

fn main() {
    let step = Step::take();
    let outcome = match step.verb.as_str() {
        "features" => features(),
        "produce" => producing::produce(&step),
        "consume" => consuming::consume(&step),
        "group" => consuming::group(&step),
        "list-offsets" => admin::list_offsets(&step),
        "committed" => admin::committed(&step),
        "admin" => admin::act(&step),
        other => unsupported(other),
    };
    step.end(outcome)
}

fn features() -> Outcome {
    let library = format!("librdkafka {}", rdkafka::util::get_rdkafka_version().1);
    emit(json!({
        "event": "features", "client": "rdkafka", "version": env!("CLIENT_VERSION"), "library": library, "can": CAN.split_whitespace().collect::<Vec<_>>(),
    }));
    Ok(())
}

/// The settings that every client of this step has; `also` comes before the step's own.
fn config(step: &Step, also: &[(&str, String)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &step.bootstrap);
    for (name, value) in also {
        config.set(*name, value);
    }
    let security = &step.args["security"];
    for (name, field) in [
        ("security.protocol", "protocol"),
        ("sasl.mechanism", "mechanism"),
        ("sasl.username", "username"),
        ("sasl.password", "password"),
        ("ssl.ca.location", "ca"),
    ] {
        if let Some(value) = security[field].as_str() {
            config.set(name, value);
        }
    }
    for (name, value) in step.pairs("config") {
        config.set(name, value);
    }
    config
}

/// What a library error is in the words of the protocol.
fn ended(error: &KafkaError) -> Ended {
    let name = error.rdkafka_error_code().map_or_else(|| "KafkaError".to_owned(), named);
    Ended::Error(name, error.to_string())
}

/// Kafka's name of an error code; librdkafka has its own for a few, and for errors that no broker sends.
fn named(code: RDKafkaErrorCode) -> String {
    match code {
        RDKafkaErrorCode::MessageSizeTooLarge => "MESSAGE_TOO_LARGE".into(),
        RDKafkaErrorCode::InvalidMessage => "CORRUPT_MESSAGE".into(),
        RDKafkaErrorCode::InvalidTopic => "INVALID_TOPIC_EXCEPTION".into(),
        RDKafkaErrorCode::UnknownTopic => "UNKNOWN_TOPIC_OR_PARTITION".into(),
        RDKafkaErrorCode::AutoOffsetReset => "OFFSET_OUT_OF_RANGE".into(),
        code => kafka_name(&format!("{code:?}")),
    }
}
