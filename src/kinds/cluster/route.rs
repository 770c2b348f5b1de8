//! Where the documents of a cluster live, how their fields compare, and what Atlas would refuse in which state.
use serde_json::{Map, Value, json};

use super::{merge, moved, passage, scaling, shards, version};
use crate::{
    kind::{
        Add, Alter, Clearing, Delete, Documents, Endpoint, Entries, Field, Guard, Hold, Intent, Part, Passage, Policy,
        Route, Settled, Slots,
    },
    kinds::common,
};

const ADDRESS: &str = "/groups/{groupId}/clusters/{clusterName}";

/// Dedicated clusters and M0s, where a change waits as long as the cluster is paused.
pub(super) static CLUSTER: Route = cluster(stays_paused, &[&FLEX]);

/// Dedicated clusters that are resumed for a change.
pub(super) static RESUMABLE: Route = cluster(is_resumed, &[&FLEX]);

/// Where a cluster is looked at of which nothing is known but its name.
pub fn known_by(name: &str) -> Part {
    let slots = Slots::from([("clusterName", name.to_owned()), ("name", name.to_owned())]);
    Part { slots, ..Part::new(super::CLUSTER, &CLUSTER, json!({})) }
}

/// The version of GET is older than that of POST and PATCH, and DELETE's older still, because each is the newest that
/// its operation has.
const fn cluster(guard: Guard, others: &'static [&'static Route]) -> Route {
    Route {
        read: Endpoint::new(ADDRESS, "2024-08-05"),
        names: &[("groupId", "groupId"), ("clusterName", "name")],
        listed: Some(Endpoint::new("/groups/{groupId}/clusters", "2024-08-05")),
        delete: Delete::Delete(Endpoint::new(ADDRESS, "2023-02-01")),
        state: Some("stateName"),
        created: Some("createDate"),
        fields: CLUSTER_FIELDS,
        yields: Some(yields),
        remembers: Some(moved::remembered),
        after: &[OPLOG_WINDOW],
        guard: Some(guard),
        passage: Some(Passage { others, upgrades: &[passage::FROM_M0, passage::FROM_FLEX], way: passage::to_cluster }),
        announces: Some(shards::announcements),
        ..Route::document("/groups/{groupId}/clusters", ADDRESS, "2024-10-23")
    }
}

/// A window of the oplog needs disks that grow by themselves, so it goes before they stop growing.
const OPLOG_WINDOW: Clearing = Clearing {
    change: "replicationSpecs",
    part: super::PROCESS_ARGS,
    field: "oplogMinRetentionHours",
    stands: |desired, observed, hours| {
        hours.as_f64().is_some_and(|hours| hours > 0.0) && scaling::stops_disks(desired, observed)
    },
    message: "Atlas keeps a window of the oplog only where disks grow by themselves. Set \
              spec.processArgs.oplogMinRetentionHours: 0 to switch autoScaling.diskGB off, or leave that on.",
};

const CLUSTER_FIELDS: &[Field] = &[
    Field { path: "name", policy: Policy::Immutable },
    Field { path: "clusterType", policy: Policy::Guarded(type_goes_up) },
    Field { path: "globalClusterSelfManagedSharding", policy: Policy::Immutable },
    Field { path: "tags", policy: Policy::Set(&["key"]) },
    Field { path: "labels", policy: Policy::Set(&["key"]) },
    Field { path: "replicationSpecs", policy: Policy::Whole(merge::merge) },
    Field { path: "advancedConfiguration", policy: Policy::Whole(tls) },
    Field { path: "advancedConfiguration.customOpensslCipherConfigTls12", policy: Policy::Set(&[]) },
    Field { path: "advancedConfiguration.customOpensslCipherConfigTls13", policy: Policy::Set(&[]) },
    Field { path: "biConnector", policy: Policy::Whole(over) },
    Field { path: "biConnector.readPreference", policy: Policy::Same(lower_case) },
    Field { path: "paused", policy: Policy::Alone },
    Field { path: "mongoDBMajorVersion", policy: Policy::Stays(version::falls) },
    Field {
        path: version::PIN,
        policy: Policy::Verb {
            set: Endpoint::new("/groups/{groupId}/clusters/{clusterName}:pinFeatureCompatibilityVersion", "2024-05-30"),
            clear: Endpoint::new(
                "/groups/{groupId}/clusters/{clusterName}:unpinFeatureCompatibilityVersion",
                "2024-05-30",
            ),
            body: version::pin,
            is_late: version::is_unpinned_late,
        },
    },
    Field { path: version::PIN, policy: Policy::Same(common::moment) },
];

