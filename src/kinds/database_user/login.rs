//! How a database user proves who it is: nine forms, told apart by four fields of Atlas, of which at most one is not
//! `NONE`.
//!
//! The form decides against which database the user logs in, what its name looks like, and what an application needs
//! beside an address. None of it can be changed later.
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{kind::Login, kinds::common::OBJECT_NAME};

/// The field of Atlas's document, and the usual key in a Secret.
pub(super) const PASSWORD: &str = "password";
/// The shortest password that Atlas takes, in characters (the `password` field of the Administration API).
pub(super) const SHORTEST_PASSWORD: usize = 8;
/// The longest password that is taken, in characters. Atlas names no limit; more than this is a file by mistake, and would
/// stand in every address of a connection Secret.
pub(super) const LONGEST_PASSWORD: usize = 1024;
/// Against which users with a password log in.
const ADMIN: &str = "admin";
/// Against which users log in whom something outside of the database knows.
const EXTERNAL: &str = "$external";

/// In a rule: whether the user has a password.
const WITH_PASSWORD: &str = "(self.x509Type == 'NONE' && self.ldapAuthType == 'NONE' && self.awsIAMType == 'NONE' && self.oidcAuthType == 'NONE')";

/// In a rule, of `self` or `oldSelf`: the database that the user logs in against, said or not.
fn database_of(user: &str) -> String {
    format!(
        "(has({user}.databaseName) ? {user}.databaseName : {user}.x509Type != 'NONE' || {user}.ldapAuthType != 'NONE' \
         || {user}.awsIAMType != 'NONE' || {user}.oidcAuthType == 'USER' ? '{EXTERNAL}' : '{ADMIN}')"
    )
}

/// The rules between the fields of [`Authentication`], for the spec that it is flattened into: of several structs that
/// are flattened, only one may bring rules along.
pub(super) fn rules(schema: &mut schemars::Schema) {
    let rule =
        |field: &'static str, rule: &str, message: &str| json!({"fieldPath": field, "rule": rule, "message": message});
    let rules = [
        rule(
            ".x509Type",
            "[self.x509Type, self.ldapAuthType, self.awsIAMType, self.oidcAuthType].filter(type, type != 'NONE').size() <= 1",
            "a user logs in in one way: at most one of x509Type, ldapAuthType, awsIAMType and oidcAuthType is not NONE",
        ),
        rule(
            ".databaseName",
            &format!("!has(self.databaseName) || self.databaseName != '{EXTERNAL}' || !{WITH_PASSWORD}"),
            "a user with a password logs in against databaseName: admin",
        ),
        rule(
            ".databaseName",
            "!has(self.databaseName) || self.databaseName != 'admin' || (self.x509Type == 'NONE' && self.awsIAMType == 'NONE' \
             && self.ldapAuthType != 'USER' && self.oidcAuthType != 'USER')",
            "a user of X.509, LDAP, AWS IAM or a workload logs in against databaseName: $external; leave it out",
        ),
        rule(
            ".databaseName",
            &format!("{} == {}", database_of("self"), database_of("oldSelf")),
            "databaseName cannot be changed: put the old value back, or create another user",
        ),
        rule(
            ".passwordSecretRef",
            &format!("!has(self.passwordSecretRef) || {WITH_PASSWORD}"),
            "only a user whose x509Type, ldapAuthType, awsIAMType and oidcAuthType are NONE has a password: remove \
             passwordSecretRef",
        ),
        rule(
            ".certificate",
            "!has(self.certificate) || self.x509Type == 'MANAGED'",
            "Atlas issues certificates for users with x509Type: MANAGED only: remove certificate",
        ),
        rule(
            ".username",
            "self.x509Type != 'CUSTOMER' || self.username.matches('(^|,) *[cC][nN] *=')",
            "a user with a certificate of your own is called by its subject, which has a common name: \
             CN=orders-api,OU=shop,O=example",
        ),
        rule(
            ".username",
            "self.ldapAuthType == 'NONE' || self.username.matches('^ *[A-Za-z0-9.-]+ *=.')",
            "a user or group of LDAP is called by its distinguished name: CN=orders-api,OU=services,DC=example,DC=com",
        ),
        rule(
            ".username",
            "self.awsIAMType != 'USER' || self.username.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:user/.')",
            "a user of AWS IAM is called by its ARN: arn:aws:iam::123456789012:user/orders-api",
        ),
        rule(
            ".username",
            "self.awsIAMType != 'ROLE' || self.username.matches('^arn:aws[a-z-]*:iam::[0-9]{12}:role/.')",
            "a role of AWS IAM is called by its ARN: arn:aws:iam::123456789012:role/orders-api",
        ),
        rule(
            ".username",
            "self.oidcAuthType == 'NONE' || self.username.matches('^[a-f0-9]{24}/.')",
            "a user or group of OIDC is called by the id of the identity provider in Atlas (24 hexadecimal digits), a \
             slash, and its name there: 32b6e34b3d91647abb20e7b8/orders-api",
        ),
    ];
    let all = schema.ensure_object().entry("x-kubernetes-validations").or_insert_with(|| json!([]));
    if let Value::Array(all) = all {
        all.extend(rules);
    }
}

