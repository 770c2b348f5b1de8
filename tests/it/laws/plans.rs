//! Laws of the planner, on what Atlas really answers: plans equal runs, and what is no difference is none.
use std::collections::BTreeMap;

use atlas_operator::{
    atlas::{Clients, Credentials, Endpoint, Method, Settings},
    engine::{
        Clock,
        observe::{look_up, observe},
        outcome::whole_second,
        plan::{self, Adopt, Cause, Issuance, Kept, Memory, Observed, Scene, Sending, Step, Wanted},
        predict::{NEW_ID, whole},
    },
    kind::{By, Given, Kind, Policy, SecretSource, Shape, Slots},
    kinds,
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json, value::RawValue};

use super::{
    fake_kube::Key,
    world::{NAMESPACE, World, documents, examples},
};

/// What a planner would see of an object now: its spec, what Atlas answers, and what its status remembers.
pub(super) async fn scene(world: &World, kind: &dyn Kind, spec: &Value, status: &Value) -> Scene {
    let organization = &world.simulator.organizations()[0];
    let credentials = Credentials::ApiKey {
        org_id: organization.id.clone(),
        public_key: organization.public_key.clone(),
        private_key: SecretString::from(organization.private_key.clone()),
    };
    let clients = Clients::new(Endpoint::parse(world.simulator.base_url()).unwrap(), Settings::default());
    let client = clients.get("plan", "1", || Ok(credentials)).unwrap();

    let declared = kind.read(&RawValue::from_string(spec.to_string()).unwrap()).unwrap();
    let needs = declared.needs();
    let project = world.kube.all("atlasprojects").first().map(|(_, project)| project["status"]["atlas"].clone());
    let project_id = project.and_then(|atlas| atlas["projectId"].as_str().map(str::to_owned));
    let secrets: BTreeMap<&'static str, SecretString> =
        needs.secrets.iter().map(|need| (need.field, SecretString::from("never-compared"))).collect();
    let mut found = BTreeMap::new();
    for lookup in &needs.lookups {
        let mut slots = lookup.slots.clone();
        slots.insert("orgId", organization.id.clone());
        found.extend(look_up(&client, lookup, &slots).await.unwrap().map(|answer| (lookup.key.clone(), answer)));
    }
    // What is planned before the object is there counts from now.
    let created = world
        .kube
        .all(kind.plural())
        .first()
        .and_then(|(_, object)| serde_json::from_value(object["metadata"]["creationTimestamp"].clone()).ok());
    let named = needs.objects.iter().map(|need| {
        let name = match &need.by {
            By::AtlasName(name) => name.clone(),
            By::Object(name) => {
                let plural = kinds::by_name(need.kind).unwrap().plural().to_owned();
                let object = world.kube.get(&(plural, NAMESPACE.to_owned(), name.clone())).unwrap();
                object["spec"]["name"].as_str().unwrap().to_owned()
            }
        };
        (need.path.clone(), name)
    });
    let given = Given {
        found,
        org_id: organization.id.clone(),
        project_id: project_id.clone(),
        secrets: secrets.clone(),
        created: created.or_else(|| Some(whole_second(world.clock.now()))),
        names: named.collect(),
    };
    let parts = declared.parts(&given).unwrap();
    let slots: Slots = project_id.map(|id| ("groupId", id)).into_iter().collect();
    let seen = observe(&client, &parts, &slots, false, None).await.unwrap();
    let entries = status["atlas"]["entries"].as_object().cloned().unwrap_or_default();
    Scene {
        wanted: Wanted::Present,
        parts,
        observed: seen.parts,
        slots: seen.slots,
        memory: Memory {
            id: status["atlas"]["id"].as_str().map(str::to_owned),
            entries: entries.into_iter().map(|(part, keys)| (part, serde_json::from_value(keys).unwrap())).collect(),
            ..Memory::default()
        },
        adopt: Adopt::Identical,
        stale: if status["atlas"]["id"].is_null() { secrets.keys().copied().collect() } else { Vec::new() },
        secrets,
        issuance: declared.issue().map(|issue| Issuance { kept: kept(&status[issue.name]), issue }),
        now: world.clock.now(),
    }
}

