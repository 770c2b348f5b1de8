//! The decision as tables, and what holds for every status with every code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use super::super::refusal::UNEXPECTED_ERROR;
use super::Class::{
    Absent, Backoff, Blocked, Exists, Forbidden, ParentAbsent, Rejected, RetryAfter, Unauthenticated, Unlisted,
};
use super::*;

const GROUPS: &str = "/groups";
const GROUP: &str = "/groups/{groupId}";
const GROUP_BY_NAME: &str = "/groups/byName/{groupName}";
const SETTINGS: &str = "/groups/{groupId}/settings";
const CLUSTERS: &str = "/groups/{groupId}/clusters";
const CLUSTER: &str = "/groups/{groupId}/clusters/{clusterName}";
const PROCESS_ARGS: &str = "/groups/{groupId}/clusters/{clusterName}/processArgs";
const ARCHIVE: &str = "/groups/{groupId}/clusters/{clusterName}/onlineArchives/{archiveId}";
const FLEX: &str = "/groups/{groupId}/flexClusters/{name}";
const FLEX_CLUSTERS: &str = "/groups/{groupId}/flexClusters";
const USERS: &str = "/groups/{groupId}/databaseUsers";
const USER: &str = "/groups/{groupId}/databaseUsers/{databaseName}/{username}";
const ENTRIES: &str = "/groups/{groupId}/accessList";
const ENTRY: &str = "/groups/{groupId}/accessList/{entryValue}";
const ENTRY_STATUS: &str = "/groups/{groupId}/accessList/{entryValue}/status";
const ROLES: &str = "/groups/{groupId}/customDBRoles/roles";
const ROLE: &str = "/groups/{groupId}/customDBRoles/roles/{roleName}";
const CONTAINER: &str = "/groups/{groupId}/containers/{containerId}";
const ENCRYPTION: &str = "/groups/{groupId}/encryptionAtRest";
const ORG: &str = "/orgs/{orgId}";

const TEMPLATES: [&str; 19] = [
    GROUPS,
    GROUP,
    GROUP_BY_NAME,
    SETTINGS,
    CLUSTERS,
    CLUSTER,
    PROCESS_ARGS,
    ARCHIVE,
    FLEX,
    FLEX_CLUSTERS,
    USERS,
    USER,
    ENTRIES,
    ENTRY,
    ENTRY_STATUS,
    ROLES,
    ROLE,
    CONTAINER,
    ORG,
];

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Every status that is not a success and that somebody gave a meaning to, and the ends of the ranges.
fn statuses() -> impl Iterator<Item = u16> {
    (300..=308).chain(400..=431).chain([451, 499]).chain(500..=511).chain([520, 599])
}

fn refusal(method: &Method, template: &'static str, status: u16, code: &str, detail: &str) -> Refusal {
    Refusal {
        status,
        code: Some(code).filter(|code| !code.is_empty()).map(str::to_owned),
        detail: detail.to_owned(),
        parameters: Vec::new(),
        method: method.clone(),
        template,
        path: String::new(),
        names_fields: false,
        credential_refused: false,
    }
}

fn class(method: &Method, template: &'static str, status: u16, code: &str) -> Class {
    Class::of(&refusal(method, template, status, code, ""))
}

/// Every code of every table.
fn listed() -> BTreeSet<&'static str> {
    let absent = ABSENT.iter().flat_map(|(_, codes)| codes.iter());
    let phrases = PASSES_WITH_PHRASE.iter().map(|(code, _)| code);
    [PASSES, EXISTS, FORBIDDEN, BLOCKED, ELSEWHERE, REJECTED]
        .into_iter()
        .flatten()
        .chain(absent)
        .chain(phrases)
        .copied()
        .collect()
}

