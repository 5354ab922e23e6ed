//! What every Rust driver shares: arguments and commands from stdin, events to stdout, the ways to end.
//!
//! The protocol is described in `../../README.md`. A driver's `main` takes a [`Step`], carries it out and hands the
//! outcome to [`Step::end`].

use std::io::{self, BufRead, Write};
use std::process::exit;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{Engine, BASE64_STANDARD};
pub use serde_json::{json, Value};

/// Why a verb ended before it was done.
#[derive(Debug)]
pub enum Ended {
    /// What the broker or the library reported: Kafka's name of it if known, and the library's text.
    Error(String, String),
    /// What the library cannot do.
    Unsupported(String),
}

pub type Outcome<T = ()> = Result<T, Ended>;

pub fn unsupported<T>(what: impl Into<String>) -> Outcome<T> {
    Err(Ended::Unsupported(what.into()))
}

/// One record, to be sent or received.
#[derive(Default, Clone)]
pub struct Record {
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    pub timestamp: Option<i64>,
    pub partition: Option<i32>,
}

/// One run of a driver: its verb, where the broker is, and the verb's arguments.
pub struct Step {
    pub verb: String,
    pub bootstrap: String,
    pub args: Value,
}

impl Step {
    /// Read the step from the command line and stdin; from now on its time runs.
    pub fn take() -> Step {
        let mut words = std::env::args().skip(1);
        let (verb, bootstrap) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut line = String::new();
        io::stdin().read_line(&mut line).expect("stdin is readable");
        let args: Value = serde_json::from_str(line.trim()).unwrap_or_else(|_| json!({}));
        let limit = if verb == "group" { 120_000 } else { 30_000 };
        let limit = Duration::from_millis(args["timeout_ms"].as_u64().unwrap_or(limit));
        let name = verb.clone();
        thread::spawn(move || {
            thread::sleep(limit);
            emit(json!({"event": "error", "error": "TIMEOUT", "message": format!("{name} after {limit:?}")}));
            exit(1);
        });
        Step { verb, bootstrap, args }
    }

    pub fn text(&self, name: &str) -> &str {
        self.args[name].as_str().unwrap_or_default()
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.args[name].as_i64()
    }

    pub fn ints(&self, name: &str) -> Option<Vec<i32>> {
        let numbers = self.args[name].as_array()?;
        Some(numbers.iter().filter_map(|each| Some(each.as_i64()? as i32)).collect())
    }

    /// The names and values of an object of strings, numbers or booleans.
    pub fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let object = self.args[name].as_object().into_iter().flatten();
        object.map(|(name, value)| (name.clone(), text(value))).collect()
    }

    /// The records that `produce` is asked for.
    pub fn records(&self) -> Vec<Record> {
        let Some(records) = self.args["records"].as_array() else {
            let size = self.int("size").unwrap_or(0) as usize;
            let partition = self.int("partition").map(|number| number as i32);
            let record = |number| {
                let mut value = format!("{number:08}").into_bytes();
                value.resize(size.max(value.len()), b'.');
                Record { value: Some(value), partition, ..Record::default() }
            };
            return (0..self.int("count").unwrap_or(0)).map(record).collect();
        };
        records.iter().map(record_of).collect()
    }

    /// Say how the step ended, and end the process.
    pub fn end(&self, outcome: Outcome) -> ! {
        let (event, status) = match outcome {
            Ok(()) => (json!({"event": "done"}), 0),
            Err(Ended::Error(error, message)) => (json!({"event": "error", "error": error, "message": message}), 1),
            Err(Ended::Unsupported(what)) => (json!({"event": "unsupported", "what": what}), 3),
        };
        emit(event);
        exit(status)
    }
}

