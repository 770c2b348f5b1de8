//! Asks Atlas for every document of an object.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    outcome::{Outcome, Reason},
    plan::Observed,
};
use crate::{
    atlas::{Call, Class, Client, Error, Method, path},
    kind::{Endpoint, Part, Shape, Slots},
};

/// What Atlas reports of an object.
pub struct Observation {
    /// By part.
    pub parts: BTreeMap<&'static str, Observed>,
    /// Shared slots, with what was learned on the way: a project's id, found by its name.
    pub slots: Slots,
}

/// Reads every part whose address is known; a part behind one that is absent is left unknown.
pub async fn observe(client: &Client, parts: &[Part], slots: &Slots) -> Result<Observation, Error> {
    let mut seen = Observation { parts: BTreeMap::new(), slots: slots.clone() };
    for (index, part) in parts.iter().enumerate() {
        let observed = match read(client, part, &seen.slots).await {
            Ok(observed) => observed,
            Err(error) if error.class() == Class::Absent => Observed::Absent,
            Err(error) => return Err(error),
        };
        if index == 0
            && let (Observed::Present(document), Some(slot)) = (&observed, part.route.id_slot)
            && let Some(id) = document["id"].as_str()
        {
            seen.slots.insert(slot, id.to_owned());
        }
        let absent = observed == Observed::Absent;
        seen.parts.insert(part.name, observed);
        if index == 0 && absent {
            break;
        }
    }
    Ok(seen)
}

async fn read(client: &Client, part: &Part, shared: &Slots) -> Result<Observed, Error> {
    let mut slots = shared.clone();
    slots.extend(part.slots.clone());
    let known = part.route.id_slot.is_none_or(|slot| slots.contains_key(slot));
    let endpoint = if known { Some(part.route.read) } else { part.route.find };
    let Some(call) = endpoint.and_then(|endpoint| get(endpoint, &slots)) else { return Ok(Observed::Unknown) };
    Ok(Observed::Present(match part.route.shape {
        Shape::Document => client.send(&call).await?.body,
        Shape::Entries { .. } => Value::Array(client.list(&call).await?),
    }))
}

fn get(endpoint: Endpoint, slots: &Slots) -> Option<Call> {
    Some(Call {
        method: Method::GET,
        path: path(endpoint.template, slots).ok()?,
        query: Vec::new(),
        template: endpoint.template,
        version: endpoint.version,
        body: None,
    })
}

/// What an error of Atlas comes to, wherever it appears, as told to somebody whose credentials are in `secret`. `again`
/// says that it was so in the last pass too: what may be a passing whim of the edge is believed the second time.
pub fn outcome(error: &Error, secret: &str, again: bool) -> Outcome {
    let class = error.class();
    let advice = match class {
        Class::RetryAfter(_) | Class::Backoff | Class::Absent | Class::Exists | Class::ParentAbsent => String::new(),
        Class::Unauthenticated => format!(" Put a valid key in {secret}."),
        Class::Forbidden => {
            format!(" Give the key in {secret} the role that this takes, or put this address on its API access list.")
        }
        Class::Blocked => " Mend that, and it goes on by itself.".to_owned(),
        Class::Rejected => " Mend the spec.".to_owned(),
    };
    let message = format!("{error}.{advice}");
    let refused = |reason| Outcome::Refused { reason, message: message.clone() };
    let failed = |reason| Outcome::Failed { reason, message: message.clone() };
    match class {
        Class::RetryAfter(after) => Outcome::Throttled { after },
        Class::Backoff | Class::Absent | Class::Exists => failed(Reason::AtlasUnavailable),
        Class::ParentAbsent => {
            let message = format!("The Atlas project is not there, or the credentials cannot see it. {message}");
            if again {
                Outcome::Refused { reason: Reason::DependencyNotFound, message }
            } else {
                Outcome::Failed { reason: Reason::DependencyNotFound, message }
            }
        }
        Class::Unauthenticated if again => refused(Reason::CredentialsRejected),
        Class::Unauthenticated => failed(Reason::CredentialsRejected),
        Class::Forbidden if again => refused(Reason::AccessDenied),
        Class::Forbidden => failed(Reason::AccessDenied),
        Class::Blocked => Outcome::Blocked { message },
        Class::Rejected => refused(Reason::Rejected),
    }
}
