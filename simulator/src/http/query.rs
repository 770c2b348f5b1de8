//! Query strings and HTML forms, which are written the same way.
use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What `application/x-www-form-urlencoded` leaves as it is, besides letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*');

/// The parameters of `a=1&b=two+words`. The last of several of one name wins.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

/// The parameters that say something: an empty one counts as absent (recorded for the name of an organization and for the
/// owner of a project, which clients send with nothing in them).
pub fn given(text: &str) -> BTreeMap<String, String> {
    let mut parameters = parse(text);
    parameters.retain(|_, value| !value.is_empty());
    parameters
}

/// A value as a recorded link has it: `2026-08-09T03%3A06%3A48Z`.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, KEPT).to_string().replace("%20", "+")
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let found = parse("a=1&b=two+words&c=%C3%BC%2B&&d");
        let expected = [("a", "1"), ("b", "two words"), ("c", "ü+"), ("d", "")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn an_empty_parameter_is_none() {
        assert_eq!(given("a=1&b=&c"), [("a".to_owned(), "1".to_owned())].into());
    }

    #[test]
    fn a_value_is_encoded_as_links_have_it() {
        assert_eq!(encode("2026-08-09T03:06:48Z"), "2026-08-09T03%3A06%3A48Z");
        assert_eq!(encode("two words"), "two+words");
    }
}
