//! A spec for a user who is in Atlas already.
use serde_json::{Map, Value, json};

use super::login::PASSWORD;

/// What Atlas gives every user by itself.
const DEFAULTS: [&str; 4] = ["awsIAMType", "ldapAuthType", "oidcAuthType", "x509Type"];

/// The smallest spec that says what a document says.
///
/// For a user with a password it refers to a Secret that somebody must make, with the password that is in use: were
/// none named, the operator would make a new password, and whoever uses the old one could no longer log in.
pub(super) fn spec(user: &Value) -> Value {
    let mut spec = Map::new();
    for field in ["username", "databaseName", "roles", "description", "deleteAfterDate"] {
        spec.insert(field.to_owned(), user[field].clone());
    }
    for field in ["scopes", "labels"] {
        if user[field].as_array().is_some_and(|items| !items.is_empty()) {
            spec.insert(field.to_owned(), user[field].clone());
        }
    }
    let outside: Vec<_> = DEFAULTS.iter().filter(|field| user[**field].as_str().unwrap_or("NONE") != "NONE").collect();
    if outside.is_empty() {
        let name = user["username"].as_str().unwrap_or_default();
        spec.insert("passwordSecretRef".to_owned(), json!({"name": secret_name(name)}));
    }
    for field in outside {
        spec.insert((*field).to_owned(), user[*field].clone());
    }
    Value::Object(spec)
}

/// A name for the Secret, made of the user's: small letters, digits and hyphens.
fn secret_name(username: &str) -> String {
    let fit = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let name: String = username.chars().map(fit).take(200).collect();
    format!("{}-{PASSWORD}", name.trim_matches('-')).trim_start_matches('-').to_owned()
}
