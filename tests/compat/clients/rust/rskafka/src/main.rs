//! The driver for rskafka, a client in Rust alone. It knows partitions, but no groups, and it has no partitioner: a
//! record that names no partition goes to the first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use driving::{emit, json, kafka_name, unsupported, Arrivals, Deliveries, Ended, Outcome, Record, Step};
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};

/// Not `headers`: the library keeps them in a map, so that one name has one value.
const CAN: &str = "\
    none gzip snappy lz4 zstd null-keys empty-keys tombstones timestamps reports-offsets seek seek-time \
    offset-reset-none list-offsets create-topic delete-topic delete-records sasl-plain sasl-scram";
const AT_ONCE: usize = 500;
const MAX_BYTES: i32 = 50_000_000;
const WAIT_MS: i32 = 200;
const TIMEOUT_MS: i32 = 30_000;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let step = Step::take();
    let outcome = match step.verb.as_str() {
        "features" => features(),
        "produce" => produce(&step).await,
        "consume" => consume(&step).await,
        "list-offsets" => list_offsets(&step).await,
        "admin" => admin(&step).await,
        other => unsupported(other),
    };
    step.end(outcome)
}

fn features() -> Outcome {
    emit(json!({
        "event": "features", "client": "rskafka", "version": env!("CLIENT_VERSION"), "library": "", "can": CAN.split_whitespace().collect::<Vec<_>>(),
    }));
    Ok(())
}

fn ended(error: Error) -> Ended {
    let name = match &error {
        Error::ServerError { protocol_error, .. } => kafka_name(&format!("{protocol_error:?}")),
        other => kafka_name(format!("{other:?}").split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or("")),
    };
    Ended::Error(name, error.to_string())
}

async fn client(step: &Step) -> Outcome<Client> {
    let mut builder = ClientBuilder::new(vec![step.bootstrap.clone()]).client_id("compat");
    let security = &step.args["security"];
    let text = |field: &str| security[field].as_str().unwrap_or_default().to_owned();
    match text("mechanism").as_str() {
        "" if text("protocol") == "SSL" => return unsupported("TLS"),
        "" => {}
        "PLAIN" => {
            builder = builder.sasl_config(SaslConfig::Plain(Credentials::new(text("username"), text("password"))))
        }
        "SCRAM-SHA-256" => {
            builder =
                builder.sasl_config(SaslConfig::ScramSha256(Credentials::new(text("username"), text("password"))));
        }
        other => return unsupported(other),
    }
    builder.build().await.map_err(ended)
}

async fn partition_client(client: &Client, topic: &str, partition: i32) -> Outcome<PartitionClient> {
    client.partition_client(topic, partition, UnknownTopicHandling::Retry).await.map_err(ended)
}

fn time(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).unwrap_or_default()
}

fn codec(step: &Step) -> Compression {
    match step.text("codec") {
        "gzip" => Compression::Gzip,
        "snappy" => Compression::Snappy,
        "lz4" => Compression::Lz4,
        "zstd" => Compression::Zstd,
        _ => Compression::NoCompression,
    }
}

async fn produce(step: &Step) -> Outcome {
    if step.args["idempotent"] == true || step.args["transactional_id"].is_string() {
        return unsupported("idempotence");
    }
    if !matches!(step.args["acks"].as_str(), None | Some("all")) {
        return unsupported("acks other than all");
    }
    let client = client(step).await?;
    let records: Vec<(usize, Record)> = step.records().into_iter().enumerate().collect();
    let mut deliveries = Deliveries::of(records.len());
    let mut partitions: BTreeMap<i32, Vec<(usize, Record)>> = BTreeMap::new();
    for (index, record) in records {
        partitions.entry(record.partition.unwrap_or(0)).or_default().push((index, record));
    }
    let pause = step.int("pause_ms").map(|ms| Duration::from_millis(ms as u64));
    for (partition, records) in partitions {
        let target = partition_client(&client, step.text("topic"), partition).await?;
        for batch in records.chunks(if pause.is_some() { 1 } else { AT_ONCE }) {
            send(&target, batch, codec(step), &mut deliveries).await?;
            tokio::time::sleep(pause.unwrap_or_default()).await;
        }
    }
    deliveries.finish();
    Ok(())
}

