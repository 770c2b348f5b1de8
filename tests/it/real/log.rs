//! Reads a log of JSON lines as the strictest of its readers does: a name that stands twice in an object is an error.
use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// Every line of a log, each as the flat object that it must be.
pub fn lines(log: &str) -> Vec<Map<String, Value>> {
    log.lines().map(|line| read(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn read(line: &str) -> Result<Map<String, Value>, String> {
    let Strict(value) = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let Value::Object(fields) = value else { return Err("no object".to_owned()) };
    for name in ["timestamp", "level", "message", "target"] {
        if !fields.get(name).is_some_and(Value::is_string) {
            return Err(format!("no {name}"));
        }
    }
    match fields.values().find(|value| value.is_object() || value.is_array()) {
        Some(nested) => Err(format!("not flat: {nested}")),
        None => Ok(fields),
    }
}

/// A value none of whose objects has a name twice.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("no number"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some((name, Strict(value))) = fields.next_entry::<String, _>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format!("{name:?} stands there twice")));
            }
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[test]
fn the_reader_of_logs_refuses_what_others_read_over() {
    let line = |rest: &str| format!(r#"{{"timestamp":"t","level":"INFO","message":"m","target":"t"{rest}}}"#);
    assert_eq!(read(&line(r#","status":200"#)).unwrap()["status"], 200);
    for (rest, says) in [
        (r#","level":"warn""#, "\"level\" stands there twice"),
        (r#","span":{"name":"a","name":"pass"}"#, "\"name\" stands there twice"),
        (r#","span":{"name":"a"}"#, "not flat"),
    ] {
        let error = read(&line(rest)).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    assert!(read("{}").unwrap_err().contains("no timestamp"));
}