/// Flex clusters, which the address of all others answers with an error.
pub(super) static FLEX: Route = Route {
    names: &[("groupId", "groupId"), ("name", "name")],
    listed: Some(Endpoint::new("/groups/{groupId}/flexClusters", "2024-11-13")),
    state: Some("stateName"),
    created: Some("createDate"),
    fields: &[
        Field { path: "name", policy: Policy::Immutable },
        Field { path: "providerSettings", policy: Policy::Immutable },
        Field { path: "tags", policy: Policy::Set(&["key"]) },
    ],
    guard: Some(protected),
    passage: Some(Passage { others: &[&CLUSTER], upgrades: &[passage::FROM_M0], way: passage::to_flex }),
    ..Route::document("/groups/{groupId}/flexClusters", "/groups/{groupId}/flexClusters/{name}", "2024-11-13")
};

/// Arguments of the processes, which come with a dedicated cluster.
pub(super) static PROCESS_ARGS: Route = Route {
    known_by: &["javascriptEnabled", "minimumEnabledTlsProtocol", "noTableScan"],
    fields: &[
        default_is_minus_one("changeStreamOptionsPreAndPostImagesExpireAfterSeconds"),
        default_is_minus_one("chunkMigrationConcurrency"),
        default_is_minus_one("defaultMaxTimeMS"),
        default_is_minus_one("oplogMinRetentionHours"),
        default_is_minus_one("oplogSizeMB"),
        Field { path: "sampleRefreshIntervalBIConnector", policy: Policy::Same(zero_is_nothing) },
    ],
    ..Route::singleton("/groups/{groupId}/clusters/{clusterName}/processArgs", "2024-08-05")
};

/// Atlas ignores null in process arguments; -1 takes a value away, and is then reported as null.
const fn default_is_minus_one(path: &'static str) -> Field {
    Field { path, policy: Policy::Same(minus_one_is_nothing) }
}

fn minus_one_is_nothing(value: &Value) -> Value {
    if value.as_f64() == Some(-1.0) { Value::Null } else { value.clone() }
}

/// Atlas's default, which it may or may not write out.
fn zero_is_nothing(value: &Value) -> Value {
    if value.as_f64() == Some(0.0) { Value::Null } else { value.clone() }
}

const GLOBAL_WRITES: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites";
const NAMESPACES_ADDRESS: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/managedNamespaces";
const MAPPING_ADDRESS: &str = "/groups/{groupId}/clusters/{clusterName}/globalWrites/customZoneMapping";
/// The newest version of all operations on global writes: with zones instead of shards.
const GLOBAL_VERSION: &str = "2024-08-05";
const GLOBAL_FIELDS: &[&str] = &["customZoneMapping", "managedNamespaces", "selfManagedSharding"];

/// The collections that Atlas spreads over the zones.
pub(super) static MANAGED_NAMESPACES: Route = Route {
    delete: Delete::Selected(Endpoint::new(NAMESPACES_ADDRESS, GLOBAL_VERSION), |key| {
        // The name of a database has no dot.
        let (db, collection) = key.split_once('.').unwrap_or((key, ""));
        vec![("db", db.to_owned()), ("collection", collection.to_owned())]
    }),
    known_by: GLOBAL_FIELDS,
    fields: &[
        Field { path: "numInitialChunks", policy: Policy::Same(counts_once) },
        Field { path: "presplitHashedZones", policy: Policy::Same(counts_once) },
    ],
    ..Route::entries(
        GLOBAL_WRITES,
        NAMESPACES_ADDRESS,
        GLOBAL_VERSION,
        &Entries {
            key: |entry| {
                let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
                format!("{}.{}", text("db"), text("collection"))
            },
            of: Some(|answer, _| answer["managedNamespaces"].clone()),
            add: Add::Singly(Endpoint::new(NAMESPACES_ADDRESS, GLOBAL_VERSION)),
            alter: Alter::Replace,
        },
    )
};

/// How an empty collection begins is said when Atlas takes it over; later, another value means nothing.
fn counts_once(_: &Value) -> Value {
    Value::Null
}

/// Which zone keeps which place.
pub(super) static CUSTOM_ZONE_MAPPING: Route = Route {
    delete: Delete::All(Endpoint::new(MAPPING_ADDRESS, GLOBAL_VERSION)),
    known_by: GLOBAL_FIELDS,
    ..Route::entries(
        GLOBAL_WRITES,
        MAPPING_ADDRESS,
        GLOBAL_VERSION,
        &Entries {
            key: |entry| entry["location"].as_str().unwrap_or_default().to_owned(),
            of: Some(mappings),
            add: Add::Wrapped(Endpoint::new(MAPPING_ADDRESS, GLOBAL_VERSION), "customZoneMappings"),
            alter: Alter::Again,
        },
    )
};

