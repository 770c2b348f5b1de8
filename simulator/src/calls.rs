//! The log of every request that reached the API, challenges and token requests included, so that both calls and HTTP
//! requests can be counted.
use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// Calls that are remembered: days of a busy run. A line is some 300 bytes.
const REMEMBERED: usize = 200_000;

/// Calls whose bodies are remembered, too: the tail that a test reads, in tens of megabytes at most.
const WITH_BODIES: usize = 10_000;

/// One request and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Counts all calls of a run from 1, in the order in which they were decided.
    pub n: u64,
    /// On the simulated clock.
    pub time: Timestamp,
    pub method: String,
    /// As it was sent, with the query string if there was one.
    pub path: String,
    /// The version date that was asked for, known or not.
    pub version: Option<String>,
    /// 0 when a fault kept the answer back or closed the connection.
    pub status: u16,
    /// The public key or client id; null when the request was not authenticated.
    pub principal: Option<String>,
    /// A POST, PATCH, PUT or DELETE that reached the handler of its operation, which carried it out or refused it. What
    /// the transport turned away (401, 403, 406, 429, an unknown project, a fault before the handler) changed nothing
    /// and is no mutation.
    pub mutating: bool,
    /// The kind of the fault that answered.
    pub fault: Option<String>,
    #[serde(skip)]
    pub request: Value,
    #[serde(skip)]
    pub response: Value,
}

#[derive(Default)]
pub struct CallLog {
    calls: VecDeque<Call>,
    last: u64,
}

impl CallLog {
    /// Adds a call and gives it its number.
    pub fn push(&mut self, mut call: Call) -> u64 {
        self.last += 1;
        call.n = self.last;
        if self.calls.len() >= REMEMBERED {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
        if let Some(old) = self.calls.len().checked_sub(WITH_BODIES + 1)
            && let Some(call) = self.calls.get_mut(old)
        {
            (call.request, call.response) = (Value::Null, Value::Null);
        }
        self.last
    }

    /// The calls after number `since`.
    pub fn list(&self, since: u64, bodies: bool) -> Value {
        let from = self.calls.partition_point(|call| call.n <= since);
        let line = |call: &Call| {
            let mut line = json!(call);
            if bodies {
                line["request"] = call.request.clone();
                line["response"] = call.response.clone();
            }
            line
        };
        self.calls.range(from..).map(line).collect()
    }

    /// Empties the log. Numbers go on, so that `since` keeps its meaning.
    pub fn clear(&mut self) {
        self.calls.clear();
    }
}

/// A body as the log shows it: JSON where it is JSON, text where it is not, null where there is none.
pub fn loggable(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn call() -> Call {
        Call {
            n: 0,
            time: Timestamp::UNIX_EPOCH,
            method: "GET".to_owned(),
            path: "/api/atlas/v2/orgs".to_owned(),
            version: None,
            status: 200,
            principal: None,
            mutating: false,
            fault: None,
            request: json!("asked"),
            response: json!("answered"),
        }
    }

    fn numbers(listed: &Value) -> Vec<u64> {
        listed.as_array().unwrap().iter().map(|call| call["n"].as_u64().unwrap()).collect()
    }

    #[test]
    fn numbers_go_on_after_the_log_was_emptied() {
        let mut log = CallLog::default();
        log.push(call());
        log.push(call());
        assert_eq!(numbers(&log.list(0, false)), [1, 2]);
        assert_eq!(numbers(&log.list(1, false)), [2]);
        log.clear();
        log.push(call());
        assert_eq!(numbers(&log.list(2, false)), [3]);
    }

    #[test]
    fn bodies_are_shown_when_asked_for_and_forgotten_first() {
        let mut log = CallLog::default();
        for _ in 0..=WITH_BODIES {
            log.push(call());
        }
        assert_eq!(log.list(0, false)[1].get("request"), None);
        let listed = log.list(0, true);
        assert_eq!((&listed[0]["request"], &listed[0]["response"]), (&Value::Null, &Value::Null));
        assert_eq!((&listed[1]["request"], &listed[1]["response"]), (&json!("asked"), &json!("answered")));
    }

    #[test]
    fn the_log_is_bounded() {
        let mut log = CallLog::default();
        for _ in 0..REMEMBERED + 3 {
            log.push(call());
        }
        let listed = log.list(0, false);
        assert_eq!(listed.as_array().unwrap().len(), REMEMBERED);
        assert_eq!(listed[0]["n"], 4);
    }

    #[test]
    fn a_body_is_logged_as_what_it_is() {
        assert_eq!(loggable(b""), Value::Null);
        assert_eq!(loggable(b"{\"a\":1}"), json!({"a": 1}));
        assert_eq!(loggable(b"<html>"), json!("<html>"));
    }
}
