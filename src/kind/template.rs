//! The text of a Secret's key, with variables in it.
//!
//! The notation is that of Kubernetes for the environment of a container: `$(name)` stands for a variable, `$$` for a
//! dollar sign, and a dollar sign before anything else for itself. It meets neither the braces of Helm and JSON nor the
//! `${…}` of shells and of the tools that apply manifests.
use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};

/// What a template may name. Those of the addresses, and the password, are not there for every cluster and user.
pub const VARIABLES: &[&str] = &[
    "authMechanism",
    "authSource",
    "cluster",
    "connectionStringPrivate",
    "connectionStringPrivateEndpoint",
    "connectionStringPrivateEndpointSrv",
    "connectionStringPrivateEndpointSrvShardOptimized",
    "connectionStringPrivateSrv",
    "connectionStringStandard",
    "connectionStringStandardSrv",
    "database",
    "host",
    "password",
    "passwordEncoded",
    "port",
    "project",
    "uri",
    "username",
    "usernameEncoded",
];

/// A regular expression (RE2) that a text matches whose variables are all known. It has no backslash and no quote, so
/// it can stand in a rule as it is.
pub fn pattern() -> String {
    let known = VARIABLES.join("|");
    format!("^([^$]|[$][$]|[$][(]({known})[)]|[$][^$(])*[$]?$")
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

/// A template that names a variable which does not exist: the name, or what follows a parenthesis that never closes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no variable $({0}")]
pub struct Unknown(pub String);

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, Unknown> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(position) = rest.find('$') {
        let (before, from) = rest.split_at(position);
        pieces.push(Piece::Text(before));
        rest = if let Some(named) = from.strip_prefix("$(") {
            let known = named.split_once(')').filter(|(name, _)| VARIABLES.contains(name));
            let (name, after) = known.ok_or_else(|| Unknown(named.chars().take(60).collect()))?;
            pieces.push(Piece::Variable(name));
            after
        } else {
            pieces.push(Piece::Text("$"));
            from.strip_prefix("$$").unwrap_or(&from[1..])
        };
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// Whether every variable of a template exists.
pub fn check(template: &str) -> Result<(), Unknown> {
    pieces(template).map(drop)
}

/// How many bytes the text will have with its variables filled in; `None` when one of them has no value here.
pub fn size(template: &str, values: &BTreeMap<String, SecretString>) -> Result<Option<usize>, Unknown> {
    let mut size = 0_usize;
    for piece in pieces(template)? {
        let more = match piece {
            Piece::Text(plain) => plain.len(),
            Piece::Variable(name) => match values.get(name) {
                Some(value) => value.expose_secret().len(),
                None => return Ok(None),
            },
        };
        size = size.saturating_add(more);
    }
    Ok(Some(size))
}

/// The text with its variables filled in; `None` when one of them has no value here.
pub fn fill(template: &str, values: &BTreeMap<String, SecretString>) -> Result<Option<SecretString>, Unknown> {
    let mut text = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Variable(name) => match values.get(name) {
                Some(value) => text.push_str(value.expose_secret()),
                None => return Ok(None),
            },
        }
    }
    Ok(Some(SecretString::from(text)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn filled(template: &str) -> Option<String> {
        let values = [("username", "me"), ("password", "a$(username)b")];
        let values = values.map(|(name, value)| (name.to_owned(), value.into())).into();
        let text = fill(template, &values).unwrap().map(|text| text.expose_secret().to_owned());
        assert_eq!(size(template, &values), Ok(text.as_ref().map(String::len)), "{template}");
        text
    }

    #[test]
    fn variables_are_filled_in_and_dollars_stay() {
        for (template, text) in [
            ("", ""),
            ("plain", "plain"),
            ("$(username)", "me"),
            ("<$(username)>\n<$(username)>", "<me>\n<me>"),
            ("$$(username)", "$(username)"),
            ("$$$(username)", "$me"),
            ("5$ and $5 and ${HOME} $", "5$ and $5 and ${HOME} $"),
            (r#"{"user": "$(username)"}"#, r#"{"user": "me"}"#),
        ] {
            assert_eq!(filled(template).as_deref(), Some(text), "{template}");
        }
        assert_eq!(filled("$(password)").as_deref(), Some("a$(username)b"), "a value is no template");
        assert_eq!(filled("to $(connectionStringPrivate)"), None, "an address that is not there");
    }

    #[test]
    fn an_unknown_variable_is_named() {
        for (template, name) in
            [("$(user)", "user)"), ("$(username", "username"), ("$()", ")"), ("$( username)", " username)")]
        {
            assert_eq!(check(template), Err(Unknown(name.to_owned())));
        }
    }

    #[test]
    fn the_pattern_stands_in_a_rule_as_it_is() {
        assert!(VARIABLES.is_sorted());
        assert!(!pattern().contains(['\\', '\'']), "neither needs to be escaped");
    }
}