/// Mappings are written with the names of zones and read with their ids, which the cluster's document explains.
fn mappings(answer: &Value, before: &Documents) -> Value {
    let shards = before.get(super::CLUSTER).map_or(&[][..], |cluster| merge::list(&cluster["replicationSpecs"]));
    let named = |id: &Value| shards.iter().find(|shard| shard["zoneId"] == *id).map(|shard| &shard["zoneName"]);
    match &answer["customZoneMapping"] {
        Value::Null => json!([]),
        Value::Object(mapping) => {
            mapping.iter().map(|(location, zone)| json!({"location": location, "zone": named(zone)})).collect()
        }
        // What is something else is no list of places.
        _ => Value::Null,
    }
}

/// What Atlas may choose is left to it: sizes and disks, until when a version is pinned, and continuous backup, which
/// has no place without backups and which Atlas may have switched on by itself.
fn yields(desired: &mut Value, observed: &Value, settled: &Settled) {
    version::yields(desired, observed);
    if desired["backupEnabled"] == false && desired["pitEnabled"].is_null() && observed["pitEnabled"] == true {
        desired["pitEnabled"] = json!(false);
    }
    merge::yields(desired, observed, settled);
}

/// Atlas writes these in small letters and describes them in capitals.
fn lower_case(value: &Value) -> Value {
    value.as_str().map_or_else(|| value.clone(), |text| Value::String(text.to_lowercase()))
}

/// What is wanted over what is seen, field by field.
fn over(desired: &Value, observed: &Value) -> Value {
    let fields = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let kept = fields(observed).into_iter().filter(|(_, value)| !value.is_null());
    kept.chain(fields(desired)).collect::<Map<String, Value>>().into()
}

/// Ciphers that were chosen have no place once Atlas chooses them.
fn tls(desired: &Value, observed: &Value) -> Value {
    let mut document = over(desired, observed);
    if document["tlsCipherConfigMode"] == "DEFAULT" {
        for list in ["customOpensslCipherConfigTls12", "customOpensslCipherConfigTls13"] {
            if !document[list].is_null() {
                document[list] = json!([]);
            }
        }
    }
    document
}

fn type_goes_up(before: &Value, after: &Value) -> Option<String> {
    let rank = |value: &Value| ["REPLICASET", "SHARDED", "GEOSHARDED"].iter().position(|name| value == name);
    (rank(before) > rank(after)).then(|| {
        "A cluster goes from REPLICASET to SHARDED to GEOSHARDED and never back. Put the old clusterType back, or \
         create another cluster and move the data."
            .to_owned()
    })
}

