//! The verbs `consume` and `group`.

use std::sync::mpsc::TryRecvError;
use std::time::Duration;

use driving::{commands, emit, emit_record, json, unsupported, Arrivals, Ended, Outcome, Record, Step};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use crate::{config, ended};

const A_MOMENT: Duration = Duration::from_millis(50);
const LIMIT: Duration = Duration::from_secs(30);

pub fn consume(step: &Step) -> Outcome {
    let from = &step.args["from"];
    let group = from["committed"].as_str().unwrap_or("compat-unused").to_owned();
    let reset = if step.text("reset") == "none" { "error" } else { step.args["reset"].as_str().unwrap_or("earliest") };
    let mut also =
        vec![("group.id", group), ("enable.auto.commit", "false".into()), ("auto.offset.reset", reset.into())];
    reading(step, &mut also);
    let consumer: BaseConsumer = config(step, &also).create().map_err(|error| ended(&error))?;
    let mut arrivals = Arrivals::of(step);
    assign(step, &consumer).map_err(|error| ended(&error))?;
    arrivals.ready();
    while !arrivals.are_over() {
        match consumer.poll(A_MOMENT) {
            Some(Ok(message)) => arrivals.record(message.offset(), &record_of(&message)),
            Some(Err(error)) => heed(&error)?,
            None => {}
        }
    }
    Ok(())
}

/// Settings that both verbs have.
fn reading(step: &Step, also: &mut Vec<(&str, String)>) {
    if let Some(isolation) = step.args["isolation"].as_str() {
        also.push(("isolation.level", isolation.to_owned()));
    }
    if let Some(most) = step.int("max_bytes") {
        for setting in ["fetch.message.max.bytes", "fetch.max.bytes"] {
            also.push((setting, most.to_string()));
        }
        also.push(("receive.message.max.bytes", (most + 512).to_string()));
    }
}

fn assign(step: &Step, consumer: &BaseConsumer) -> KafkaResult<()> {
    let (topic, from) = (step.text("topic"), &step.args["from"]);
    let mut wanted = TopicPartitionList::new();
    for partition in step.ints("partitions").unwrap_or_else(|| vec![0]) {
        let offset = match (from["offset"].as_i64(), from["time"].as_i64(), from.as_str()) {
            (Some(offset), _, _) | (_, Some(offset), _) => Offset::Offset(offset),
            (_, _, Some("end")) => Offset::Offset(consumer.fetch_watermarks(topic, partition, LIMIT)?.1),
            _ if from["committed"].is_string() => Offset::Stored,
            _ => Offset::Beginning,
        };
        wanted.add_partition_offset(topic, partition, offset)?;
    }
    if from["time"].is_i64() {
        wanted = consumer.offsets_for_times(wanted, LIMIT)?;
    }
    consumer.assign(&wanted)
}

fn record_of(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|all| all.iter().collect::<Vec<_>>()).unwrap_or_default();
    Record {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.iter().map(|one| (one.key.to_owned(), one.value.map(<[u8]>::to_vec))).collect(),
        timestamp: message.timestamp().to_millis(),
        partition: Some(message.partition()),
    }
}

/// End with what the broker said no to; what librdkafka goes on trying is only worth a line.
fn heed(error: &KafkaError) -> Outcome {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange) => Err(ended(error)),
        Some(RDKafkaErrorCode::Fatal | RDKafkaErrorCode::FencedInstanceId) => Err(ended(error)),
        _ => {
            eprintln!("{error}");
            Ok(())
        }
    }
}

/// Reports what a rebalance gives and takes.
struct Rebalances;

impl ClientContext for Rebalances {}

impl ConsumerContext for Rebalances {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let (event, list) = match rebalance {
            Rebalance::Assign(list) => ("assigned", list),
            Rebalance::Revoke(list) => ("revoked", list),
            Rebalance::Error(error) => return eprintln!("{error}"),
        };
        let partitions: Vec<_> = list.elements().iter().map(|one| json!([one.topic(), one.partition()])).collect();
        emit(json!({"event": event, "partitions": partitions}));
    }
}

pub fn group(step: &Step) -> Outcome {
    let consumer: BaseConsumer<Rebalances> =
        config(step, &membership(step)?).create_with_context(Rebalances).map_err(|error| ended(&error))?;
    let pattern = step.args["pattern"].as_str().map(|pattern| format!("^({pattern})$"));
    let named = step.args["topics"].as_array().into_iter().flatten().filter_map(|topic| topic.as_str());
    let topics: Vec<&str> = pattern.as_deref().into_iter().chain(named).collect();
    consumer.subscribe(&topics).map_err(|error| ended(&error))?;
    let commands = commands();
    loop {
        match consumer.poll(A_MOMENT) {
            Some(Ok(message)) => emit_record(Some(message.topic()), message.offset(), &record_of(&message)),
            Some(Err(error)) => heed(&error)?,
            None => {}
        }
        match commands.try_recv() {
            Ok(command) if command["do"] == "commit" => match commit(&consumer, command["metadata"].as_str()) {
                Ok(()) => emit(json!({"event": "committed"})),
                Err(error) => {
                    let Ended::Error(name, message) = ended(&error) else { continue };
                    emit(json!({"event": "commit-failed", "error": name, "message": message}));
                }
            },
            Ok(_) | Err(TryRecvError::Disconnected) => break,
            Err(TryRecvError::Empty) => {}
        }
    }
    drop(consumer); // leaves the group
    Ok(())
}

fn membership(step: &Step) -> Outcome<Vec<(&'static str, String)>> {
    let protocol = step.args["protocol"].as_str().unwrap_or("classic");
    if protocol == "share" || step.text("assignor") == "sticky" {
        return unsupported(format!("{protocol} {}", step.text("assignor")));
    }
    let number = |name: &str, default: i64| step.int(name).unwrap_or(default).to_string();
    let mut also = vec![
        ("group.id", step.text("group").to_owned()),
        ("group.protocol", protocol.to_owned()),
        ("auto.offset.reset", step.args["reset"].as_str().unwrap_or("earliest").to_owned()),
        ("enable.auto.commit", step.args["auto_commit"].as_bool().unwrap_or(false).to_string()),
        ("auto.commit.interval.ms", "200".to_owned()),
        ("topic.metadata.refresh.interval.ms", number("metadata_ms", 1000)),
    ];
    if protocol == "classic" {
        also.push(("session.timeout.ms", number("session_timeout_ms", 6000)));
        also.push(("heartbeat.interval.ms", number("heartbeat_ms", 500)));
    }
    for (setting, argument) in [("partition.assignment.strategy", "assignor"), ("group.instance.id", "instance")] {
        if let Some(value) = step.args[argument].as_str() {
            also.push((setting, value.to_owned()));
        }
    }
    reading(step, &mut also);
    Ok(also)
}

/// Commit the positions of everything owned.
fn commit(consumer: &BaseConsumer<Rebalances>, metadata: Option<&str>) -> KafkaResult<()> {
    let mut offsets = TopicPartitionList::new();
    for position in consumer.position()?.elements() {
        if let Offset::Offset(next) = position.offset() {
            let mut one = offsets.add_partition(position.topic(), position.partition());
            one.set_offset(Offset::Offset(next))?;
            if let Some(metadata) = metadata {
                one.set_metadata(metadata);
            }
        }
    }
    consumer.commit(&offsets, CommitMode::Sync)
}
