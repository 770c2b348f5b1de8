//! Specs that nobody thought of: examples, changed at random where their schema allows it.
//!
//! Whatever the definition and Atlas take becomes ready, costs nothing from then on, and is what an importer makes of
//! what Atlas then shows. Whatever is not taken is said to be so.
use std::{collections::BTreeMap, time::Duration};

use atlas_operator::{
    engine::{
        Clock as _,
        plan::{self, Observed, Scene, Step},
    },
    kind::Documents,
    kinds,
};
use jiff::{SignedDuration, Timestamp};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use super::{
    plans::scene,
    world::{World, condition, documents, examples},
};
use crate::definition::Definition;

/// Other numbers are other specs; with the same one a failure comes again.
const SEED: u64 = 20_241_023;
/// Specs that are made for each example.
const EACH: usize = 8;
/// Most changes to one example: more of them seldom make a whole.
const MOST_CHANGES: usize = 4;
/// Time for whatever Atlas does at its own pace.
const ENOUGH: Duration = Duration::from_hours(3);
/// Two resyncs, in which a settled object costs nothing.
const AFTERWARDS: Duration = Duration::from_hours(2);
/// What may become of a spec that does not become ready: something that a person can mend.
const FOR_A_PERSON: &[&str] = &["Blocked", "DependencyNotFound", "DependencyNotReady", "InvalidSpec", "Rejected"];
/// What says where an object belongs and what it refers to: changed, it waits for something that is not there.
const FIXED: &[&str] = &[
    "projectRef",
    "projectId",
    "connectionSecretRef",
    "allowedNamespaces",
    "passwordSecretRef",
    "teamId",
    "customerX509",
];

/// What an example can be changed into, at random.
pub struct Chance {
    pub numbers: StdRng,
    pub now: Timestamp,
    /// The fields that stay as they are, by name.
    pub fixed: &'static [&'static str],
}

/// A place in a spec where something may be otherwise.
struct Place<'a> {
    pointer: String,
    schema: &'a Value,
    optional: bool,
}

impl Chance {
    pub fn below(&mut self, bound: usize) -> usize {
        self.numbers.random_range(0..bound)
    }

    pub fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    /// Makes one change.
    pub fn change(&mut self, schema: &Value, spec: &mut Value) {
        let mut places = Vec::new();
        collect(schema, spec, "", self.fixed, false, &mut places);
        let Place { pointer, schema, optional } = &places[self.below(places.len())];
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let made = self.value(schema);
        let parent = spec.pointer_mut(parent).unwrap();
        match parent {
            Value::Object(fields) if *optional && fields.contains_key(name) && self.one_in(3) => {
                fields.remove(name);
            }
            Value::Object(fields) => match fields.get_mut(name) {
                Some(Value::Array(items)) if items.len() > 1 && self.one_in(2) => {
                    let at = self.below(items.len());
                    let item = items.remove(at);
                    if self.one_in(2) {
                        items.push(item);
                    }
                }
                _ => drop(fields.insert(name.to_owned(), made)),
            },
            Value::Array(items) => items[name.parse::<usize>().unwrap()] = made,
            other => panic!("{pointer} is in {other}"),
        }
    }

    /// A value that the schema describes.
    fn value(&mut self, schema: &Value) -> Value {
        if let Some(choices) = schema["enum"].as_array() {
            return self.pick(choices).clone();
        }
        match schema["type"].as_str().unwrap_or_default() {
            "boolean" => json!(self.one_in(2)),
            "integer" | "number" => {
                let least = bound(schema, "minimum").unwrap_or(0);
                let most = bound(schema, "maximum").unwrap_or(least + 100);
                json!(self.numbers.random_range(least..=most.min(least + 200)))
            }
            "array" => {
                let count = bound(schema, "minItems").unwrap_or(0) + i64::from(self.one_in(2));
                (0..count).map(|_| self.value(&schema["items"])).collect()
            }
            "object" => {
                let required = schema["required"].as_array().cloned().unwrap_or_default();
                let fields = schema["properties"].as_object().into_iter().flatten();
                let mut object = serde_json::Map::new();
                for (name, field) in fields {
                    if required.contains(&json!(name)) || self.one_in(4) {
                        object.insert(name.clone(), self.value(field));
                    }
                }
                Value::Object(object)
            }
            _ if schema["pattern"].is_string() => json!("orders"),
            _ if schema["format"] == "date-time" => json!((self.now + SignedDuration::from_hours(30)).to_string()),
            _ => {
                const WORDS: [&str; 4] = ["orders", "Invoices", "v 2", "ä-b"];
                let word = *self.pick(&WORDS);
                let too_short = bound(schema, "minLength")
                    .is_some_and(|least| word.chars().count() < usize::try_from(least).unwrap());
                json!(if too_short { WORDS[0] } else { word })
            }
        }
    }
}

/// A bound of a schema. Numbers in a schema are floating-point numbers.
fn bound(schema: &Value, name: &str) -> Option<i64> {
    let bound = &schema[name];
    bound.as_i64().or_else(|| bound.as_f64().map(|bound| format!("{bound:.0}").parse().unwrap()))
}