#[test]
fn every_answer_that_was_seen_is_decided() {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    for (method, template, status, code, expected) in [
        // What is not there.
        (&get, GROUP, 404, "GROUP_NOT_FOUND", Absent),
        (&delete, GROUP, 404, "GROUP_NOT_FOUND", Absent),
        (&get, GROUP_BY_NAME, 404, "GROUP_NAME_NOT_FOUND", Absent),
        (&get, CLUSTER, 404, "CLUSTER_NOT_FOUND", Absent),
        (&patch, CLUSTER, 404, "CLUSTER_NOT_FOUND", Absent),
        (&delete, CLUSTER, 404, "CLUSTER_NOT_FOUND", Absent),
        (&get, FLEX, 404, "CLUSTER_NOT_FOUND", Absent),
        (&get, USER, 404, "USERNAME_NOT_FOUND", Absent),
        (&delete, USER, 404, "USER_NOT_FOUND", Absent),
        (&get, ENTRY, 404, "ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND", Absent),
        (&get, ENTRY, 404, "NOT_IN_IP_RANGE", Absent),
        (&delete, ENTRY, 404, "ATLAS_ACCESS_LIST_NOT_FOUND", Absent),
        (&get, ROLE, 404, "ATLAS_CUSTOM_ROLE_NOT_FOUND", Absent),
        (&get, CONTAINER, 404, "CLOUD_PROVIDER_CONTAINER_NOT_FOUND", Absent),
        (&get, ARCHIVE, 404, "RESOURCE_NOT_FOUND", Absent),
        // The same codes where they speak of something else.
        (&get, CLUSTERS, 404, "CLUSTER_NOT_FOUND", Backoff),
        (&get, FLEX_CLUSTERS, 404, "CLUSTER_NOT_FOUND", Backoff),
        (&get, PROCESS_ARGS, 404, "CLUSTER_NOT_FOUND", Blocked),
        (&get, ENTRY_STATUS, 404, "ATLAS_NETWORK_PERMISSION_ENTRY_NOT_FOUND", Blocked),
        (&post, USERS, 404, "ATLAS_CUSTOM_ROLE_NOT_FOUND", Backoff),
        (&get, SETTINGS, 404, "RESOURCE_NOT_FOUND", Backoff),
        (&get, CLUSTER, 404, "RESOURCE_NOT_FOUND", Backoff),
        (&get, CLUSTER, 404, "UNEXPECTED_ERROR", Backoff),
        (&get, CLUSTER, 404, "", Backoff),
        (&get, CLUSTER, 400, "CLUSTER_NOT_FOUND", Unlisted),
        (&get, GROUP, 401, "GROUP_NOT_FOUND", Backoff),
        // The project is not there.
        (&get, CLUSTER, 404, "GROUP_NOT_FOUND", ParentAbsent),
        (&post, USERS, 404, "GROUP_NOT_FOUND", ParentAbsent),
        (&get, SETTINGS, 404, "GROUP_NOT_FOUND", ParentAbsent),
        (&get, CLUSTER, 401, "USER_CANNOT_ACCESS_GROUP", ParentAbsent),
        (&get, GROUP, 401, "USER_CANNOT_ACCESS_GROUP", Forbidden),
        // It is there already.
        (&post, GROUPS, 409, "GROUP_ALREADY_EXISTS", Exists),
        (&patch, GROUP, 409, "GROUP_ALREADY_EXISTS", Blocked),
        (&post, CLUSTERS, 400, "DUPLICATE_CLUSTER_NAME", Exists),
        (&post, FLEX_CLUSTERS, 400, "DUPLICATE_CLUSTER_NAME", Exists),
        (&post, CLUSTERS, 400, "DUPLICATE_CLUSTER_NAME_PREFIX", Blocked),
        (&post, USERS, 409, "USER_ALREADY_EXISTS", Exists),
        (&post, ROLES, 409, "ATLAS_CUSTOM_ROLE_NAME_ALREADY_EXISTS", Exists),
        // Permissions.
        (&post, GROUPS, 401, "NOT_ORG_GROUP_CREATOR", Forbidden),
        (&get, CLUSTER, 401, "USER_UNAUTHORIZED", Forbidden),
        (&get, GROUP, 401, "NOT_IN_GROUP", Forbidden),
        (&get, CLUSTER, 401, "NOT_IN_GROUP", Forbidden),
        (&get, GROUPS, 403, "IP_ADDRESS_NOT_ON_ACCESS_LIST", Forbidden),
        (&post, CLUSTERS, 403, "ATLAS_RESOURCE_POLICIES_VIOLATION_NOT_AUTHORIZED", Forbidden),
        (&get, ORG, 401, "USER_CANNOT_ACCESS_ORG", Forbidden),
        (&get, CLUSTER, 401, "", Backoff),
        (&get, CLUSTER, 401, "UNEXPECTED_ERROR", Backoff),
        (&get, CLUSTER, 403, "", Backoff),
        // Something else first.
        (&delete, GROUP, 409, "CANNOT_CLOSE_GROUP_ACTIVE_ATLAS_CLUSTERS", Blocked),
        (&delete, GROUP, 409, "CANNOT_CLOSE_GROUP_ACTIVE_PEERING_CONNECTIONS", Blocked),
        (&delete, GROUP, 409, "CANNOT_CLOSE_GROUP_ACTIVE_SOMETHING_NEW", Blocked),
        (&delete, CONTAINER, 409, "CONTAINERS_IN_USE", Blocked),
        (&delete, ROLE, 409, "ATLAS_CUSTOM_ROLE_IN_USE_BY_USERS", Blocked),
        (&delete, CLUSTER, 400, "CANNOT_TERMINATE_CLUSTER_WHEN_TERMINATION_PROTECTION_ENABLED", Blocked),
        (&delete, CLUSTER, 400, "CLUSTER_ALREADY_REQUESTED_DELETION", Blocked),
        (&post, USERS, 400, "ATLAS_SCOPE_CLUSTER_NOT_FOUND", Blocked),
        (&post, USERS, 400, "ATLAS_INVALID_ROLE", Blocked),
        (&patch, CLUSTER, 409, "CANNOT_UPDATE_PAUSED_CLUSTER", Blocked),
        (&get, CLUSTER, 400, "CANNOT_USE_FLEX_CLUSTER_IN_CLUSTER_API", Class::Elsewhere),
        (&post, GROUPS, 400, "MAX_GROUPS_PER_ORG_EXCEEDED", Blocked),
        (&post, USERS, 403, "GROUP_USERS_LIMIT_EXCEEDED", Blocked),
        (&post, CLUSTERS, 402, "NO_PAYMENT_INFORMATION_FOUND", Blocked),
        // What passes.
        (&post, CLUSTERS, 409, "OUT_OF_CAPACITY", Backoff),
        (&post, FLEX_CLUSTERS, 400, "CONTAINER_WAITING_FOR_FAST_RECORD_CLEAN_UP", Backoff),
        (&patch, ENCRYPTION, 400, "CANNOT_ASSUME_ROLE", Backoff),
        (&patch, ENCRYPTION, 400, "INVALID_AWS_CREDENTIALS", Backoff),
        (&patch, CLUSTER, 409, "CANNOT_PAUSE_RECENTLY_RESUMED_CLUSTER", Backoff),
        (&patch, CLUSTER, 503, "SHARD_SIZE_LIMIT_CURRENT_SIZE_UNKNOWN", Backoff),
        (&post, GROUPS, 500, "UNEXPECTED_ERROR", Backoff),
        (&post, CLUSTERS, 405, "WRITES_NOT_ALLOWED_DURING_APP_UPGRADES", Backoff),
        (&get, CLUSTER, 406, "INVALID_VERSION_DATE", Backoff),
        (&get, CLUSTER, 410, "VERSION_GONE", Backoff),
        // What nobody knows is shown, and tried again.
        (&get, CLUSTER, 400, "ASYMMETRIC_SHARD_UNSUPPORTED", Unlisted),
        (&patch, PROCESS_ARGS, 400, "DEFAULT_CONFIG_LIMIT_EXCEPTION", Unlisted),
        (&post, USERS, 409, "NEVER_HEARD_OF", Unlisted),
        (&post, CLUSTERS, 402, "NEVER_HEARD_OF", Unlisted),
        (&post, CLUSTERS, 422, "NEVER_HEARD_OF", Unlisted),
        (&post, CLUSTERS, 400, "", Backoff),
        (&post, CLUSTERS, 400, "UNEXPECTED_ERROR", Backoff),
        (&post, CLUSTERS, 401, "NEVER_HEARD_OF", Backoff),
        (&post, CLUSTERS, 404, "NEVER_HEARD_OF", Backoff),
        (&post, CLUSTERS, 410, "NEVER_HEARD_OF", Backoff),
        (&post, CLUSTERS, 500, "NEVER_HEARD_OF", Backoff),
        // What is wrong.
        (&post, CLUSTERS, 400, "INVALID_ATTRIBUTE", Rejected),
        (&post, CLUSTERS, 400, "INVALID_ENUM_VALUE", Rejected),
        (&post, CLUSTERS, 400, "INVALID_CLUSTER_CONFIGURATION", Rejected),
        (&post, CLUSTERS, 400, "CLUSTER_NAME_PREFIX_INVALID", Rejected),
        (&patch, CLUSTER, 409, "CANNOT_UPDATE_AND_PAUSE_CLUSTER", Rejected),
        (&patch, CLUSTER, 400, "TENANT_CLUSTER_UPDATE_UNSUPPORTED", Rejected),
        (&post, ENTRIES, 400, "EXPIRATION_DATE_IN_PAST", Rejected),
        (&post, ROLES, 400, "INVALID_DATABASE_NAME", Rejected),
        (&patch, ARCHIVE, 400, "ONLINE_ARCHIVE_CANNOT_MODIFY_FIELD", Rejected),
        (&post, USERS, 400, "COMMON_PASSWORD", Rejected),
    ] {
        assert_eq!(class(method, template, status, code), expected, "{method} {template} {status} {code}");
    }
}

