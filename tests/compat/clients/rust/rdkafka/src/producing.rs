//! The verb `produce`.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use driving::{Deliveries, Ended, Outcome, Record, Step};
use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;

use crate::{config, ended};

const FOREVER: Duration = Duration::from_secs(600);
const A_MOMENT: Duration = Duration::from_millis(10);

/// Reports each delivery as librdkafka tells it.
struct Reports(Mutex<Deliveries>);

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<usize>;

    fn delivery(&self, result: &DeliveryResult<'_>, index: Box<usize>) {
        let mut deliveries = self.0.lock().expect("no thread panicked");
        match result {
            Ok(message) => deliveries.delivered(*index, message.partition(), message.offset()),
            Err((error, _)) => deliveries.failed(*index, &ended(error)),
        }
    }
}

pub fn produce(step: &Step) -> Outcome {
    let records = step.records();
    let mut also = vec![
        ("compression.type", step.args["codec"].as_str().unwrap_or("none").to_owned()),
        ("enable.idempotence", step.args["idempotent"].as_bool().unwrap_or(false).to_string()),
    ];
    for (setting, argument) in [("acks", "acks"), ("transactional.id", "transactional_id")] {
        if let Some(value) = step.args[argument].as_str() {
            also.push((setting, value.to_owned()));
        }
    }
    for (setting, argument) in [("linger.ms", "linger_ms"), ("message.max.bytes", "max_bytes")] {
        if let Some(value) = step.int(argument) {
            also.push((setting, value.to_string()));
        }
    }
    let transactional = step.args["transactional_id"].is_string();
    if transactional {
        also.retain(|(setting, _)| *setting != "enable.idempotence");
    }
    let reports = Reports(Mutex::new(Deliveries::of(records.len())));
    let producer: BaseProducer<Reports> =
        config(step, &also).create_with_context(reports).map_err(|error| ended(&error))?;
    let carried_out = run(step, &producer, &records, transactional).map_err(|error| ended(&error));
    producer.context().0.lock().expect("no thread panicked").finish();
    carried_out
}

fn run(
    step: &Step,
    producer: &BaseProducer<Reports>,
    records: &[Record],
    transactional: bool,
) -> Result<(), KafkaError> {
    if transactional {
        producer.init_transactions(FOREVER)?;
        producer.begin_transaction()?;
    }
    let topic = step.text("topic");
    for (index, record) in records.iter().enumerate() {
        send(producer, topic, index, record);
        if let Some(pause) = step.int("pause_ms") {
            producer.flush(FOREVER)?;
            thread::sleep(Duration::from_millis(pause as u64));
        }
    }
    producer.flush(FOREVER)?;
    match (transactional, step.text("end")) {
        (true, "abort") => producer.abort_transaction(FOREVER),
        (true, _) => producer.commit_transaction(FOREVER),
        (false, _) => Ok(()),
    }
}

/// Hand one record to librdkafka, waiting while its queue is full; what it refuses at once has failed.
fn send(producer: &BaseProducer<Reports>, topic: &str, index: usize, record: &Record) {
    let mut message: BaseRecord<'_, [u8], [u8], Box<usize>> = BaseRecord::with_opaque_to(topic, Box::new(index));
    message.key = record.key.as_deref();
    message.payload = record.value.as_deref();
    message.partition = record.partition;
    message.timestamp = record.timestamp;
    if !record.headers.is_empty() {
        let insert = |headers: OwnedHeaders, (key, value): &(String, Option<Vec<u8>>)| {
            headers.insert(Header { key, value: value.as_ref() })
        };
        message.headers = Some(record.headers.iter().fold(OwnedHeaders::new(), insert));
    }
    let given_up = Instant::now() + FOREVER;
    loop {
        match producer.send(message) {
            Ok(()) => break,
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) if Instant::now() < given_up => {
                message = refused;
                producer.poll(A_MOMENT);
            }
            Err((error, _)) => {
                let failed: Ended = ended(&error);
                producer.context().0.lock().expect("no thread panicked").failed(index, &failed);
                break;
            }
        }
    }
    producer.poll(Duration::ZERO);
}
