//! The kinds of damage that an answer can take on its way.
use serde_json::{Map, Value, json};

use super::super::proxy::Answer;

/// A kind of damage, and what it does.
pub type Kind<T> = (&'static str, fn(&mut T));

/// The kinds of damage after which there is no answer, however long they last.
pub const NO_ANSWER: &[Kind<Answer>] = &[
    ("no content type", |answer| answer.kind = None),
    ("HTML by its type", |answer| answer.kind = Some("text/html")),
    ("text by its type", |answer| answer.kind = Some("text/plain;charset=utf-8")),
    ("JSON of nobody in particular", |answer| answer.kind = Some("application/json")),
    ("compressed by its type", |answer| answer.kind = Some("application/vnd.atlas.2024-08-05+gzip")),
    ("another vendor's", |answer| answer.kind = Some("application/vnd.other.2024-08-05+json")),
    ("no body", |answer| answer.body = Vec::new()),
    ("white space", |answer| answer.body = b" \r\n".to_vec()),
    ("204", |answer| (answer.status, answer.body) = (204, Vec::new())),
    ("202 and {}", |answer| (answer.status, answer.body) = (202, b"{}".to_vec())),
    ("a page of HTML", |answer| answer.body = b"<html><body>Sign in</body></html>".to_vec()),
    ("a page of HTML with its type", |answer| {
        (answer.kind, answer.body) = (Some("text/html"), b"<html><body>Sign in</body></html>".to_vec());
    }),
    ("half of it", |answer| answer.body.truncate(answer.body.len() / 2)),
    ("all but the last byte", |answer| answer.body.truncate(answer.body.len() - 1)),
    ("twice", |answer| answer.body = answer.body.repeat(2)),
    ("a byte order mark before it", |answer| answer.body = ["\u{feff}".as_bytes(), &answer.body].concat()),
    ("bytes that are no text", |answer| answer.body = vec![0xff; 40]),
    ("null", |answer| answer.write(&Value::Null)),
    ("true", |answer| answer.write(&json!(true))),
    ("a number", |answer| answer.write(&json!(7))),
    ("a text", |answer| answer.write(&json!("ok"))),
    ("[[]]", |answer| answer.write(&json!([[]]))),
    ("[null]", |answer| answer.write(&json!([null]))),
    ("{}", |answer| answer.write(&json!({}))),
    ("a page without a count", |answer| answer.write(&json!({"results": []}))),
    ("a page of another length than it says", |answer| answer.write(&json!({"results": [], "totalCount": 3}))),
    ("a page whose count is a text", |answer| answer.write(&json!({"results": [], "totalCount": "0"}))),
    ("a page whose results are a document", |answer| answer.write(&json!({"results": {}, "totalCount": 0}))),
    ("status ok", |answer| answer.write(&json!({"status": "ok"}))),
    ("an error with status 200", |answer| {
        answer.write(&json!({"error": 404, "errorCode": "RESOURCE_NOT_FOUND", "detail": "There is no such thing."}));
    }),
    ("another's", |answer| {
        answer.change(|mut document| {
            // A list of what is another's is a list; see below.
            if let Some(fields) = document.as_object_mut().filter(|fields| !fields.contains_key("results")) {
                rename(fields);
            }
            document
        });
    }),
    ("in an array", |answer| answer.change(|document| json!([document]))),
    ("in an envelope", |answer| answer.change(|document| json!({"status": 200, "content": document}))),
    ("in a text", |answer| answer.change(|document| json!(document.to_string()))),
    ("a redirect", |answer| (answer.status, answer.body) = (302, Vec::new())),
    ("400 of a code that nobody knows", |answer| answer.refuse(400, "NEVER_HEARD_OF")),
    ("409 of a code that nobody knows", |answer| answer.refuse(409, "NEVER_HEARD_OF")),
    ("404 without a code", |answer| answer.refuse(404, "")),
    ("404 of a code that nobody knows", |answer| answer.refuse(404, "NEVER_HEARD_OF")),
    ("404 in HTML", |answer| {
        (answer.status, answer.kind, answer.body) = (404, Some("text/html"), b"<html>Not Found</html>".to_vec());
    }),
    ("404 of the resource, in HTML", |answer| {
        answer.refuse(404, "CLUSTER_NOT_FOUND");
        answer.kind = Some("text/html");
    }),
    ("401 without a word", |answer| (answer.status, answer.body) = (401, Vec::new())),
    ("403 without a word", |answer| (answer.status, answer.body) = (403, Vec::new())),
    ("403 of an address", |answer| answer.refuse(403, "IP_ADDRESS_NOT_ON_ACCESS_LIST")),
    ("410", |answer| answer.refuse(410, "VERSION_GONE")),
    ("500", |answer| answer.refuse(500, "UNEXPECTED_ERROR")),
    ("502 in HTML", |answer| {
        (answer.status, answer.kind, answer.body) = (502, Some("text/html"), b"<html>Bad Gateway</html>".to_vec());
    }),
    ("503 without a word", |answer| (answer.status, answer.body) = (503, Vec::new())),
];

/// The kinds of damage to a document, or to each entry of a list, that is an answer but not about what was asked for, or not
/// of the types that it has.
pub const NO_DOCUMENT: &[Kind<Map<String, Value>>] = &[
    ("a name that is null", |document| each(document, NAMES, |_| Value::Null)),
    ("a name that is empty", |document| each(document, NAMES, |_| json!(""))),
    ("a name that is a number", |document| each(document, NAMES, |_| json!(7))),
    ("no name", |document| document.retain(|name, _| !NAMES.contains(&name.as_str()))),
    ("every field null", |document| document.values_mut().for_each(|value| *value = Value::Null)),
    ("every value a text", |document| document.values_mut().for_each(texts)),
    ("every field a text", |document| document.values_mut().for_each(|value| *value = json!(value.to_string()))),
    ("every field an empty text", |document| document.values_mut().for_each(|value| *value = json!(""))),
    ("every field a number", |document| document.values_mut().for_each(|value| *value = json!(1))),
    ("every field a list", |document| document.values_mut().for_each(|value| *value = json!([]))),
    ("every field a document", |document| document.values_mut().for_each(|value| *value = json!({}))),
    ("lists documents", |document| kinds(document, Value::is_array, &json!({}))),
    ("documents lists", |document| kinds(document, Value::is_object, &json!([]))),
];

/// The fields by which documents are known.
const NAMES: &[&str] = &[
    "id",
    "name",
    "groupId",
    "username",
    "databaseName",
    "roleName",
    "teamId",
    "cidrBlock",
    "ipAddress",
    "awsSecurityGroup",
    "stateName",
    "db",
    "collection",
];

/// The kinds of damage to a list that a sound answer could look like, and that are therefore believed if they last.
pub const SHRUNK: &[Kind<Vec<Value>>] = &[
    ("an empty list", Vec::clear),
    ("a list without every other entry", |items| alternate(items, 0)),
    ("a list without the others", |items| alternate(items, 1)),
    ("a list without its last entry", |items| drop(items.pop())),
    ("a list without its first entry", |items| drop((!items.is_empty()).then(|| items.remove(0)))),
    ("a list of other entries", |items| items.iter_mut().filter_map(Value::as_object_mut).for_each(rename)),
];

fn each(document: &mut Map<String, Value>, names: &[&str], change: impl Fn(&Value) -> Value) {
    for (_, value) in document.iter_mut().filter(|(name, _)| names.contains(&name.as_str())) {
        *value = change(value);
    }
}

fn rename(document: &mut Map<String, Value>) {
    each(document, NAMES, |value| json!(format!("{}x", value.as_str().unwrap_or_default())));
}

fn texts(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(texts),
        Value::Object(fields) => fields.values_mut().for_each(texts),
        Value::String(_) => {}
        other => *other = json!(other.to_string()),
    }
}

