#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;

/// Letters and digits alone; everything that some format escapes; other scripts; what lies outside of one UTF-16 unit.
const SECRETS: [&str; 6] = [
    "hunter2hunter2",
    r#"a"b\c/d'e&f<g>h i+j%k=l?m"#,
    "pass$(word)`{}[]|^~#@!;:,*",
    "geheim-äöü-пароль-秘密",
    "🔑-key-🔑",
    "tab\there\nand there",
];

fn clean(text: &str, secret: &str) -> String {
    without_secrets(text, [&SecretString::from(secret)])
}

/// Nothing of a text is left but what stood around the secret.
fn expect_gone(around: (&str, &str), encoded: &str, secret: &str, how: &str) {
    let text = format!("{}{encoded}{}", around.0, around.1);
    let cleaned = clean(&text, secret);
    assert_eq!(cleaned, format!("{}{PLACEHOLDER}{}", around.0, around.1), "{how} of {secret:?}: {text}");
}

fn json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn html(text: &str, escape: impl Fn(char) -> String) -> String {
    text.chars()
        .map(|character| if character.is_alphanumeric() { character.to_string() } else { escape(character) })
        .collect()
}

#[test]
fn a_secret_is_taken_out_in_every_escape() {
    for secret in SECRETS {
        let ascii: String = secret
            .chars()
            .flat_map(|character| character.encode_utf16(&mut [0; 2]).to_vec())
            .map(|unit| {
                if (0x20..0x7f).contains(&unit) && unit != 0x22 && unit != 0x5c {
                    char::from(u8::try_from(unit).unwrap()).to_string()
                } else {
                    format!("\\u{unit:04X}")
                }
            })
            .collect();
        let percent: String = utf8_percent_encode(secret, ESCAPED).to_string();
        let every = secret.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        for (how, encoded) in [
            ("the secret itself", secret.to_owned()),
            ("JSON", json(secret)),
            ("JSON in ASCII", ascii),
            ("JSON with escaped slashes", json(secret).replace('/', "\\/")),
            ("JSON in JSON", json(&json(secret))),
            ("an address", percent.clone()),
            ("an address in small letters", percent.to_lowercase()),
            ("every byte of an address", every.clone()),
            ("an address in an address", utf8_percent_encode(&percent, ESCAPED).to_string()),
            ("a form", form),
            (
                "HTML",
                secret
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;")
                    .replace('"', "&quot;")
                    .replace('\'', "&#39;"),
            ),
            ("HTML in numbers", html(secret, |character| format!("&#{};", u32::from(character)))),
            ("HTML in wide numbers", html(secret, |character| format!("&#x{:04X};", u32::from(character)))),
            ("JSON in HTML", json(secret).replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")),
        ] {
            // Small letters turn a secret with others into another one.
            if how == "an address in small letters" && secret.chars().any(char::is_uppercase) {
                continue;
            }
            for around in [("", ""), ("the password '", "' is weak"), ("{\"p\":\"", "\"}"), ("p=", "&q=1")] {
                expect_gone(around, &encoded, secret, how);
            }
        }
    }
}

#[test]
fn a_secret_is_taken_out_of_hexadecimal_digits() {
    for secret in SECRETS {
        let hex = secret.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let colons = secret.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        for encoded in [hex.to_uppercase(), hex, colons] {
            expect_gone(("value ", "."), &encoded, secret, "hexadecimal");
        }
    }
}

#[test]
fn a_secret_is_taken_out_of_base64_wherever_it_stands_in_it() {
    for secret in SECRETS {
        for form in [secret.to_owned(), json(secret), utf8_percent_encode(secret, ESCAPED).to_string()] {
            for before in 0..5 {
                for after in 0..3 {
                    let whole = format!(
                        "{}{form}{}",
                        "u:x\u{7f}>?".repeat(2)[..before].to_owned(),
                        "}~\n "[..after].to_owned()
                    );
                    for encoded in [
                        STANDARD.encode(&whole),
                        STANDARD_NO_PAD.encode(&whole),
                        URL_SAFE.encode(&whole),
                        URL_SAFE_NO_PAD.encode(&whole),
                        utf8_percent_encode(&STANDARD.encode(&whole), NON_ALPHANUMERIC).to_string(),
                        json(&STANDARD.encode(&whole)).replace('/', "\\/"),
                        STANDARD
                            .encode(&whole)
                            .as_bytes()
                            .chunks(19)
                            .map(|line| String::from_utf8_lossy(line).into_owned())
                            .collect::<Vec<_>>()
                            .join("\r\n"),
                    ] {
                        let cleaned = clean(&format!("Basic {encoded}"), secret);
                        let (left, right) = cleaned
                            .split_once(PLACEHOLDER)
                            .unwrap_or_else(|| panic!("{secret:?} behind {before}: {encoded}"));
                        // What is left decodes to nothing but what stood around.
                        let (left, right) = (left.strip_prefix("Basic ").unwrap(), right.trim_start_matches("%3D"));
                        assert!(left.len() <= (before * 4).div_ceil(3) * 3, "{secret:?} behind {before}: {cleaned}");
                        assert!(right.len() <= (after + 2) * 4, "{secret:?} before {after}: {cleaned}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_shown_without_marks_is_looked_for_without_them() {
    assert_eq!(
        clean("it was hunt\u{200b}er2\u{0}hun\u{202e}ter2!", "hunter2hunter2"),
        format!("it was {PLACEHOLDER}!")
    );
}

#[test]
fn several_secrets_and_overlaps_leave_nothing() {
    let secrets: Vec<SecretString> = ["abcdef", "defghi", "a"].map(SecretString::from).into();
    assert_eq!(without_secrets("abcdefghi abcdef a", &secrets), format!("{PLACEHOLDER} {PLACEHOLDER} a"));
}

#[test]
fn other_text_stays_as_it_is() {
    for text in [
        "",
        "No cluster named a exists.",
        "100 % of &amp; \\u0041 + %41 käse 日本 🔑",
        &json!({"a": [1, "b"]}).to_string(),
    ] {
        assert_eq!(clean(text, "hunter2hunter2"), text);
    }
}