/// Every place at and below a value.
fn collect<'a>(
    schema: &'a Value,
    value: &Value,
    pointer: &str,
    fixed: &[&str],
    optional: bool,
    places: &mut Vec<Place<'a>>,
) {
    if !pointer.is_empty() {
        places.push(Place { pointer: pointer.to_owned(), schema, optional });
    }
    match value {
        Value::Object(fields) => {
            let required = schema["required"].as_array();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                if fixed.contains(&name.as_str()) {
                    continue;
                }
                let optional = required.is_none_or(|required| !required.contains(&json!(name)));
                let value = fields.get(name).unwrap_or(&Value::Null);
                collect(field, value, &format!("{pointer}/{name}"), fixed, optional, places);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(&schema["items"], item, &format!("{pointer}/{index}"), fixed, false, places);
            }
        }
        _ => {}
    }
}

/// A changed example that the definition takes and that is no other way of writing the example.
fn vary(definition: &Definition, example: &Value, chance: &mut Chance) -> Value {
    loop {
        let mut object = example.clone();
        for _ in 0..=chance.below(MOST_CHANGES) {
            chance.change(&definition.schema["properties"]["spec"], &mut object["spec"]);
        }
        if object != *example && definition.judge(&object, None).is_ok() {
            return object;
        }
    }
}

/// What Atlas shows of an object, by part.
fn shown(scene: &Scene) -> Documents {
    let documents = scene.observed.iter().filter_map(|(name, seen)| Some((*name, Observed::document(seen)?.clone())));
    documents.collect()
}

/// What must hold of an object that is ready.
async fn expect_settled(world: &World, definition: &Definition, object: &Value, status: &Value) {
    let spec = &object["spec"];
    let scene = scene(world, definition.kind, spec, status).await;
    assert_eq!(plan::next(&scene).unwrap(), Step::Done, "what is Ready has nothing left to do: {spec:#}");

    let documents = shown(&scene);
    let mut imported = object.clone();
    imported["spec"] = kinds::import(definition.kind, &documents).unwrap();
    for field in ["projectRef", "passwordSecretRef"].into_iter().filter(|field| spec[*field].is_object()) {
        imported["spec"][field] = spec[field].clone();
    }
    let verdict = definition.judge(&imported, None);
    assert!(verdict.is_ok(), "{verdict:?}: the definition takes what is imported: {imported:#} of {documents:#?}");
    let scene = super::plans::scene(world, definition.kind, &imported["spec"], status).await;
    let next = plan::next(&scene).unwrap();
    assert_eq!(next, Step::Done, "{:#} was imported of {documents:#?}", imported["spec"]);
}

#[tokio::test]
async fn specs_made_at_random_settle_and_are_what_is_imported_of_them() {
    let mut world = World::new().await;
    let mut chance = Chance { numbers: StdRng::seed_from_u64(SEED), now: world.clock.now(), fixed: FIXED };
    let mut counts: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for (name, kind, example) in examples() {
        let definition = Definition::of(kind);
        let documents = documents(example.manifest);
        let (last, before) = documents.split_last().unwrap();
        for number in 0..EACH {
            let object = vary(&definition, last, &mut chance);
            world.reset().await;
            world.provide_credentials();
            for document in before {
                world.apply_one(document);
            }
            let key = world.apply_one(&object);
            let mut operator = world.operator();
            world.run_for(&mut operator, Some(ENOUGH)).await;
            let status = world.kube.get(&key).unwrap()["status"].clone();
            let ready = condition(&json!({"status": status}), "Ready");
            let outcome = if ready["status"] == "True" { "Ready" } else { ready["reason"].as_str().unwrap() };
            *counts.entry((kind.name(), outcome.to_owned())).or_default() += 1;
            if outcome != "Ready" {
                assert!(FOR_A_PERSON.contains(&outcome), "{name} {number}: {ready} is said of {:#}", object["spec"]);
                let message = ready["message"].as_str().unwrap();
                assert!(message.len() > 20, "{name} {number}: {ready} is said of {:#}", object["spec"]);
                continue;
            }
            expect_settled(&world, &definition, &object, &status).await;
            let since = world.simulator.latest_call().await.unwrap();
            world.run_for(&mut operator, Some(AFTERWARDS)).await;
            let calls = world.simulator.mutating_calls(since).await.unwrap();
            assert!(calls.is_empty(), "{name} {number}: {calls:?} for {:#}", object["spec"]);
        }
    }
    println!("{EACH} specs for each example, by kind and what became of them:");
    for ((kind, outcome), count) in &counts {
        println!("{kind:20} {outcome:24} {count}");
    }
    for kind in kinds::all() {
        let ready = counts.get(&(kind.name(), "Ready".to_owned())).copied().unwrap_or_default();
        assert!(ready >= 2 * EACH / 3, "only {ready} of {} became Ready", kind.name());
    }
}