fn record_of(fields: &Value) -> Record {
    let header = |pair: &Value| (pair[0].as_str().unwrap_or_default().to_owned(), decoded(&pair[1]));
    Record {
        key: decoded(&fields["key"]),
        value: decoded(&fields["value"]),
        headers: fields["headers"].as_array().into_iter().flatten().map(header).collect(),
        timestamp: fields["timestamp"].as_i64(),
        partition: fields["partition"].as_i64().map(|number| number as i32),
    }
}

fn decoded(text: &Value) -> Option<Vec<u8>> {
    text.as_str().map(|text| BASE64_STANDARD.decode(text).expect("base64"))
}

fn encoded(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| BASE64_STANDARD.encode(bytes).into())
}

/// Write one event, at once.
pub fn emit(event: Value) {
    let mut out = io::stdout().lock();
    writeln!(out, "{event}").and_then(|()| out.flush()).expect("stdout is writable");
}

/// Write a `record` event; `topic` only for members of groups.
pub fn emit_record(topic: Option<&str>, offset: i64, record: &Record) {
    let headers: Vec<Value> =
        record.headers.iter().map(|(name, value)| json!([name, encoded(value.as_deref())])).collect();
    let mut event = json!({
        "event": "record", "partition": record.partition, "offset": offset, "timestamp": record.timestamp,
        "key": encoded(record.key.as_deref()), "value": encoded(record.value.as_deref()), "headers": headers,
    });
    if let Some(topic) = topic {
        event["topic"] = topic.into();
    }
    emit(event);
}

/// Counts what `consume` delivers, and tells when it is enough or nothing came for `quiet_ms`.
pub struct Arrivals {
    left: i64,
    quiet: Option<Duration>,
    last: Instant,
}

impl Arrivals {
    pub fn of(step: &Step) -> Arrivals {
        let quiet = step.int("quiet_ms").map(|ms| Duration::from_millis(ms as u64));
        Arrivals { left: step.int("count").unwrap_or(i64::MAX), quiet, last: Instant::now() }
    }

    /// Say that the start positions are known.
    pub fn ready(&mut self) {
        self.last = Instant::now();
        emit(json!({"event": "ready"}));
    }

    pub fn record(&mut self, offset: i64, record: &Record) {
        if self.left > 0 {
            emit_record(None, offset, record);
        }
        self.left -= 1;
        self.last = Instant::now();
    }

    pub fn are_over(&self) -> bool {
        self.left <= 0 || self.quiet.is_some_and(|quiet| self.last.elapsed() >= quiet)
    }
}

/// Tells what became of each record of `produce`, or their number alone when there are many.
pub struct Deliveries {
    total: usize,
    delivered: usize,
}

impl Deliveries {
    pub fn of(total: usize) -> Deliveries {
        Deliveries { total, delivered: 0 }
    }

    /// `offset` is negative if the library does not tell.
    pub fn delivered(&mut self, index: usize, partition: i32, offset: i64) {
        self.delivered += 1;
        if self.total <= 1000 {
            emit(json!({"event": "delivered", "index": index, "partition": partition, "offset": offset.max(-1)}));
        }
    }

    pub fn failed(&mut self, index: usize, why: &Ended) {
        if let Ended::Error(error, message) = why {
            emit(json!({"event": "failed", "index": index, "error": error, "message": message}));
        }
    }

    pub fn finish(&self) {
        if self.total > 1000 {
            emit(json!({"event": "delivered-all", "count": self.delivered}));
        }
    }
}

/// The commands on stdin, as they come; the channel closes with stdin.
pub fn commands() -> Receiver<Value> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if let Ok(command) = serde_json::from_str(&line) {
                if sender.send(command).is_err() {
                    return;
                }
            }
        }
    });
    receiver
}

/// Kafka's spelling of an error that a library calls `LikeThis`.
pub fn kafka_name(name: &str) -> String {
    let mut spelt = String::new();
    for (place, letter) in name.char_indices() {
        if place > 0 && letter.is_uppercase() {
            spelt.push('_');
        }
        spelt.push(letter.to_ascii_uppercase());
    }
    spelt
}
