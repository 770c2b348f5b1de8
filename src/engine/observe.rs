//! Asks Atlas for every document of an object.
use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    advice,
    outcome::{Outcome, Reason},
    plan::Observed,
};
use crate::{
    atlas::{Call, Class, Client, Error, Glance, Method, path},
    kind::{Documents, Endpoint, Entries, Lookup, Part, Passage, Progress, Route, Shape, Slots, is_about},
};

/// The status of a list that was read, whatever its pages had.
const SUCCESS: u16 = 200;

/// What Atlas reports of an object.
pub struct Observation {
    /// By part.
    pub parts: BTreeMap<&'static str, Observed>,
    /// Shared slots, with what was learned on the way: a project's id, found by its name.
    pub slots: Slots,
    /// Whether anything of it is from a listing that others share: then it can confirm that nothing is to be done, and
    /// no more.
    pub glimpsed: bool,
}

/// Reads every part whose address is known; parts behind one that is not there are left unknown, and so are parts of
/// an object that is known (`owned`) while Atlas is at work on it, because nothing is done about them until it is not.
///
/// With a `glance`, documents may come from listings that others share.
pub async fn observe(
    client: &Client,
    parts: &[Part],
    slots: &Slots,
    owned: bool,
    glance: Option<Glance>,
) -> Result<Observation, Error> {
    let mut seen = Observation { parts: BTreeMap::new(), slots: slots.clone(), glimpsed: false };
    let mut before: BTreeMap<&'static str, Value> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        let mut slots = seen.slots.clone();
        slots.extend(part.slots.clone());
        let observed = match glimpse(client, part, &slots, glance).await {
            Some(document) => {
                seen.glimpsed = true;
                Observed::Present(document)
            }
            None => read(client, part, &slots, &before).await?,
        };
        if let Observed::Present(document) = &observed {
            before.insert(part.name, document.clone());
        }
        if index == 0
            && let (Observed::Present(document), Some(slot)) = (&observed, part.route.id_slot)
            && let Some(id) = document["id"].as_str()
        {
            seen.slots.insert(slot, id.to_owned());
        }
        let goes_on = match &observed {
            Observed::Present(document) => !owned || part.route.progress(document) == Progress::Settled,
            Observed::Unknown => true,
            Observed::Absent | Observed::Elsewhere(..) | Observed::Between => false,
        };
        seen.parts.insert(part.name, observed);
        if index == 0 && !goes_on {
            break;
        }
    }
    Ok(seen)
}

async fn read(client: &Client, part: &Part, slots: &Slots, before: &Documents) -> Result<Observed, Error> {
    let known = part.route.id_slot.is_none_or(|slot| slots.contains_key(slot));
    let endpoint = if known { Some(part.route.read) } else { part.route.find };
    let Some((endpoint, call)) = endpoint.and_then(|endpoint| Some((endpoint, get(endpoint, slots)?))) else {
        return Ok(Observed::Unknown);
    };
    let read = match part.route.shape {
        Shape::Document => {
            document(client, &call, |answer| part.route.objection(endpoint, slots, &part.desired, answer)).await
        }
        Shape::Entries(entries) => list(client, &call, part, entries, endpoint, slots, before).await,
    };
    match (read, part.route.passage) {
        (Ok(document), _) => Ok(Observed::Present(document)),
        (Err(error), _) if error.class() == Class::Absent => Ok(Observed::Absent),
        (Err(error), Some(passage)) if error.class() == Class::Elsewhere => {
            look_elsewhere(client, &passage, slots).await
        }
        (Err(error), _) => Err(error),
    }
}

/// Reads a document, which is believed only if there is no objection to it.
async fn document(
    client: &Client,
    call: &Call,
    objection: impl FnOnce(&Value) -> Option<String>,
) -> Result<Value, Error> {
    let answer = client.send(call).await?;
    match objection(&answer.body) {
        None => Ok(answer.body),
        Some(objection) => Err(Error::unreadable(call, answer.status, objection)),
    }
}

/// Reads the entries of a list.
async fn list(
    client: &Client,
    call: &Call,
    part: &Part,
    entries: &Entries,
    endpoint: Endpoint,
    slots: &Slots,
    before: &Documents,
) -> Result<Value, Error> {
    let list = match entries.of {
        None => Value::Array(client.list(call).await?),
        Some(of) => of(&document(client, call, |answer| part.route.objection_to_source(answer)).await?, before),
    };
    match part.route.objection_to_entries(entries, endpoint, slots, &part.desired, &list) {
        None => Ok(list),
        Some(objection) => Err(Error::unreadable(call, SUCCESS, objection)),
    }
}

async fn glimpse(client: &Client, part: &Part, slots: &Slots, glance: Option<Glance>) -> Option<Value> {
    let (Route { names, read, .. }, listed, glance) = (part.route, part.route.listed?, glance?);
    let member: Option<Vec<_>> = names.iter().map(|(slot, field)| Some((*field, slots.get(slot)?.as_str()))).collect();
    let document = client.glimpse(&get(listed, slots)?, &member?, glance).await?;
    part.route.objection(*read, slots, &part.desired, &document).is_none().then_some(document)
}

/// Looks at the other addresses that a resource may stand at, after the first has said that it is at another.
async fn look_elsewhere(client: &Client, passage: &Passage, slots: &Slots) -> Result<Observed, Error> {
    for route in passage.others {
        let Some(call) = get(route.read, slots) else { continue };
        let read = document(client, &call, |answer| route.objection(route.read, slots, &Value::Null, answer));
        match read.await {
            Ok(document) => return Ok(Observed::Elsewhere(route, document)),
            Err(error) if matches!(error.class(), Class::Elsewhere | Class::Absent) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Observed::Between)
}

/// The text that a document of Atlas holds in the field that is looked up; none when there is no such document.
pub async fn look_up(client: &Client, lookup: &Lookup, slots: &Slots) -> Result<Option<String>, Error> {
    let Some(call) = get(lookup.endpoint, slots) else { return Ok(None) };
    let objection = |answer: &Value| {
        let answers = answer[lookup.field].is_string() && is_about(lookup.names, lookup.endpoint, slots, answer);
        (!answers).then(|| "is not about what was asked for".to_owned())
    };
    match document(client, &call, objection).await {
        Ok(document) => Ok(document[lookup.field].as_str().map(str::to_owned)),
        Err(error) if error.class() == Class::Absent => Ok(None),
        Err(error) => Err(error),
    }
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
/// says that it was so in the last pass too: what may be a passing whim of the edge is believed the second time. `field` is
/// what it is about, where that is known.
pub fn outcome(error: &Error, secret: &str, again: bool, field: Option<&str>) -> Outcome {
    let class = error.class();
    let advice = advice::of(error, secret);
    let about = field.map(|field| format!("{field}: ")).unwrap_or_default();
    let message = format!("{about}{error}.{advice}");
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
        Class::Blocked | Class::Elsewhere => Outcome::Blocked { message },
        Class::Rejected => refused(Reason::Rejected),
        Class::Unlisted => failed(Reason::Rejected),
    }
}
