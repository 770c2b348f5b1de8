//! Lists in an order of their own. Atlas gives tags, roles and the parts of a role back in another order now and then;
//! a client that compares them position by position sees a difference where there is none.
use jiff::Timestamp;
use serde_json::Value;

use super::body::Document;

/// How often the order is another one: in one of so many minutes of the simulated clock. Not measured; often enough
/// that an hour of polling meets it, and decided by the clock alone, so that a run can be repeated.
const ONE_MINUTE_IN: i64 = 4;

/// Whether lists come back in another order at this time.
fn is_turned(now: Timestamp) -> bool {
    (now.as_second() / 60).rem_euclid(ONE_MINUTE_IN) == 1
}

/// The list that a document holds under `name`, at times turned round.
pub fn unsteady(document: &mut Document, name: &str, now: Timestamp) {
    if is_turned(now)
        && let Some(items) = document.get_mut(name).and_then(Value::as_array_mut)
    {
        items.reverse();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn the_order_changes_for_one_minute_in_four() {
        let shown = |minute: i64| {
            let mut document = Document::from_iter([("tags".to_owned(), json!([1, 2, 3]))]);
            unsteady(&mut document, "tags", Timestamp::from_second(minute * 60 + 59).unwrap());
            document["tags"].clone()
        };
        let minutes: Vec<_> = (0..8).map(shown).collect();
        let turned = minutes.iter().filter(|list| **list == json!([3, 2, 1])).count();
        assert_eq!((turned, minutes.len()), (2, 8));
        assert_eq!(minutes[0], json!([1, 2, 3]));
    }
}
