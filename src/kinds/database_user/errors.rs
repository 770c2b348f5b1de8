//! Which field of a user Atlas's error codes are about.
use crate::kind::Blames;

pub(super) const BLAMES: Blames = &[
    (&["COMMON_PASSWORD", "WEAK_PASSWORD"], "spec.passwordSecretRef"),
    (&["EXPIRATION_DATE_EXCEEDS_MAX", "EXPIRATION_DATE_IN_PAST"], "spec.deleteAfterDate"),
    (
        &[
            "ATLAS_INVALID_DN_METACHARACTERS",
            "ATLAS_INVALID_LDAP_NAME",
            "ATLAS_INVALID_USERNAME",
            "ATLAS_MANAGED_X509_NAME_INVALID",
            "BLOCKED_USERNAME",
            "INVALID_MONGODB_USERNAME",
        ],
        "spec.username",
    ),
    (
        &[
            "DATABASE_NAME_CANNOT_BE_CHANGED",
            "DATABASE_NAME_INVALID_ADMIN",
            "DATABASE_NAME_INVALID_EXTERNAL",
            "INVALID_DATABASE_NAME",
        ],
        "spec.databaseName",
    ),
    (
        &["ATLAS_INVALID_ROLE", "ATLAS_INVALID_ROLE_DATABASE", "ATLAS_RESTRICTED_ROLE", "DUPLICATE_DATABASE_ROLES"],
        "spec.roles",
    ),
    (&["ATLAS_SCOPE_CLUSTER_NOT_FOUND"], "spec.scopes"),
];