async fn send(
    target: &PartitionClient,
    batch: &[(usize, Record)],
    codec: Compression,
    deliveries: &mut Deliveries,
) -> Outcome {
    let mut sent = Vec::new();
    for (_, record) in batch {
        let mut headers = BTreeMap::new();
        for (name, value) in record.headers.clone() {
            let Some(value) = value else { return unsupported("null header values") };
            if headers.insert(name, value).is_some() {
                return unsupported("repeated headers");
            }
        }
        let timestamp = record.timestamp.map_or_else(Utc::now, time);
        sent.push(rskafka::record::Record { key: record.key.clone(), value: record.value.clone(), headers, timestamp });
    }
    match target.produce(sent, codec).await {
        Ok(offsets) => {
            for ((index, _), offset) in batch.iter().zip(offsets) {
                deliveries.delivered(*index, target.partition(), offset);
            }
        }
        Err(error) => {
            let why = ended(error);
            batch.iter().for_each(|(index, _)| deliveries.failed(*index, &why));
        }
    }
    Ok(())
}

async fn consume(step: &Step) -> Outcome {
    let client = client(step).await?;
    let mut sources: Vec<(Arc<PartitionClient>, i64)> = Vec::new();
    for partition in step.ints("partitions").unwrap_or_else(|| vec![0]) {
        let source = partition_client(&client, step.text("topic"), partition).await?;
        let start = start(step, &source).await?;
        sources.push((Arc::new(source), start));
    }
    let most = step.int("max_bytes").map_or(MAX_BYTES, |bytes| bytes as i32);
    let mut arrivals = Arrivals::of(step);
    arrivals.ready();
    while !arrivals.are_over() {
        for (source, next) in &mut sources {
            let (records, _) = match source.fetch_records(*next, 1..most, WAIT_MS).await {
                Ok(fetched) => fetched,
                Err(error) if is_out_of_range(&error) && step.text("reset") != "none" => {
                    return unsupported("auto.offset.reset");
                }
                Err(error) => return Err(ended(error)),
            };
            for one in records {
                *next = one.offset + 1;
                arrivals.record(one.offset, &received(one.record, source.partition()));
            }
        }
    }
    Ok(())
}

fn is_out_of_range(error: &Error) -> bool {
    matches!(error, Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. })
}

async fn start(step: &Step, source: &PartitionClient) -> Outcome<i64> {
    let from = &step.args["from"];
    let at = match (from["offset"].as_i64(), from["time"].as_i64(), from.as_str()) {
        (Some(offset), _, _) => return Ok(offset),
        (_, Some(ms), _) => OffsetAt::Timestamp(time(ms)),
        (_, _, Some("end")) => OffsetAt::Latest,
        _ if from["committed"].is_string() => return unsupported("groups"),
        _ => OffsetAt::Earliest,
    };
    source.get_offset(at).await.map_err(ended)
}

fn received(record: rskafka::record::Record, partition: i32) -> Record {
    Record {
        key: record.key,
        value: record.value,
        headers: record.headers.into_iter().map(|(name, value)| (name, Some(value))).collect(),
        timestamp: Some(record.timestamp.timestamp_millis()),
        partition: Some(partition),
    }
}

async fn list_offsets(step: &Step) -> Outcome {
    let client = client(step).await?;
    let partition = step.int("partition").unwrap_or(0) as i32;
    let at = match (step.int("at"), step.text("at")) {
        (Some(ms), _) => OffsetAt::Timestamp(time(ms)),
        (_, "earliest") => OffsetAt::Earliest,
        _ => OffsetAt::Latest,
    };
    let source = partition_client(&client, step.text("topic"), partition).await?;
    emit(json!({"event": "offset", "offset": source.get_offset(at).await.map_err(ended)?}));
    Ok(())
}

async fn admin(step: &Step) -> Outcome {
    let (client, topic) = (client(step).await?, step.text("topic"));
    let controller = client.controller_client().map_err(ended)?;
    match step.text("do") {
        "create-topic" => {
            if !step.pairs("configs").is_empty() {
                return unsupported("configs of new topics");
            }
            let partitions = step.int("partitions").unwrap_or(1) as i32;
            controller.create_topic(topic, partitions, 1, TIMEOUT_MS).await.map_err(ended)?;
        }
        "delete-topic" => controller.delete_topic(topic, TIMEOUT_MS).await.map_err(ended)?,
        "delete-records" => {
            let partition = step.int("partition").unwrap_or(0) as i32;
            let target = partition_client(&client, topic, partition).await?;
            target.delete_records(step.int("before").unwrap_or(0), TIMEOUT_MS).await.map_err(ended)?;
        }
        other => return unsupported(other),
    }
    emit(json!({"event": "result"}));
    Ok(())
}
