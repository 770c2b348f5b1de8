//! Lines of the log: each has a time, a level, a sentence, and fields whose names are unique.
//!
//! The fields of a line are those of its event and of the operator's spans around it, in one flat list: the event's
//! replace those of a span, and an inner span's those of an outer one. Spans of libraries are left out.
use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    io::Write as _,
};

use jiff::Timestamp;
use serde_json::Value;
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, fmt::MakeWriter, layer::Context, registry::LookupSpan};

use super::logs::Format;

/// Where the operator's own events and spans come from.
const OWN: &str = "atlas_operator";
/// What a JSON line says before its fields; a field of such a name is written with a prefix.
const FIXED: [&str; 4] = ["timestamp", "level", "target", "message"];
/// The fields that name an object.
const OBJECT: [&str; 3] = ["kind", "namespace", "name"];

/// Writes every event as a line to what `writer` makes.
pub struct Lines<W> {
    format: Format,
    writer: W,
}

impl<W> Lines<W> {
    /// Lines in this format.
    pub fn new(format: Format, writer: W) -> Self {
        Self { format, writer }
    }
}

/// Fields by name, in the order in which they came.
#[derive(Clone, Default)]
struct Fields(Vec<(Cow<'static, str>, Value)>);

impl Fields {
    fn set(&mut self, name: Cow<'static, str>, value: Value) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(field) => field.1 = value,
            None => self.0.push((name, value)),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name)?.1.as_str()
    }
}

/// The fields and the sentence of one event or span.
#[derive(Default)]
struct Seen {
    message: String,
    fields: Fields,
}

impl Seen {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) if FIXED.contains(&name) => self.fields.set(format!("field.{name}").into(), value),
            (name, value) => self.fields.set(name.into(), value),
        }
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::String(value.to_owned()));
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, Value::String(value.to_string()));
    }
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id).filter(|span| is_own(span.metadata())) {
            let mut seen = Seen::default();
            attributes.record(&mut seen);
            span.extensions_mut().replace(seen.fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id).filter(|span| is_own(span.metadata())) {
            let mut seen = Seen::default();
            let mut extensions = span.extensions_mut();
            seen.fields = extensions.remove::<Fields>().unwrap_or_default();
            values.record(&mut seen);
            extensions.replace(seen.fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut seen = Seen::default();
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().into_iter().rev() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                for (name, value) in &fields.0 {
                    seen.fields.set(name.clone(), value.clone());
                }
            }
        }
        event.record(&mut seen);
        let metadata = event.metadata();
        #[expect(clippy::disallowed_methods, reason = "a line says when it was written; nothing depends on it")]
        let now = Timestamp::now();
        let mut line = match self.format {
            Format::Text => text(now, metadata, &seen),
            Format::Json => json(now, metadata, &seen),
        };
        line.push('\n');
        // One write for a whole line, so that lines of several threads never mix. A log that cannot be written to has
        // nowhere to say so.
        drop(self.writer.make_writer_for(metadata).write_all(line.as_bytes()));
    }
}

fn is_own(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    target == OWN || target.strip_prefix(OWN).is_some_and(|rest| rest.starts_with("::"))
}

/// `{"timestamp":…,"level":"WARN","message":…,"kind":…,"target":…}`.
fn json(now: Timestamp, metadata: &Metadata<'_>, seen: &Seen) -> String {
    let mut line = format!("{{\"timestamp\":\"{now:.6}\",\"level\":\"{}\"", metadata.level());
    let mut put = |name: &str, value: &Value| {
        // Writing to a string does not fail.
        let _ = write!(line, ",{}:{value}", Value::from(name));
    };
    put("message", &Value::from(seen.message.as_str()));
    for (name, value) in &seen.fields.0 {
        put(name, value);
    }
    put("target", &Value::from(metadata.target()));
    line.push('}');
    line
}

/// `2026-11-28T23:44:38.120Z WARN  AtlasCluster shop/orders: The sentence. outcome=refused reason=Held`.
fn text(now: Timestamp, metadata: &Metadata<'_>, seen: &Seen) -> String {
    let mut line = format!("{now:.3} {:<5} ", metadata.level().as_str());
    if !is_own(metadata) || *metadata.level() >= Level::DEBUG {
        line.push_str(metadata.target());
        line.push_str(": ");
    }
    let object = OBJECT.map(|name| seen.fields.text(name));
    if let [Some(kind), Some(namespace), Some(name)] = object {
        line.push_str(&plain(&format!("{kind} {namespace}/{name}: ")));
    }
    line.push_str(&plain(&seen.message));
    let shown_before = |name: &str| OBJECT.contains(&name) && object.iter().all(Option::is_some);
    for (name, value) in seen.fields.0.iter().filter(|(name, _)| !shown_before(name)) {
        let value = match value {
            Value::String(text) if is_word(text) => text.clone(),
            value => value.to_string(),
        };
        let _ = write!(line, " {name}={value}");
    }
    line
}

/// Whether a text is read as one value without quotation marks.
fn is_word(text: &str) -> bool {
    let inside = |letter: char| !letter.is_whitespace() && !letter.is_control() && !matches!(letter, '"' | '=' | '\\');
    !text.is_empty() && text.chars().all(inside)
}

/// A text in one line: what others wrote can neither begin a line nor move the cursor.
fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: Format, say: impl FnOnce()) -> Vec<String> {
        let log = Written::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::registry().with(Lines::new(format, move || writer.clone()));
        tracing::subscriber::with_default(subscriber, say);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    fn say() {
        let outer = tracing::info_span!(target: "kube_runtime", "reconciling", object.ref = "x", name = "wrong");
        let _outer = outer.enter();
        let pass = tracing::info_span!(
            target: "atlas_operator::engine",
            "pass",
            kind = "AtlasCluster",
            namespace = "shop",
            name = "orders",
            outcome = tracing::field::Empty
        );
        let _pass = pass.enter();
        pass.record("outcome", "failed");
        tracing::warn!(target: "atlas_operator::engine", outcome = "refused", reason = %"Held", "one\ntwo {}", "\u{1b}[1m");
        tracing::info!(target: "kube", level = "low", message = 7, tries = 3, lasts = 0.5, error = "no way", "said");
    }

    #[test]
    fn a_json_line_is_flat_and_names_nothing_twice() {
        let lines = written(Format::Json, say);
        let (_, first) = lines[0].split_once(',').unwrap();
        assert_eq!(
            first,
            r#""level":"WARN","message":"one\ntwo \u001b[1m","kind":"AtlasCluster","namespace":"shop","name":"orders","outcome":"refused","reason":"Held","target":"atlas_operator::engine"}"#
        );
        assert!(lines[1].contains(r#""outcome":"failed","field.level":"low","field.message":7,"tries":3,"lasts":0.5"#));
        assert_eq!(lines.len(), 2);
    }

    #[test]
    fn a_text_line_has_the_object_and_the_sentence_before_the_rest() {
        let lines = written(Format::Text, say);
        let (_, first) = lines[0].split_once(' ').unwrap();
        assert_eq!(first, r"WARN  AtlasCluster shop/orders: one\ntwo \u{1b}[1m outcome=refused reason=Held");
        let (_, second) = lines[1].split_once(' ').unwrap();
        let says = r#"INFO  kube: AtlasCluster shop/orders: said outcome=failed field.level=low field.message=7 tries=3 lasts=0.5 error="no way""#;
        assert_eq!(second, says);
    }
}