/// The life of what the status says is kept; of its beginning it is only known that it is past.
fn kept(shown: &Value) -> Option<Kept> {
    let until = shown["notAfter"].as_str()?.parse().unwrap();
    Some(Kept { from: Timestamp::UNIX_EPOCH, until })
}

/// Settles an example and answers its own key, spec and status.
async fn settled(world: &mut World, manifest: &str) -> (super::world::TestOperator, Key, Value, Value) {
    world.reset().await;
    world.provide_credentials();
    let documents = documents(manifest);
    let keys: Vec<Key> = documents.iter().map(|document| world.apply_one(document)).collect();
    let mut operator = world.operator();
    world.run(&mut operator).await;
    let key = keys.last().unwrap().clone();
    let status = world.kube.get(&key).unwrap()["status"].clone();
    (operator, key, documents.last().unwrap()["spec"].clone(), status)
}

fn sendings(steps: &[Step]) -> Vec<&Sending> {
    steps.iter().filter_map(|step| if let Step::Send(sending) = step { Some(sending) } else { None }).collect()
}

/// Compares a plan with the calls of a run: every certain call in its place, conditional ones sent or not, no other.
fn compare(name: &str, steps: &[Step], calls: &[harness::Call], group: &str) -> (usize, usize) {
    let mut calls = calls.iter().peekable();
    let (mut certain, mut conditional) = (0, 0);
    for sending in sendings(steps) {
        let planned = sending.call.to_string().replacen(' ', " /api/atlas/v2", 1).replace(NEW_ID, group);
        let body = sending.call.body.as_ref().map_or(Value::Null, |body| body.json().clone());
        let body: Value = serde_json::from_str(&body.to_string().replace(NEW_ID, group)).unwrap();
        match calls.peek() {
            Some(call)
                if call.line() == planned && fits(&unsecret(&call.request), &unsecret(&body), sending.certain) =>
            {
                calls.next();
            }
            next => assert!(
                !sending.certain,
                "{name}: planned {planned} {body} for {:?}, but sent {:?}",
                sending.changes,
                next.map(|call| (call.line(), call.request.clone()))
            ),
        }
        if sending.certain { certain += 1 } else { conditional += 1 }
    }
    let unplanned: Vec<_> = calls.map(harness::Call::line).collect();
    assert!(unplanned.is_empty(), "{name}: sent but not planned: {unplanned:?}");
    (certain, conditional)
}

/// A certain call is as planned; of a conditional one, the fields that Atlas's defaults already matched are left out.
fn fits(sent: &Value, planned: &Value, certain: bool) -> bool {
    match (sent, planned) {
        (Value::Object(sent), Value::Object(planned)) if !certain => {
            !sent.is_empty() && sent.iter().all(|(name, value)| planned.get(name) == Some(value))
        }
        _ => sent == planned,
    }
}

fn unsecret(body: &Value) -> Value {
    let mut body = body.clone();
    if body.get("password").is_some() {
        body["password"] = json!("(secret)");
    }
    body
}

async fn mutating(world: &World) -> Vec<harness::Call> {
    let calls = world.simulator.calls_with_bodies(0).await.unwrap();
    calls.into_iter().filter(|call| call.mutating).collect()
}

