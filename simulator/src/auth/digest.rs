//! HTTP digest as Atlas speaks it: MD5, `qop="auth"`, no `opaque`, `stale=false` always (RFC 7616 and recordings).
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use super::directory::{derive, hex};
use crate::clock::later;

const REALM: &str = "MMS Public API";

/// Nonces that are remembered at once. They expire with the clock, but a clock may stand still; 100,000 of them are a
/// few megabytes and more than any test has open.
const REMEMBERED: usize = 100_000;

/// The value of `WWW-Authenticate` for a nonce, letter for letter as recorded.
pub fn challenge(nonce: &str) -> String {
    format!(r#"Digest realm="{REALM}", domain="", nonce="{nonce}", algorithm=MD5, qop="auth", stale=false"#)
}

/// The nonces that were handed out.
pub struct Nonces {
    seed: u64,
    issued: u64,
    live: HashMap<String, Nonce>,
    /// In the order of issue, to forget the oldest first.
    order: VecDeque<String>,
}

struct Nonce {
    expires: Timestamp,
    uses: u32,
}

impl Nonces {
    pub fn new(seed: u64) -> Self {
        Self { seed, issued: 0, live: HashMap::new(), order: VecDeque::new() }
    }

    /// A new nonce: 24 bytes in base64, which is 32 characters, as recorded.
    pub fn issue(&mut self, now: Timestamp, seconds: u32) -> String {
        self.issued += 1;
        let number = self.issued.to_string();
        let mut bytes = derive(self.seed, &["nonce", &number]).to_vec();
        bytes.extend_from_slice(&derive(self.seed, &["nonce", &number, "more"])[..8]);
        let nonce = STANDARD.encode(bytes);
        if self.order.len() >= REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.live.remove(&oldest);
        }
        self.order.push_back(nonce.clone());
        self.live.insert(nonce.clone(), Nonce { expires: later(now, Duration::from_secs(seconds.into())), uses: 0 });
        nonce
    }

    /// Uses a nonce once more; false when it is unknown, expired or used up. `limit` 0 is no limit.
    ///
    /// The nonce count of the request is not looked at: whether Atlas refuses a repeated one was never observed.
    pub fn spend(&mut self, nonce: &str, now: Timestamp, limit: u32) -> bool {
        let Some(known) = self.live.get_mut(nonce) else { return false };
        if now >= known.expires || (limit > 0 && known.uses >= limit) {
            self.live.remove(nonce);
            return false;
        }
        known.uses += 1;
        true
    }
}

/// What an `Authorization: Digest` header says.
pub struct Signed {
    pub username: String,
    pub nonce: String,
    realm: String,
    uri: String,
    count: String,
    client_nonce: String,
    response: String,
}

impl Signed {
    /// Reads the part after the scheme. None when a directive is missing or `qop` is not `auth`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut directives = directives(text)?;
        if directives.get("qop").map(String::as_str) != Some("auth") {
            return None;
        }
        let mut take = |name: &str| directives.remove(name);
        Some(Self {
            username: take("username")?,
            nonce: take("nonce")?,
            realm: take("realm")?,
            uri: take("uri")?,
            count: take("nc")?,
            client_nonce: take("cnonce")?,
            response: take("response")?,
        })
    }

    /// Whether the response was made with this password for this request line.
    pub fn matches(&self, password: &str, method: &str, target: &str) -> bool {
        let secret = digest(&[&self.username, &self.realm, password]);
        let request = digest(&[method, &self.uri]);
        let expected = digest(&[&secret, &self.nonce, &self.count, &self.client_nonce, "auth", &request]);
        self.realm == REALM && self.uri == target && self.response.eq_ignore_ascii_case(&expected)
    }
}

/// The MD5 of the parts joined by colons, in hexadecimal digits.
fn digest(parts: &[&str]) -> String {
    use md5::Digest as _;
    hex(&md5::Md5::digest(parts.join(":")))
}

