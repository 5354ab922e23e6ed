//! The verbs `admin`, `list-offsets` and `committed`.

use std::time::Duration;

use driving::{emit, json, unsupported, Ended, Outcome, Step, Value};
use futures_executor::block_on;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::{config, ended, named};

const LIMIT: Duration = Duration::from_secs(30);

type Admin = AdminClient<DefaultClientContext>;

pub fn act(step: &Step) -> Outcome {
    let admin: Admin = config(step, &[]).create().map_err(|error| ended(&error))?;
    let result = match step.text("do") {
        "create-topic" => create_topic(step, &admin)?,
        "delete-topic" => each_done(block_on(admin.delete_topics(&[step.text("topic")], &options())))?,
        "describe-topic" => describe_topic(step)?,
        "grow-topic" => grow_topic(step, &admin)?,
        "delete-records" => delete_records(step, &admin)?,
        "get-configs" => get_configs(step, &admin)?,
        "set-config" => set_config(step, &admin)?,
        "list-groups" => list_groups(step)?,
        "describe-group" => describe_group(step)?,
        "delete-group" => each_done(block_on(admin.delete_groups(&[step.text("group")], &options())))?,
        "reset-group" => reset_group(step)?,
        other => return unsupported(other),
    };
    let mut event = json!({"event": "result"});
    for (name, value) in result.as_object().into_iter().flatten() {
        event[name] = value.clone();
    }
    emit(event);
    Ok(())
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(LIMIT))
}

/// The outcome of a request about one thing, of which the library gives a list of outcomes.
fn each_done(results: KafkaResult<Vec<Result<String, (String, RDKafkaErrorCode)>>>) -> Outcome<Value> {
    for result in results.map_err(|error| ended(&error))? {
        result.map_err(|(about, code)| Ended::Error(named(code), format!("{about}: {code}")))?;
    }
    Ok(Value::Null)
}

fn count(step: &Step) -> i32 {
    step.int("partitions").unwrap_or(1) as i32
}

fn create_topic(step: &Step, admin: &Admin) -> Outcome<Value> {
    let configs = step.pairs("configs");
    let mut topic = NewTopic::new(step.text("topic"), count(step), TopicReplication::Fixed(1));
    for (name, value) in &configs {
        topic = topic.set(name, value);
    }
    each_done(block_on(admin.create_topics([&topic], &options())))
}

fn grow_topic(step: &Step, admin: &Admin) -> Outcome<Value> {
    let partitions = NewPartitions::new(step.text("topic"), count(step) as usize);
    each_done(block_on(admin.create_partitions([&partitions], &options())))
}

fn describe_topic(step: &Step) -> Outcome<Value> {
    let consumer = asking(step, "compat-unused")?;
    let metadata = consumer.fetch_metadata(Some(step.text("topic")), LIMIT).map_err(|error| ended(&error))?;
    let topic = &metadata.topics()[0];
    if let Some(code) = topic.error() {
        let code = RDKafkaErrorCode::from(code);
        return Err(Ended::Error(named(code), code.to_string()));
    }
    let leaders: Vec<i32> = topic.partitions().iter().map(|partition| partition.leader()).collect();
    Ok(json!({"partitions": leaders.len(), "leaders": leaders}))
}

fn delete_records(step: &Step, admin: &Admin) -> Outcome<Value> {
    let mut before = TopicPartitionList::new();
    let offset = Offset::Offset(step.int("before").unwrap_or(0));
    let deleted = before
        .add_partition_offset(step.text("topic"), partition(step), offset)
        .and_then(|()| block_on(admin.delete_records(&before, &options())))
        .map_err(|error| ended(&error))?;
    let watermark = deleted.elements()[0].offset().to_raw();
    deleted.elements()[0].error().map_err(|error| ended(&error))?;
    Ok(json!({"low_watermark": watermark}))
}

