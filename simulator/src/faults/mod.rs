//! Faults: answers in place of the API's own, ordered through the control interface.
//!
//! A fault waits for authenticated calls of an operation, lets some pass, and then answers a number of them, either
//! before the handler has run (the request is lost) or after it (the change is made and the answer is lost). The
//! challenge that precedes a digest request is not a call, so `nth` counts what a client means to do, not its requests.
pub mod kinds;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use kinds::{Custom, Kind};

/// The only path outside the API proper that a fault can be ordered for, and only by naming it exactly.
pub const TOKEN_OPERATION: &str = "POST /api/oauth/token";

/// When a fault strikes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Nothing was changed.
    #[default]
    Before,
    /// The handler has committed; only its answer is replaced.
    After,
}

/// What `POST /_sim/faults` orders.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// `POST /groups/{groupId}/clusters`, with `*` for any run of characters; without it, any operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The first fitting call that is struck, counted from 1 when the fault is ordered.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many fitting calls from there on are struck; -1 is all of them.
    #[serde(default = "once")]
    pub times: i64,
    #[serde(default)]
    pub when: When,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Custom>,
}

fn one() -> u64 {
    1
}

fn once() -> i64 {
    1
}

/// What a fault does to the call that it strikes.
#[derive(Clone, Debug)]
pub enum Effect {
    Kind(Kind),
    Custom(Custom),
}

/// A fault that was found for a call.
#[derive(Clone, Debug)]
pub struct Strike {
    pub fault: u64,
    pub when: When,
    pub effect: Effect,
}

impl Strike {
    /// The name that the call log has for it.
    pub fn label(&self) -> String {
        match &self.effect {
            Effect::Kind(kind) => kind.name(),
            Effect::Custom(custom) => custom.error_code.clone(),
        }
    }
}

struct Fault {
    id: u64,
    order: Order,
    effect: Effect,
    matched: u64,
    fired: u64,
    /// Calls that this fault holds back right now.
    waiting: u64,
}

#[derive(Default)]
pub struct Faults {
    faults: Vec<Fault>,
    last: u64,
}

impl Faults {
    /// # Errors
    /// Says which part of the order makes no sense.
    pub fn add(&mut self, order: Order) -> Result<Value, String> {
        let effect = match (order.kind, &order.error) {
            (Some(kind), None) => Effect::Kind(kind),
            (None, Some(custom)) => Effect::Custom(custom.clone().check()?),
            _ => return Err("a fault has either a kind or an error".to_owned()),
        };
        if order.nth == 0 {
            return Err("nth counts from 1".to_owned());
        }
        if order.times < -1 || order.times == 0 {
            return Err("times is a number of calls, or -1 for all".to_owned());
        }
        self.last += 1;
        let fault = Fault { id: self.last, order, effect, matched: 0, fired: 0, waiting: 0 };
        let report = fault.report();
        self.faults.push(fault);
        Ok(report)
    }

    /// Counts a call with every fault that fits it, and gives the one that strikes, the first ordered if several do.
    /// `operation` is the operation's name, or method and path where no operation was found.
    pub fn strike(&mut self, method: &str, operation: &str) -> Option<Strike> {
        let mut strike = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.order.fits(method, operation)) {
            fault.matched += 1;
            if strike.is_none() && fault.order.is_due(fault.matched) {
                fault.fired += 1;
                strike = Some(Strike { fault: fault.id, when: fault.order.when, effect: fault.effect.clone() });
            }
        }
        strike
    }

    /// A fault holds one more call back, or one less.
    pub fn hold(&mut self, fault: u64, begins: bool) {
        if let Some(fault) = self.faults.iter_mut().find(|known| known.id == fault) {
            fault.waiting = if begins { fault.waiting + 1 } else { fault.waiting.saturating_sub(1) };
        }
    }

    pub fn clear(&mut self) {
        self.faults.clear();
    }

    pub fn report(&self) -> Value {
        self.faults.iter().map(Fault::report).collect()
    }
}

impl Fault {
    fn report(&self) -> Value {
        let mut report = json!(self.order);
        report["id"] = json!(self.id);
        report["matched"] = json!(self.matched);
        report["fired"] = json!(self.fired);
        report["waiting"] = json!(self.waiting);
        report
    }
}

