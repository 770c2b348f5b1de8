//! Takes secrets out of what a server says, in whatever encoding it quotes them.
//!
//! A server may quote what it was sent as it was, escaped for the format of its answer, or encoded: as JSON, as a part of
//! an address, as HTML, in hexadecimal, in base64. Escapes are recognised character by character, so it does not matter
//! which characters a server escapes, how it writes an escape, and whether two escapes lie one inside the other. In base64
//! a secret looks different at each of three places within a longer text; all of them are looked for.
use std::ops::Range;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::{PLACEHOLDER, text::is_invisible};

/// Shorter secrets than this are not searched for: replacing every `a` in a sentence hides nothing and spoils it.
/// Atlas asks for at least 8 characters in a database password.
const SHORTEST_SECRET: usize = 4;

/// How many escapes may lie one inside the other: a JSON text within a JSON text.
const DEPTH: u8 = 2;

/// What a part of an address keeps as it is (RFC 3986).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The text with every occurrence of a secret replaced.
pub(super) fn without_secrets<'a>(text: &str, secrets: impl IntoIterator<Item = &'a SecretString>) -> String {
    let mut spans: Vec<Range<usize>> = Vec::new();
    for secret in secrets {
        let secret = secret.expose_secret();
        if secret.len() >= SHORTEST_SECRET {
            for pattern in patterns(secret) {
                pattern.find(text, &mut spans);
            }
        }
    }
    spans.sort_by_key(|span| span.start);
    let (mut clean, mut done) = (String::with_capacity(text.len()), 0);
    for span in spans {
        if span.start >= done {
            clean.push_str(&text[done..span.start]);
            clean.push_str(PLACEHOLDER);
        }
        done = done.max(span.end);
    }
    clean.push_str(&text[done..]);
    clean
}

/// One way in which a secret may be written.
struct Pattern {
    characters: Vec<char>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// As it is, or escaped.
    Plain,
    /// In hexadecimal digits, of either case.
    Hexadecimal,
    /// The characters of a base64 text that depend on nothing but the secret.
    Base64,
}

/// Every way in which a secret may be written.
fn patterns(secret: &str) -> Vec<Pattern> {
    let mut patterns = vec![Pattern { characters: secret.chars().collect(), kind: Kind::Plain }];
    // What is encoded may have been a JSON text or an address with the secret in it.
    let json = serde_json::Value::from(secret).to_string();
    let mut forms =
        vec![secret.to_owned(), json[1..json.len() - 1].to_owned(), utf8_percent_encode(secret, ESCAPED).to_string()];
    forms.sort_unstable();
    forms.dedup();
    for form in forms {
        let digits = form.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
        let characters = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        patterns.push(Pattern { characters, kind: Kind::Hexadecimal });
        for before in 0..3 {
            patterns.push(Pattern { characters: core(&form, before), kind: Kind::Base64 });
        }
    }
    patterns
}

/// What `form` looks like in base64 behind `before` other bytes (modulo three), whatever these are and whatever follows.
fn core(form: &str, before: usize) -> Vec<char> {
    let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(form.bytes()).collect();
    let (from, to) = ((before * 8).div_ceil(6), bytes.len() * 8 / 6);
    STANDARD_NO_PAD.encode(&bytes).chars().take(to).skip(from).collect()
}

impl Pattern {
    /// Adds every place where the secret stands in `text`.
    fn find(&self, text: &str, spans: &mut Vec<Range<usize>>) {
        let mut at = 0;
        while at < text.len() {
            match self.end(text, at) {
                Some(end) => {
                    let span = self.with_remainders(text, at..end);
                    at = span.end;
                    spans.push(span);
                }
                None => at += text[at..].chars().next().map_or(1, char::len_utf8),
            }
        }
    }

    /// Where the secret ends that begins at `at`, if one does.
    fn end(&self, text: &str, at: usize) -> Option<usize> {
        let mut places = vec![at];
        for (index, character) in self.characters.iter().enumerate() {
            let mut next = Vec::new();
            for place in places {
                self.after(text, place, *character, &mut next);
                let beyond = if index == 0 { place } else { self.skip(text, place) };
                if beyond != place {
                    self.after(text, beyond, *character, &mut next);
                }
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return None;
            }
            places = next;
        }
        places.into_iter().max()
    }