/// `name=value, name="quoted \" value"` as a map with lower-case names.
fn directives(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let (value, remaining) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
            unquote(quoted)?
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        found.insert(name.trim().to_ascii_lowercase(), value);
        rest = remaining.trim_start().trim_start_matches(',').trim_start();
    }
    Some(found)
}

/// The text up to the closing quote, with escapes resolved, and what follows the quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    /// A header as a client makes it for `GET /api/atlas/v2/groups`.
    fn header(response: &str) -> String {
        format!(
            r#"username="ABCDEFGH", realm="MMS Public API", nonce="n", uri="/api/atlas/v2/groups", qop=auth, nc=00000001, cnonce="c", response="{response}", algorithm=MD5"#
        )
    }

    #[test]
    fn the_example_of_the_rfc_has_the_digest_of_the_rfc() {
        let secret = digest(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        let request = digest(&["GET", "/dir/index.html"]);
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let response = digest(&[&secret, nonce, "00000001", "0a4f113b", "auth", &request]);
        assert_eq!(response, "6629fae49393a05397450978507c4ef1");
    }

    #[test]
    fn a_response_is_right_for_one_secret_and_one_request_line_only() {
        let secret = digest(&["ABCDEFGH", REALM, "secret"]);
        let request = digest(&["GET", "/api/atlas/v2/groups"]);
        let response = digest(&[&secret, "n", "00000001", "c", "auth", &request]);
        let signed = Signed::parse(&header(&response)).unwrap();
        assert!(signed.matches("secret", "GET", "/api/atlas/v2/groups"));
        assert!(!signed.matches("Secret", "GET", "/api/atlas/v2/groups"));
        assert!(!signed.matches("secret", "POST", "/api/atlas/v2/groups"));
        assert!(!signed.matches("secret", "GET", "/api/atlas/v2/groups?pageNum=2"));
    }

    #[test]
    fn quoted_values_may_hold_commas_quotes_and_equal_signs() {
        let found = directives(r#"a="x, \"y\"=z", b = plain ,c="""#).unwrap();
        assert_eq!(found["a"], r#"x, "y"=z"#);
        assert_eq!(found["b"], "plain");
        assert_eq!(found["c"], "");
        assert!(directives(r#"a="open"#).is_none());
        assert!(directives("a").is_none());
    }

    #[test]
    fn a_header_without_quality_of_protection_or_a_directive_is_not_accepted() {
        assert!(Signed::parse(&header("r").replace("qop=auth, ", "")).is_none());
        assert!(Signed::parse(&header("r").replace("cnonce=\"c\", ", "")).is_none());
    }

    #[test]
    fn a_nonce_is_good_for_its_uses() {
        let mut nonces = Nonces::new(1);
        let nonce = nonces.issue(NOW, 300);
        assert_eq!(nonce.len(), 32);
        assert!((0..5).all(|_| nonces.spend(&nonce, NOW, 5)));
        assert!(!nonces.spend(&nonce, NOW, 5));
        let unlimited = nonces.issue(NOW, 300);
        assert!((0..1000).all(|_| nonces.spend(&unlimited, NOW, 0)));
    }

    #[test]
    fn a_nonce_expires_with_the_clock() {
        let mut nonces = Nonces::new(1);
        let nonce = nonces.issue(NOW, 30);
        assert!(nonces.spend(&nonce, later(NOW, Duration::from_secs(29)), 0));
        assert!(!nonces.spend(&nonce, later(NOW, Duration::from_secs(30)), 0));
    }

    #[test]
    fn old_nonces_are_forgotten_when_the_clock_stands_still() {
        let mut nonces = Nonces::new(1);
        let first = nonces.issue(NOW, 300);
        let second = nonces.issue(NOW, 300);
        for _ in 0..REMEMBERED - 1 {
            nonces.issue(NOW, 300);
        }
        assert!(!nonces.spend(&first, NOW, 0));
        assert!(nonces.spend(&second, NOW, 0));
        assert_eq!(nonces.live.len(), REMEMBERED);
    }
}