/// Who the user is, and how it proves that. Flattened into the spec.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Authentication {
    /// The name to log in with, unique in the project: 1 to 1024 characters. X.509 of your own and LDAP take a
    /// distinguished name (CN=…), AWS IAM an ARN, OIDC the id of the identity provider in Atlas, a slash, and the name
    /// of the user or group. It cannot be changed later.
    #[schemars(length(min = 1, max = 1024))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("a database user cannot be renamed: put the old name back, or create another user"),
        validation = Rule::new("self != '.' && self != '..'")
            .message("no address can hold this name: use one that is more than dots")
    )]
    pub username: String,
    /// The database that the user logs in against: admin for users with a password and for groups of OIDC, $external
    /// for all others. Absent, it is the one that goes with how the user logs in. It cannot be changed later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_name: Option<AuthenticationDatabase>,
    /// MANAGED for a user who logs in with an X.509 certificate that Atlas issues, CUSTOMER for one whose certificate
    /// comes from the authority that the project trusts, NONE for all others. It cannot be changed later.
    #[serde(default, rename = "x509Type")]
    #[x_kube(validation = unchanging("x509Type"))]
    pub x509: X509Type,
    /// USER for a user who logs in with LDAP, GROUP for all members of a group of LDAP, NONE for all others. It cannot
    /// be changed later.
    #[serde(default, rename = "ldapAuthType")]
    #[x_kube(validation = unchanging("ldapAuthType"))]
    pub ldap: LdapType,
    /// USER for a user of AWS IAM, ROLE for a role, NONE for all others. It cannot be changed later.
    #[serde(default, rename = "awsIAMType")]
    #[x_kube(validation = unchanging("awsIAMType"))]
    pub aws_iam: AwsIamType,
    /// IDP_GROUP for all members of a group of an identity provider (people: workforce), USER for one identity of it
    /// (programs: workload), NONE for all others. It cannot be changed later.
    #[serde(default, rename = "oidcAuthType")]
    #[x_kube(validation = unchanging("oidcAuthType"))]
    pub oidc: OidcType,
    /// The Secret, in this object's namespace, with the password: at least 8 characters. When the Secret changes, the
    /// password is changed in Atlas. Absent, a user with a password gets one that is made by the operator and kept in
    /// the Secret that status.passwordSecret names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<PasswordPointer>,
    /// The certificate that Atlas issues for a user with x509Type MANAGED. Absent, its fields have their defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

fn unchanging(field: &str) -> kube::core::Rule {
    kube::core::Rule::new("self == oldSelf")
        .message(format!("{field} cannot be changed: put the old value back, or create another user").as_str())
}

/// The database that the user logs in against.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum AuthenticationDatabase {
    /// Users with a password, and groups.
    #[serde(rename = "admin")]
    Admin,
    /// Users whom something outside of the database knows.
    #[serde(rename = "$external")]
    External,
}