/// Law 16: the calls of a run are the plan that was printed before it, for a creation, an edit and a deletion.
#[tokio::test]
async fn the_plan_equals_the_calls_of_the_run() {
    let mut world = World::new().await;
    world.defaults.deletion = Some(atlas_operator::kind::Deletion::Delete);
    let (mut certain, mut conditional) = (0, 0);
    let mut count = |counts: (usize, usize)| {
        certain += counts.0;
        conditional += counts.1;
    };
    for (name, kind, example) in examples() {
        world.reset().await;
        world.provide_credentials();
        let mut documents = documents(example.manifest);
        let mut own = documents.pop().unwrap();
        for document in &documents {
            world.apply_one(document);
        }
        let mut operator = world.operator();
        world.run(&mut operator).await;

        // Creation.
        world.simulator.clear_calls().await.unwrap();
        let steps = whole(scene(&world, kind, &own["spec"], &Value::Null).await).unwrap();
        let key = world.apply_one(&own);
        world.run(&mut operator).await;
        let status = world.kube.get(&key).unwrap()["status"].clone();
        let group = status["atlas"]["projectId"].as_str().unwrap().to_owned();
        count(compare(&format!("{name}, created"), &steps, &mutating(&world).await, &group));

        // An edit.
        if let Some((pointer, value)) = example.edit {
            *own["spec"].pointer_mut(pointer).unwrap() = serde_json::from_str(value).unwrap();
            world.simulator.clear_calls().await.unwrap();
            let steps = whole(scene(&world, kind, &own["spec"], &status).await).unwrap();
            world.apply_one(&own);
            world.run(&mut operator).await;
            count(compare(&format!("{name}, edited"), &steps, &mutating(&world).await, &group));
        }

        // Deletion.
        let status = world.kube.get(&key).unwrap()["status"].clone();
        let mut gone = scene(&world, kind, &own["spec"], &status).await;
        gone.wanted = Wanted::Gone;
        let steps = whole(gone).unwrap();
        world.simulator.clear_calls().await.unwrap();
        world.kube.delete(&key);
        world.run(&mut operator).await;
        count(compare(&format!("{name}, deleted"), &steps, &mutating(&world).await, &group));
    }
    println!("law 16: {certain} certain and {conditional} conditional calls, all as planned");
    assert!(certain > 3 * examples().len() / 2);
}

/// Law 4: what Atlas adds, reorders or spells in another way is no difference.
#[tokio::test]
async fn added_reordered_and_respelled_data_is_no_difference() {
    let mut world = World::new().await;
    let mut variants = 0;
    for (name, kind, example) in examples() {
        let (_, _, spec, status) = settled(&mut world, example.manifest).await;
        let scene = scene(&world, kind, &spec, &status).await;
        assert_eq!(plan::next(&scene).unwrap(), Step::Done, "{name}");
        for part in &scene.parts {
            let Some(Observed::Present(seen)) = scene.observed.get(part.name) else { continue };
            let unordered: Vec<&str> = part
                .route
                .fields
                .iter()
                .filter(|field| matches!(field.policy, Policy::Set(_)))
                .map(|field| field.path)
                .collect();
            let whole = matches!(part.route.shape, Shape::Entries(_));
            for change in [added, respelled, nulls] {
                variants += 1;
                let mut other = scene.clone();
                other.observed.insert(part.name, Observed::Present(change(seen)));
                assert_eq!(plan::next(&other).unwrap(), Step::Done, "{name}: {}", part.name);
            }
            let mut reversed = seen.clone();
            for path in unordered {
                if let Some(list) = reversed.get_mut(path).and_then(Value::as_array_mut) {
                    variants += 1;
                    list.reverse();
                }
            }
            if let (true, Some(list)) = (whole, reversed.as_array_mut()) {
                variants += 1;
                list.reverse();
            }
            let mut other = scene.clone();
            other.observed.insert(part.name, Observed::Present(reversed));
            assert_eq!(plan::next(&other).unwrap(), Step::Done, "{name}: {} reversed", part.name);
        }
    }
    println!("law 4: {variants} variants of what Atlas may answer, none of them a difference");
    assert!(variants > 3 * examples().len());
}

/// A field that no version of Atlas has yet, in every object.
fn added(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), added(value))).collect();
            fields.insert("zzAddedByAtlas".to_owned(), json!({"since": 2027}));
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(added).collect(),
        other => other.clone(),
    }
}