    /// Adds the places behind `character`, where it stands at `at` in any way.
    fn after(&self, text: &str, at: usize, character: char, places: &mut Vec<usize>) {
        match self.kind {
            Kind::Plain => escaped(text, at, character, false, DEPTH, places),
            Kind::Hexadecimal => escaped(text, at, character, true, 0, places),
            Kind::Base64 => {
                // The alphabet for addresses (RFC 4648, section 5) has other letters in two places.
                let other = match character {
                    '+' => Some('-'),
                    '/' => Some('_'),
                    _ => None,
                };
                for character in std::iter::once(character).chain(other) {
                    escaped(text, at, character, false, 1, places);
                }
            }
        }
    }

    /// Skips what may stand between two characters and is not shown, or only breaks a line.
    fn skip(&self, text: &str, at: usize) -> usize {
        let mut at = at;
        while let Some(character) = text[at..].chars().next() {
            let breaks = self.kind != Kind::Plain;
            let between = self.kind == Kind::Hexadecimal && character == ':';
            if is_invisible(character)
                || character.is_control() && !character.is_whitespace()
                || breaks && character.is_whitespace()
                || between
            {
                at += character.len_utf8();
            } else if breaks && (text[at..].starts_with("\\n") || text[at..].starts_with("\\r")) {
                at += 2;
            } else {
                break;
            }
        }
        at
    }

    /// With the characters beside it that hold a few bits of the secret, and what pads it.
    fn with_remainders(&self, text: &str, span: Range<usize>) -> Range<usize> {
        if self.kind != Kind::Base64 {
            return span;
        }
        let of_base64 = |character: &char| character.is_ascii_alphanumeric() || "+/-_".contains(*character);
        let start = text[..span.start].chars().next_back().filter(of_base64).map_or(span.start, |_| span.start - 1);
        let mut end = text[span.end..].chars().next().filter(of_base64).map_or(span.end, |_| span.end + 1);
        while text[end..].starts_with('=') {
            end += 1;
        }
        start..end
    }
}

/// Adds the places behind `character`, where it stands at `at`: as it is, or as an escape, whose characters may be
/// escaped themselves, up to `depth` times.
fn escaped(text: &str, at: usize, character: char, any_case: bool, depth: u8, places: &mut Vec<usize>) {
    let Some(found) = text[at..].chars().next() else { return };
    if found == character || any_case && found.eq_ignore_ascii_case(&character) {
        places.push(at + found.len_utf8());
    }
    // Every escape begins with one of these, and so does an escape of it.
    if depth == 0 || !matches!(found, '\\' | '%' | '&' | '+') {
        return;
    }
    for spelling in spellings(character) {
        let mut ends = vec![at];
        for character in spelling.chars() {
            let mut next = Vec::new();
            for end in ends {
                escaped(text, end, character, true, depth - 1, &mut next);
            }
            next.sort_unstable();
            next.dedup();
            ends = next;
            if ends.is_empty() {
                break;
            }
        }
        places.extend(ends);
    }
}

/// The escapes of a character: of JSON and of programming languages, of addresses and forms, of HTML and XML.
fn spellings(character: char) -> Vec<String> {
    let code = u32::from(character);
    let mut spellings = vec![
        character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat(),
        character.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat(),
    ];
    if code < 0x100 {
        spellings.push(format!("\\x{code:02x}"));
    }
    for width in 1..=6 {
        spellings.push(format!("&#{code:0width$};"));
        spellings.push(format!("&#x{code:0width$x};"));
    }
    let named: &[&str] = match character {
        '"' => &["\\\"", "&quot;"],
        '\\' => &["\\\\", "&bsol;"],
        '/' => &["\\/", "&sol;"],
        '\'' => &["\\'", "&apos;"],
        '&' => &["&amp;"],
        '<' => &["&lt;"],
        '>' => &["&gt;"],
        ' ' => &["+"],
        '\n' => &["\\n"],
        '\r' => &["\\r"],
        '\t' => &["\\t"],
        '\u{8}' => &["\\b"],
        '\u{c}' => &["\\f"],
        _ => &[],
    };
    spellings.extend(named.iter().map(|name| (*name).to_owned()));
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}

#[cfg(test)]
mod tests;