#[test]
fn a_phrase_can_make_an_error_pass() {
    let detail = "Cannot validate cluster compatibility due to stale monitoring data. Please wait a few minutes.";
    let stale = refusal(&Method::PATCH, CLUSTER, 400, "INVALID_ATTRIBUTE", detail);
    assert_eq!(Class::of(&stale), Backoff);
    let no_capacity = refusal(&Method::POST, CLUSTERS, 400, "ATLAS_GENERAL_ERROR", "Reason: No Capacity.");
    assert_eq!(Class::of(&no_capacity), Backoff);
}

#[test]
fn fields_that_atlas_names_are_wrong_even_under_a_code_that_is_not_listed() {
    for code in ["", "UNEXPECTED_ERROR", "SOMETHING_NEW"] {
        let named = Refusal { names_fields: true, ..refusal(&Method::POST, CLUSTERS, 400, code, "") };
        assert_eq!(Class::of(&named), Rejected, "{code}");
    }
    let passing = Refusal { names_fields: true, ..refusal(&Method::POST, CLUSTERS, 409, "OUT_OF_CAPACITY", "") };
    assert_eq!(Class::of(&passing), Backoff);
    let failing = Refusal { names_fields: true, ..refusal(&Method::POST, CLUSTERS, 500, "", "") };
    assert_eq!(Class::of(&failing), Backoff);
}