/// Who issues the certificate that the user logs in with.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum X509Type {
    /// It does not log in with one.
    #[default]
    None,
    /// Atlas.
    Managed,
    /// An authority that the project trusts.
    Customer,
}

/// What an LDAP name stands for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LdapType {
    /// It is none.
    #[default]
    None,
    /// One user.
    User,
    /// Every member of a group.
    Group,
}

/// What an ARN stands for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AwsIamType {
    /// It is none.
    #[default]
    None,
    /// A user.
    User,
    /// A role.
    Role,
}

/// What a name of an identity provider stands for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OidcType {
    /// It is none.
    #[default]
    None,
    /// Every member of a group: people.
    IdpGroup,
    /// One identity: a program.
    User,
}

/// A password in a Secret.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PasswordPointer {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// The key in the Secret.
    #[serde(default = "password")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn password() -> String {
    PASSWORD.to_owned()
}

/// What certificate Atlas is asked for, and where it is kept.
#[derive(Clone, Debug, Deserialize, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.renewBeforeDays <= self.monthsUntilExpiration * 14")
        .message("renewBeforeDays is more than half of the certificate's life: at most 14 days for each month")
        .field_path(".renewBeforeDays")
)]
pub struct Certificate {
    /// The name of the Secret, in this object's namespace, that the certificate is put into. Absent, it is that of
    /// this object with -certificate behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253), regex(pattern = OBJECT_NAME))]
    pub secret_name: Option<String>,
    /// For how many months a certificate is valid: 1 to 24.
    #[serde(default = "three_months")]
    #[schemars(range(min = 1, max = 24))]
    pub months_until_expiration: u8,
    /// How many days before its end a certificate is replaced by a new one: 1 to 336, and at most 14 for each month of
    /// its life.
    #[serde(default = "two_weeks")]
    #[schemars(range(min = 1, max = 336))]
    pub renew_before_days: u16,
}

/// Atlas's own default.
fn three_months() -> u8 {
    3
}

/// Time enough for applications that read their certificate only when they start, and half of the shortest life.
fn two_weeks() -> u16 {
    14
}

impl Default for Certificate {
    fn default() -> Self {
        Self { secret_name: None, months_until_expiration: three_months(), renew_before_days: two_weeks() }
    }
}

impl Authentication {
    /// Whether the user has a password.
    pub(super) fn has_password(&self) -> bool {
        self.login() == Login::Password(PASSWORD)
    }

    /// The database that the user logs in against, said or not.
    pub(super) fn database(&self) -> &'static str {
        let usual = if self.has_password() || self.oidc == OidcType::IdpGroup {
            AuthenticationDatabase::Admin
        } else {
            AuthenticationDatabase::External
        };
        match self.database_name.unwrap_or(usual) {
            AuthenticationDatabase::Admin => ADMIN,
            AuthenticationDatabase::External => EXTERNAL,
        }
    }

    /// What an application must bring.
    ///
    /// An address names the user where the driver must send its name: for AWS IAM it would be taken for an access key,
    /// of a group nobody logs in by its name, and the others are known by what they prove.
    pub(super) fn login(&self) -> Login {
        let outside = |mechanism, named| Login::Outside { mechanism, named };
        match (self.x509, self.ldap, self.aws_iam, self.oidc) {
            (X509Type::Managed | X509Type::Customer, ..) => outside("MONGODB-X509", false),
            (_, LdapType::User, ..) => outside("PLAIN", true),
            (_, LdapType::Group, ..) => outside("PLAIN", false),
            (.., AwsIamType::User | AwsIamType::Role, _) => outside("MONGODB-AWS", false),
            (.., OidcType::User | OidcType::IdpGroup) => outside("MONGODB-OIDC", false),
            (X509Type::None, LdapType::None, AwsIamType::None, OidcType::None) => Login::Password(PASSWORD),
        }
    }
}