fn kinds(document: &mut Map<String, Value>, is: fn(&Value) -> bool, other: &Value) {
    document.values_mut().filter(|value| is(value)).for_each(|value| *value = other.clone());
}

fn alternate(items: &mut Vec<Value>, first: usize) {
    let mut index = first;
    items.retain(|_| {
        index += 1;
        index.is_multiple_of(2)
    });
}

impl Answer {
    fn write(&mut self, body: &Value) {
        self.body = body.to_string().into_bytes();
    }

    fn change(&mut self, change: impl FnOnce(Value) -> Value) {
        let document = serde_json::from_slice(&self.body).unwrap();
        self.write(&change(document));
    }

    pub fn refuse(&mut self, status: u16, code: &str) {
        (self.status, self.kind) = (status, Some("application/json"));
        self.write(&json!({"error": status, "errorCode": code, "detail": "It is so.", "reason": "x"}));
    }

    /// Damages the document, or each entry of a list.
    pub fn documents(&mut self, damage: fn(&mut Map<String, Value>)) {
        self.change(|mut answer| {
            let items = match &mut answer {
                Value::Array(items) => items,
                Value::Object(page) if page.contains_key("results") => page["results"].as_array_mut().unwrap(),
                document => {
                    damage(document.as_object_mut().unwrap());
                    return answer;
                }
            };
            for item in items {
                damage(item.as_object_mut().unwrap());
            }
            answer
        });
    }

    /// Takes entries out of the list, if it is one, and counts those that are left.
    pub fn lists(&mut self, damage: fn(&mut Vec<Value>)) {
        self.change(|mut answer| {
            match &mut answer {
                Value::Array(items) => damage(items),
                Value::Object(page) if page.contains_key("results") => {
                    let items = page["results"].as_array_mut().unwrap();
                    damage(items);
                    page["totalCount"] = json!(page["results"].as_array().unwrap().len());
                }
                Value::Object(document) if document.contains_key("managedNamespaces") => {
                    damage(document["managedNamespaces"].as_array_mut().unwrap());
                    let mapping = document["customZoneMapping"].as_object_mut().unwrap();
                    let mut places: Vec<Value> = mapping.keys().map(|place| json!(place)).collect();
                    damage(&mut places);
                    mapping.retain(|place, _| places.contains(&json!(place)));
                }
                _ => {}
            }
            answer
        });
    }
}