/// What holds for every status with every code, in every operation.
#[test]
fn no_status_and_code_together_can_do_harm() {
    let mut codes: Vec<&str> = listed().into_iter().collect();
    codes.extend(["", UNEXPECTED_ERROR, "SOMETHING_NEW", "RATE_LIMITED", "RATE_LIMITED_TOKEN_BUCKET"]);
    let mut decided = 0;
    for template in TEMPLATES {
        for method in &METHODS {
            for status in statuses() {
                for code in &codes {
                    let class = class(method, template, status, code);
                    let at = || format!("{method} {template} {status} {code} is {class:?}");
                    let throttled = status == 429 || code.starts_with("RATE_LIMITED");
                    assert_eq!(matches!(class, RetryAfter(_)), throttled, "{}", at());
                    if !throttled && (status >= 500 || status == 408 || status < 400) {
                        assert_eq!(class, Backoff, "a failure of the server says nothing about the object: {}", at());
                    }
                    match class {
                        Absent => assert!(status == 404 && template.ends_with('}'), "{}", at()),
                        ParentAbsent => assert!(matches!(status, 404 | 401 | 403) && template.matches('/').count() > 2),
                        Exists => assert!(*method == Method::POST && matches!(status, 400..=499), "{}", at()),
                        Rejected => assert!(!matches!(status, 401 | 403 | 408 | 429), "{}", at()),
                        Unauthenticated => panic!("only repeated refusals say so: {}", at()),
                        RetryAfter(wait) => assert!(wait >= Duration::from_secs(1), "{}", at()),
                        Class::Elsewhere => assert!(*method == Method::GET && matches!(status, 400..=499), "{}", at()),
                        Unlisted => {
                            assert!(matches!(status, 400..=499) && !matches!(status, 401 | 403 | 404), "{}", at());
                        }
                        Backoff | Forbidden | Blocked => {}
                    }
                    if !throttled && matches!(*code, "" | UNEXPECTED_ERROR) {
                        assert_eq!(class, Backoff, "nothing unknown stands still: {}", at());
                    }
                    if !throttled && *code == "SOMETHING_NEW" {
                        assert!(matches!(class, Backoff | Unlisted), "nothing unknown stands still: {}", at());
                    }
                    decided += 1;
                }
            }
        }
    }
    println!("{decided} pairs of answer and operation decided, {} codes listed", codes.len());
}

#[test]
fn a_refused_credential_is_told_apart_from_everything_a_status_says() {
    for status in statuses() {
        let refused = Refusal { credential_refused: true, ..refusal(&Method::GET, CLUSTER, status, "", "") };
        let expected = match status {
            408 | 500..=599 => Backoff,
            429 => RetryAfter(Duration::from_secs(10)),
            _ => Unauthenticated,
        };
        assert_eq!(Class::of(&refused), expected, "{status}");
    }
}

#[test]
fn no_code_is_listed_twice() {
    let lists = [
        ("PASSES", PASSES),
        ("EXISTS", EXISTS),
        ("FORBIDDEN", FORBIDDEN),
        ("BLOCKED", BLOCKED),
        ("REJECTED", REJECTED),
    ];
    let mut seen = std::collections::BTreeMap::new();
    for (name, list) in lists {
        for code in list {
            assert_eq!(seen.insert(*code, name), None, "{code} is in {name} too");
            assert!(code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_'));
        }
    }
    let mut shapes = BTreeSet::new();
    for (missing, codes) in ABSENT {
        assert!(shapes.insert(missing), "{missing} is listed twice");
        for code in *codes {
            assert!(*code == "ORG_NOT_FOUND" || !seen.contains_key(code), "{code} is in two tables");
        }
    }
}

#[test]
fn a_template_is_compared_without_the_names_of_its_slots() {
    for (template, expected) in [
        ("/groups", "/groups"),
        ("/groups/{groupId}/clusters/{clusterName}", "/groups/{}/clusters/{}"),
        ("/groups/{groupId}:migrate", "/groups/{}:migrate"),
    ] {
        assert_eq!(shape(template), expected);
    }
}
