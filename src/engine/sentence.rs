//! What a call is, as a sentence for people: in their words, and not in those of the API.
use super::plan::{Purpose, Sending, few};
use crate::atlas::Method;

/// What was asked of Atlas.
pub fn of(sending: &Sending) -> String {
    let what = noun(sending.part);
    let fields = || few(sending.changes.iter().map(|change| &change.path));
    match sending.purpose {
        Purpose::Create => format!("Asked Atlas to create the {what}."),
        Purpose::Upgrade => format!("Asked Atlas to upgrade the {what}: {}.", fields()),
        Purpose::Issue => format!("Atlas issued a new {what}."),
        Purpose::Delete => format!("Asked Atlas to delete the {what}."),
        Purpose::Update => {
            entries(sending, &what).unwrap_or_else(|| format!("Asked Atlas to update the {what}: {}.", fields()))
        }
    }
}

/// What is about to be asked of Atlas.
pub fn beginning(sending: &Sending) -> String {
    let sentence = of(sending);
    sentence.strip_prefix("Asked").map_or(sentence.clone(), |rest| format!("Asking{rest}"))
}

/// A change of a list: its entries by name.
fn entries(sending: &Sending, what: &str) -> Option<String> {
    let parts = sending.changes.iter().map(|change| change.path.strip_prefix('[')?.split_once(']'));
    let parts: Vec<(&str, &str)> = parts.collect::<Option<_>>()?;
    let mut keys: Vec<&str> = parts.iter().map(|(key, _)| *key).collect();
    keys.dedup();
    let names = few(&keys);
    Some(match sending.call.method {
        Method::POST => format!("Asked Atlas to add {names} to the {what}."),
        Method::DELETE => format!("Asked Atlas to remove {names} from the {what}."),
        _ => {
            let fields = few(parts.iter().map(|(_, field)| field.trim_start_matches('.')));
            format!("Asked Atlas to change {names} in the {what}: {fields}.")
        }
    })
}

/// `ipAccessList` as "IP access list".
fn noun(part: &str) -> String {
    match part {
        "group" => return "project".to_owned(),
        "settings" => return "project settings".to_owned(),
        "role" => return "custom role".to_owned(),
        _ => {}
    }
    let mut words = String::new();
    for letter in part.chars() {
        if letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    match words.strip_prefix("ip ") {
        Some(rest) => format!("IP {rest}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{atlas::Call, engine::diff::Change};

    fn said(part: &'static str, purpose: Purpose, method: Method, paths: &[&str]) -> String {
        let change =
            |path: &&str| Change { path: (*path).to_owned(), before: Value::Null, after: Value::Null, never: None };
        let call = Call { method, path: String::new(), query: Vec::new(), template: "", version: "", body: None };
        let changes = paths.iter().map(change).collect();
        of(&Sending { part, purpose, call, entry: None, changes, notes: Vec::new(), certain: true })
    }

    #[test]
    fn people_read_their_own_words() {
        let (update, list) = (Purpose::Update, "ipAccessList");
        let fields = ["[203.0.113.0/24].cidrBlock", "[203.0.113.0/24].comment"];
        for (sentence, says) in [
            (said("group", Purpose::Create, Method::POST, &[]), "Asked Atlas to create the project."),
            (said("cluster", update, Method::PATCH, &["tags"]), "Asked Atlas to update the cluster: tags."),
            (
                said("maintenanceWindow", update, Method::PATCH, &["dayOfWeek"]),
                "Asked Atlas to update the maintenance window: dayOfWeek.",
            ),
            (said(list, update, Method::POST, &fields), "Asked Atlas to add 203.0.113.0/24 to the IP access list."),
            (
                said(list, update, Method::DELETE, &["[203.0.113.0/24]"]),
                "Asked Atlas to remove 203.0.113.0/24 from the IP access list.",
            ),
            (
                said("limits", update, Method::PATCH, &["[atlas.project.limit].value"]),
                "Asked Atlas to change atlas.project.limit in the limits: value.",
            ),
        ] {
            assert_eq!(sentence, says);
        }
    }
}