/// `10` as `10.0`.
fn respelled(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), respelled(value))).collect(),
        Value::Array(items) => items.iter().map(respelled).collect(),
        Value::Number(number) => json!(number.as_f64().unwrap()),
        other => other.clone(),
    }
}

/// Nulls where there was nothing.
fn nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), nulls(value))).collect();
            fields.insert("zzNull".to_owned(), Value::Null);
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(nulls).collect(),
        other => other.clone(),
    }
}

/// Law 9, the planner's half: what Atlas cannot change is refused, and nothing is sent. (The other half, by CEL, is
/// beside the kinds and on the real API server.)
#[tokio::test]
async fn an_immutable_field_that_differs_is_refused_by_the_plan() {
    let mut world = World::new().await;
    let mut refused = 0;
    for (name, kind, example) in examples() {
        let (_, _, spec, status) = settled(&mut world, example.manifest).await;
        let scene = scene(&world, kind, &spec, &status).await;
        for part in &scene.parts {
            let Some(Observed::Present(seen)) = scene.observed.get(part.name) else { continue };
            for field in part.route.fields.iter().filter(|field| matches!(field.policy, Policy::Immutable)) {
                let pointer = format!("/{}", field.path.replace("[]", "/0").replace('.', "/"));
                let mut other = seen.clone();
                let Some(value) = other.pointer_mut(&pointer).filter(|_| part.desired.pointer(&pointer).is_some())
                else {
                    continue;
                };
                *value = json!("something else");
                let mut scene = scene.clone();
                scene.observed.insert(part.name, Observed::Present(other));
                let step = plan::next(&scene).unwrap();
                let Step::Refuse(refusal) = &step else { panic!("{name}: {} gave {step:?}", field.path) };
                assert_eq!(refusal.cause, Cause::Immutable, "{name}: {}", field.path);
                assert!(refusal.path.starts_with("spec."), "{name}: {refusal:?}");
                refused += 1;
            }
        }
    }
    println!("law 9: {refused} immutable fields refused");
    assert!(refused >= 4, "{refused}");
}

/// Law 11: what Atlas never returns is sent when its Secret changes, and at no other time.
#[tokio::test]
async fn a_write_only_field_is_sent_exactly_when_its_secret_changes() {
    let mut world = World::new().await;
    let mut rotated = 0;
    for (name, kind, example) in examples() {
        let (mut operator, key, spec, _) = settled(&mut world, example.manifest).await;
        let needs = kind.read(&RawValue::from_string(spec.to_string()).unwrap()).unwrap().needs().secrets;
        for need in needs {
            world.simulator.clear_calls().await.unwrap();
            world.run_for(&mut operator, Some(std::time::Duration::from_hours(3))).await;
            assert!(mutating(&world).await.is_empty(), "{name}: sent without a change");
            let (secret, value) = match &need.source {
                SecretSource::Named { name, key } => (name.clone(), key.as_str()),
                SecretSource::Made => (format!("{}-generated-{}", key.2, need.field), need.field),
            };
            let secret = json!({"metadata": {"name": secret}, "stringData": {value: "another password"}});
            world.kube.apply("secrets", &key.1, &secret);
            world.run_for(&mut operator, Some(std::time::Duration::from_hours(3))).await;
            let sent = mutating(&world).await;
            assert_eq!(sent.len(), 1, "{name}: {:?}", sent.iter().map(harness::Call::line).collect::<Vec<_>>());
            assert_eq!(sent[0].method, Method::PATCH.as_str());
            let mut request = sent[0].request.clone();
            let carried = super::steady::carried(kind, &spec);
            request.as_object_mut().unwrap().retain(|field, _| !carried.contains(&field.as_str()));
            assert_eq!(request, json!({need.field: "another password"}), "{name}");
            rotated += 1;
        }
    }
    assert!(rotated > 0);
}