fn get_configs(step: &Step, admin: &Admin) -> Outcome<Value> {
    let topic = ResourceSpecifier::Topic(step.text("topic"));
    let found = block_on(admin.describe_configs([&topic], &options())).map_err(|error| ended(&error))?;
    let mut configs = json!({});
    for resource in found {
        for entry in resource.map_err(|code| Ended::Error(named(code), code.to_string()))?.entries {
            configs[entry.name] = json!(entry.value);
        }
    }
    Ok(json!({"configs": configs}))
}

fn set_config(step: &Step, admin: &Admin) -> Outcome<Value> {
    let change =
        AlterConfig::new(ResourceSpecifier::Topic(step.text("topic"))).set(step.text("name"), step.text("value"));
    let changed = block_on(admin.alter_configs([&change], &options())).map_err(|error| ended(&error))?;
    for resource in changed {
        resource.map_err(|(_, code)| Ended::Error(named(code), code.to_string()))?;
    }
    Ok(Value::Null)
}

/// A consumer that belongs to no group's assignment, for what only consumers can ask.
fn asking(step: &Step, group: &str) -> Outcome<BaseConsumer> {
    config(step, &[("group.id", group.to_owned())]).create().map_err(|error| ended(&error))
}

fn partition(step: &Step) -> i32 {
    step.int("partition").unwrap_or(0) as i32
}

fn list_groups(step: &Step) -> Outcome<Value> {
    let groups = asking(step, "compat-unused")?.fetch_group_list(None, LIMIT).map_err(|error| ended(&error))?;
    let names: Vec<&str> = groups.groups().iter().map(|group| group.name()).collect();
    Ok(json!({"groups": names}))
}

fn describe_group(step: &Step) -> Outcome<Value> {
    let group = step.text("group");
    let found = asking(step, group)?.fetch_group_list(Some(group), LIMIT).map_err(|error| ended(&error))?;
    match found.groups().first() {
        Some(group) => Ok(json!({"state": group.state(), "members": group.members().len()})),
        None => Err(Ended::Error("GROUP_ID_NOT_FOUND".into(), format!("{group} is not in the list"))),
    }
}

fn reset_group(step: &Step) -> Outcome<Value> {
    let commit = || -> Result<(), KafkaError> {
        let consumer: BaseConsumer = config(step, &[("group.id", step.text("group").to_owned())]).create()?;
        let mut offsets = TopicPartitionList::new();
        let offset = Offset::Offset(step.int("offset").unwrap_or(0));
        offsets.add_partition_offset(step.text("topic"), partition(step), offset)?;
        consumer.commit(&offsets, CommitMode::Sync)
    };
    commit().map(|()| Value::Null).map_err(|error| ended(&error))
}

pub fn list_offsets(step: &Step) -> Outcome {
    let (topic, partition) = (step.text("topic"), partition(step));
    let find = || -> Result<i64, KafkaError> {
        let consumer: BaseConsumer = config(step, &[("group.id", "compat-unused".to_owned())]).create()?;
        let Some(time) = step.int("at") else {
            let (low, high) = consumer.fetch_watermarks(topic, partition, LIMIT)?;
            return Ok(if step.text("at") == "earliest" { low } else { high });
        };
        let mut times = TopicPartitionList::new();
        times.add_partition_offset(topic, partition, Offset::Offset(time))?;
        let found = consumer.offsets_for_times(times, LIMIT)?;
        let offset = found.elements()[0].offset();
        Ok(offset.to_raw().filter(|&offset| offset >= 0).unwrap_or(-1))
    };
    let offset = find().map_err(|error| ended(&error))?;
    emit(json!({"event": "offset", "offset": offset}));
    Ok(())
}

pub fn committed(step: &Step) -> Outcome {
    let mut asked = TopicPartitionList::new();
    for partition in step.ints("partitions").unwrap_or_default() {
        asked.add_partition(step.text("topic"), partition);
    }
    let found = asking(step, step.text("group"))?.committed_offsets(asked, LIMIT).map_err(|error| ended(&error))?;
    for one in found.elements() {
        one.error().map_err(|error| ended(&error))?;
        let offset = if let Offset::Offset(offset) = one.offset() { offset } else { -1 };
        emit(json!({"event": "committed", "partition": one.partition(), "offset": offset, "metadata": one.metadata()}));
    }
    Ok(())
}