impl Order {
    fn fits(&self, method: &str, operation: &str) -> bool {
        let operation_fits = match self.operation.as_deref() {
            Some(pattern) if operation == TOKEN_OPERATION => pattern == operation,
            Some(pattern) => glob(pattern.as_bytes(), operation.as_bytes()),
            None => operation != TOKEN_OPERATION,
        };
        operation_fits && self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
    }

    /// Whether the call that fits for the `count`th time is struck.
    fn is_due(&self, count: u64) -> bool {
        let Some(past) = count.checked_sub(self.nth) else { return false };
        u64::try_from(self.times).map_or(true, |times| past < times)
    }
}

/// Whether the text is what the pattern says, where `*` is any run of characters.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        [first, rest @ ..] => text.first() == Some(first) && glob(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const CREATE: &str = "POST /groups/{groupId}/clusters";

    fn faults(order: Value) -> Faults {
        let mut faults = Faults::default();
        faults.add(serde_json::from_value(order).unwrap()).unwrap();
        faults
    }

    /// Which of five calls of an operation are struck.
    fn struck(order: Value) -> Vec<u64> {
        let mut faults = faults(order);
        (1..=5).filter(|_| faults.strike("POST", CREATE).is_some()).collect()
    }

    #[test]
    fn a_fault_strikes_the_calls_it_was_ordered_for() {
        assert_eq!(struck(json!({"kind": "500"})), [1]);
        assert_eq!(struck(json!({"kind": "500", "nth": 3})), [3]);
        assert_eq!(struck(json!({"kind": "500", "nth": 2, "times": 2})), [2, 3]);
        assert_eq!(struck(json!({"kind": "500", "nth": 4, "times": -1})), [4, 5]);
    }

    #[test]
    fn an_operation_may_have_wildcards() {
        for pattern in [CREATE, "* /groups/*", "POST *clusters", "*"] {
            assert_eq!(struck(json!({"kind": "409", "operation": pattern})), [1], "{pattern}");
        }
        for pattern in ["GET *", "POST /groups", "POST /groups/{groupId}/clusters/*", ""] {
            assert_eq!(struck(json!({"kind": "409", "operation": pattern})), Vec::<u64>::new(), "{pattern}");
        }
        assert_eq!(struck(json!({"kind": "409", "method": "post"})), [1]);
        assert_eq!(struck(json!({"kind": "409", "method": "GET"})), Vec::<u64>::new());
    }

    #[test]
    fn the_token_endpoint_is_struck_only_by_name() {
        for order in [json!({"kind": "500"}), json!({"kind": "500", "operation": "*"})] {
            assert!(faults(order).strike("POST", TOKEN_OPERATION).is_none());
        }
        assert!(faults(json!({"kind": "500", "operation": TOKEN_OPERATION})).strike("POST", TOKEN_OPERATION).is_some());
    }

    #[test]
    fn of_several_faults_the_first_strikes_and_all_count() {
        let mut faults = Faults::default();
        for kind in ["500", "409"] {
            faults.add(serde_json::from_value(json!({"kind": kind, "nth": 2})).unwrap()).unwrap();
        }
        assert!(faults.strike("POST", CREATE).is_none());
        assert_eq!(faults.strike("POST", CREATE).unwrap().label(), "500");
        let report = faults.report();
        assert_eq!((&report[0]["fired"], &report[1]["fired"]), (&json!(1), &json!(0)));
        assert_eq!((&report[0]["matched"], &report[1]["matched"]), (&json!(2), &json!(2)));
    }

    #[test]
    fn an_order_that_makes_no_sense_is_refused() {
        for order in [
            json!({}),
            json!({"kind": "500", "nth": 0}),
            json!({"kind": "500", "times": 0}),
            json!({"kind": "500", "error": {"status": 400, "errorCode": "X"}}),
            json!({"error": {"status": 99, "errorCode": "X"}}),
        ] {
            let order = serde_json::from_value::<Order>(order).unwrap();
            assert!(Faults::default().add(order).is_err());
        }
        assert!(serde_json::from_value::<Order>(json!({"kind": "418"})).is_err());
        assert!(serde_json::from_value::<Order>(json!({"kind": "500", "operaton": "*"})).is_err());
    }

    #[test]
    fn held_calls_are_counted() {
        let mut faults = faults(json!({"kind": "timeout"}));
        let strike = faults.strike("POST", CREATE).unwrap();
        faults.hold(strike.fault, true);
        assert_eq!(faults.report()[0]["waiting"], 1);
        faults.hold(strike.fault, false);
        assert_eq!(faults.report()[0]["waiting"], 0);
    }
}