fn stays_paused(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold> {
    let paused = || Hold {
        path: "spec.paused",
        message: "The cluster is paused, and Atlas refuses changes to a paused cluster. Set spec.paused: false to \
                  resume it and apply the changes, or spec.resumeForChanges: true to have it resumed for them and \
                  paused again afterwards."
            .to_owned(),
        lift: None,
    };
    allowed(intent, desired, observed).or_else(|| is_held_by_pause(intent, desired, observed).then(paused))
}

fn is_resumed(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold> {
    let resumed = || Hold {
        path: "spec.resumeForChanges",
        message: "The cluster is paused, and is resumed for the changes.".to_owned(),
        lift: Some(json!({"paused": false})),
    };
    allowed(intent, desired, observed).or_else(|| is_held_by_pause(intent, desired, observed).then(resumed))
}

fn is_held_by_pause(intent: Intent, desired: &Value, observed: &Value) -> bool {
    intent == Intent::Update && observed["paused"] == true && desired["paused"] != false
}

/// What the state of a cluster forbids, paused or not.
fn allowed(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold> {
    match intent {
        Intent::Update if passage::is_tenant(observed) => Some(Hold {
            path: "spec.replicationSpecs",
            message: "Atlas changes nothing on an M0 after creation. Put the old values back, or upgrade it by \
                      another providerName: FLEX, or a cloud for a dedicated cluster."
                .to_owned(),
            lift: None,
        }),
        Intent::Update => None,
        Intent::Delete => protected(intent, desired, observed),
    }
}

/// Protection is switched off for a deletion where the spec says that there is to be none, and a paused cluster is
/// resumed for that.
fn protected(intent: Intent, desired: &Value, observed: &Value) -> Option<Hold> {
    // Nothing of a paused cluster can be changed but that it is paused.
    let field = if observed["paused"] == true { "paused" } else { "terminationProtectionEnabled" };
    let lift = json!({field: false});
    (intent == Intent::Delete && observed["terminationProtectionEnabled"] == true).then(|| Hold {
        path: "spec.terminationProtectionEnabled",
        message: "The cluster is protected from termination, so Atlas refuses to delete it. Set \
                  spec.terminationProtectionEnabled: false to have the protection switched off and the cluster \
                  deleted, or switch it off in Atlas."
            .to_owned(),
        lift: (desired["terminationProtectionEnabled"] == false).then_some(lift),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_m0_is_never_updated() {
        let observed = json!({"replicationSpecs": [{"regionConfigs": [{"providerName": "TENANT"}]}]});
        for guard in [stays_paused, is_resumed] {
            let hold = guard(Intent::Update, &json!({}), &observed);
            assert!(hold.is_some_and(|hold| hold.path == "spec.replicationSpecs" && hold.lift.is_none()));
            assert_eq!(guard(Intent::Delete, &json!({}), &observed), None);
        }
    }

    #[test]
    fn a_paused_cluster_that_stays_paused_is_not_updated_unless_it_may_be_resumed() {
        let observed = json!({"paused": true});
        for desired in [json!({"paused": true}), json!({})] {
            let hold = stays_paused(Intent::Update, &desired, &observed);
            assert!(hold.is_some_and(|hold| hold.path == "spec.paused" && hold.lift.is_none()));
        }
        assert_eq!(stays_paused(Intent::Update, &json!({"paused": false}), &observed), None, "it is resumed first");
        assert_eq!(stays_paused(Intent::Update, &json!({"paused": true}), &json!({"paused": false})), None);
        assert_eq!(stays_paused(Intent::Delete, &json!({}), &observed), None);
        let lift = is_resumed(Intent::Update, &json!({"paused": true}), &observed).and_then(|hold| hold.lift);
        assert_eq!(lift, Some(json!({"paused": false})));
    }

    #[test]
    fn protection_is_lifted_only_where_the_spec_says_that_there_is_none() {
        let observed = json!({"terminationProtectionEnabled": true});
        for guard in [stays_paused, is_resumed, protected] {
            let lift = |desired: &Value| guard(Intent::Delete, desired, &observed).map(|hold| hold.lift);
            assert_eq!(lift(&json!({})), Some(None));
            assert_eq!(lift(&json!({"terminationProtectionEnabled": true})), Some(None));
            let off = json!({"terminationProtectionEnabled": false});
            assert_eq!(lift(&off), Some(Some(off.clone())));
            assert_eq!(guard(Intent::Update, &json!({}), &observed), None);
            assert_eq!(guard(Intent::Delete, &json!({"terminationProtectionEnabled": true}), &json!({})), None);
        }
    }

    #[test]
    fn a_mapping_is_read_by_the_name_of_its_zone() {
        let cluster =
            json!({"replicationSpecs": [{"zoneId": "1", "zoneName": "EU"}, {"zoneId": "2", "zoneName": "US"}]});
        let answer = json!({"customZoneMapping": {"DE": "1", "US-VA": "2", "JP": "3"}, "managedNamespaces": []});
        let read = mappings(&answer, &Documents::from([(super::super::CLUSTER, cluster)]));
        assert_eq!(
            read,
            json!([{"location": "DE", "zone": "EU"}, {"location": "JP", "zone": null}, {"location": "US-VA", "zone": "US"}])
        );
    }

    #[test]
    fn continuous_backup_ends_with_backups() {
        let mut desired = json!({"backupEnabled": false});
        yields(&mut desired, &json!({"backupEnabled": true, "pitEnabled": true}), &Settled::new());
        assert_eq!(desired, json!({"backupEnabled": false, "pitEnabled": false}));
        let mut never = json!({"backupEnabled": false});
        yields(&mut never, &json!({"backupEnabled": true, "pitEnabled": false}), &Settled::new());
        assert_eq!(never, json!({"backupEnabled": false}));
    }

    #[test]
    fn ciphers_go_with_the_mode_that_wants_them() {
        let seen = json!({
            "customOpensslCipherConfigTls12": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"],
            "minimumEnabledTlsProtocol": "TLS1_2", "tlsCipherConfigMode": "CUSTOM",
        });
        let sent = tls(&json!({"tlsCipherConfigMode": "DEFAULT"}), &seen);
        let expected = json!({
            "customOpensslCipherConfigTls12": [], "minimumEnabledTlsProtocol": "TLS1_2",
            "tlsCipherConfigMode": "DEFAULT",
        });
        assert_eq!(sent, expected);
        let sent = tls(&json!({"minimumEnabledTlsProtocol": "TLS1_3"}), &seen);
        assert_eq!(sent["customOpensslCipherConfigTls12"], seen["customOpensslCipherConfigTls12"]);
    }
}
