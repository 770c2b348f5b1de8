//! What stands in a connection Secret: pure functions of a user, a password and the addresses of a cluster.
use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::owned::Data;
use crate::kind::{
    Connection, Login,
    template::{self, Unknown},
};

/// Everything but unreserved characters (RFC 3986) is escaped in the user information and the options of an address.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The keys of every connection Secret without a template, and the variables that they hold. Others follow where Atlas
/// gives more addresses.
const USUAL: [&str; 13] = [
    "uri",
    "host",
    "port",
    "username",
    "password",
    "database",
    "connectionStringStandard",
    "connectionStringStandardSrv",
    "connectionStringPrivate",
    "connectionStringPrivateSrv",
    "connectionStringPrivateEndpoint",
    "connectionStringPrivateEndpointSrv",
    "connectionStringPrivateEndpointSrvShardOptimized",
];

/// Variables and their values.
type Values = BTreeMap<String, SecretString>;

/// A cluster that a user may connect to.
pub(super) struct Target<'a> {
    /// The name of the project in the names of Secrets.
    pub(super) project: &'a str,
    /// The cluster's name in Atlas.
    pub(super) cluster: &'a str,
    /// `status.connectionStrings` of its object.
    pub(super) addresses: &'a Value,
}

/// How much a Secret may hold, in bytes of keys and values: the mebibyte that Kubernetes takes, less room for what else
/// stands in it.
const MOST: usize = 1024 * 1024 - 32 * 1024;

/// Why a connection Secret cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    /// A template names what does not exist.
    #[error("{1}")]
    Unknown(String, Unknown),
    /// It would be too large; the key is that of its largest value.
    #[error(
        "the Secret would hold {total} bytes, of which {largest} under this key, and Kubernetes takes no more than \
         {MOST} in all: shorten what stands here"
    )]
    TooLarge { key: String, largest: usize, total: usize },
}

impl Flaw {
    /// The key that it is about.
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Unknown(key, _) | Self::TooLarge { key, .. } => key,
        }
    }
}

/// The data of a connection Secret; `None` while there is no SRV address, or no password where one is needed.
///
/// How large it will be is reckoned first: a template of a few pages may ask for more than there is memory.
pub(super) fn data(
    connection: &Connection,
    password: Option<&SecretString>,
    target: &Target<'_>,
) -> Result<Option<Data>, Flaw> {
    let Some(values) = values(connection, password, target) else { return Ok(None) };
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let Some(template) = &connection.template else {
        let usual = |name: &str| USUAL.contains(&name) || name.starts_with(MORE_ENDPOINTS);
        let values =
            values.iter().filter(|(name, _)| usual(name)).map(|(name, value)| (&**name, value.expose_secret()));
        let all: Vec<(&str, &str)> =
            [("type", "mongodb"), ("provider", "mongodb-atlas")].into_iter().chain(values).collect();
        check_size(all.iter().map(|(key, value)| (*key, value.len())))?;
        return Ok(Some(all.into_iter().map(|(key, value)| (key.to_owned(), bytes(value))).collect()));
    };
    let mut sizes = Vec::new();
    for (key, text) in template {
        let size = template::size(text, &values).map_err(|error| Flaw::Unknown(key.clone(), error))?;
        sizes.extend(size.map(|size| (key.as_str(), size)));
    }
    check_size(sizes.iter().copied())?;
    let mut data = Data::new();
    for (key, text) in template {
        let text = template::fill(text, &values).map_err(|error| Flaw::Unknown(key.clone(), error))?;
        data.extend(text.map(|text| (key.clone(), bytes(text.expose_secret()))));
    }
    Ok(Some(data))
}

fn check_size<'a>(sizes: impl Iterator<Item = (&'a str, usize)> + Clone) -> Result<(), Flaw> {
    let total = sizes.clone().fold(0_usize, |total, (key, size)| total.saturating_add(key.len()).saturating_add(size));
    match sizes.max_by_key(|(_, size)| *size) {
        Some((key, largest)) if total > MOST => Err(Flaw::TooLarge { key: key.to_owned(), largest, total }),
        _ => Ok(()),
    }
}

/// How the variables of private endpoints begin.
const MORE_ENDPOINTS: &str = "connectionStringPrivateEndpoint";

fn values(connection: &Connection, password: Option<&SecretString>, target: &Target<'_>) -> Option<Values> {
    let Target { project, cluster, addresses } = target;
    let srv = addresses["standardSrv"].as_str()?;
    let host = srv.split_once("://").map_or(srv, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let mut values = Values::new();
    let mut set = |name: &str, value: String| values.insert(name.to_owned(), SecretString::from(value));
    let login = match connection.login {
        Login::Password(_) => {
            let password = password?.expose_secret();
            set("password", password.to_owned());
            set("passwordEncoded", escape(password));
            set("authMechanism", "SCRAM-SHA-256".to_owned());
            format!("{}:{}@", escape(&connection.username), escape(password))
        }
        Login::Outside { mechanism, named } => {
            set("authMechanism", mechanism.to_owned());
            if named { format!("{}@", escape(&connection.username)) } else { String::new() }
        }
    };
    set("authSource", connection.auth_source().to_owned());
    set("database", connection.auth_source().to_owned());
    set("username", connection.username.clone());
    set("usernameEncoded", escape(&connection.username));
    set("project", (*project).to_owned());
    set("cluster", (*cluster).to_owned());
    set("host", host.to_owned());
    // The port of every Atlas cluster; with an SRV address drivers learn it from DNS.
    set("port", "27017".to_owned());
    let mut set_address = |name: &str, address: &Value| {
        if let Some(address) = address.as_str().and_then(|address| with_login(address, &login, connection)) {
            set(name, address);
        }
    };
    set_address("uri", &addresses["standardSrv"]);
    for (from, to) in [
        ("standard", "connectionStringStandard"),
        ("standardSrv", "connectionStringStandardSrv"),
        ("private", "connectionStringPrivate"),
        ("privateSrv", "connectionStringPrivateSrv"),
    ] {
        set_address(to, &addresses[from]);
    }
    let mut endpoints: Vec<&Value> = addresses["privateEndpoint"].as_array().into_iter().flatten().collect();
    // Atlas promises no order, and an address must not wander from key to key.
    endpoints
        .sort_by_key(|endpoint| ["connectionString", "srvConnectionString"].map(|name| endpoint[name].to_string()));
    for (index, endpoint) in endpoints.into_iter().enumerate() {
        let number = if index == 0 { String::new() } else { (index + 1).to_string() };
        for (from, to) in [
            ("connectionString", ""),
            ("srvConnectionString", "Srv"),
            ("srvShardOptimizedConnectionString", "SrvShardOptimized"),
        ] {
            set_address(&format!("{MORE_ENDPOINTS}{to}{number}"), &endpoint[from]);
        }
    }
    Some(values)
}

/// An address with what a driver needs to log in.
///
/// Atlas's own options say `authSource=admin`, in the address or in DNS; for users outside of the database that is
/// replaced.
fn with_login(address: &str, login: &str, connection: &Connection) -> Option<String> {
    let (scheme, rest) = address.split_once("://")?;
    let Login::Outside { mechanism, .. } = connection.login else {
        return Some(format!("{scheme}://{login}{rest}"));
    };
    let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
    let source = format!("authSource={}", escape(connection.auth_source()));
    let mechanism = format!("authMechanism={mechanism}");
    let others = options.split('&').filter(|option| !option.is_empty() && !option.starts_with("authSource="));
    let options: Vec<&str> = others.chain([source.as_str(), mechanism.as_str()]).collect();
    Some(format!("{scheme}://{login}{hosts}/{path}?{}", options.join("&")))
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn connection(login: Login) -> Connection {
        let auth_database = match login {
            Login::Password(_) => "admin",
            Login::Outside { .. } => "$external",
        };
        Connection {
            username: "CN=a b".to_owned(),
            auth_database: auth_database.to_owned(),
            login,
            clusters: Vec::new(),
            secret_name: None,
            template: None,
        }
    }

    fn addresses() -> Value {
        json!({
            "standard": "mongodb://a-0.x.mongodb.net:27017,a-1.x.mongodb.net:27017/?ssl=true&authSource=admin&replicaSet=r",
            "standardSrv": "mongodb+srv://a.x.mongodb.net",
            "privateEndpoint": [
                {"connectionString": "mongodb://pl-1.x/?authSource=admin", "srvConnectionString": "mongodb+srv://a-pl-1.x"},
                {
                    "connectionString": "mongodb://pl-0.x/?authSource=admin",
                    "srvConnectionString": "mongodb+srv://a-pl-0.x",
                    "srvShardOptimizedConnectionString": "mongodb+srv://a-pl-0-lb.x",
                },
            ],
        })
    }

    fn texts(connection: &Connection, addresses: &Value) -> Option<BTreeMap<String, String>> {
        let password = SecretString::from("p@ss/w:rd 1");
        let target = Target { project: "shop", cluster: "a", addresses };
        let data = data(connection, Some(&password), &target).unwrap()?;
        Some(data.into_iter().map(|(key, value)| (key, String::from_utf8(value.0).unwrap())).collect())
    }

    #[test]
    fn a_password_stands_escaped_in_every_address() {
        let texts = texts(&connection(Login::Password("password")), &addresses()).unwrap();
        assert_eq!(texts["uri"], "mongodb+srv://CN%3Da%20b:p%40ss%2Fw%3Ard%201@a.x.mongodb.net");
        assert_eq!(texts["connectionStringStandardSrv"], texts["uri"]);
        assert_eq!(
            texts["connectionStringStandard"],
            "mongodb://CN%3Da%20b:p%40ss%2Fw%3Ard%201@a-0.x.mongodb.net:27017,a-1.x.mongodb.net:27017\
             /?ssl=true&authSource=admin&replicaSet=r"
        );
        assert_eq!((&*texts["password"], &*texts["username"]), ("p@ss/w:rd 1", "CN=a b"));
        assert_eq!((&*texts["host"], &*texts["type"], &*texts["database"]), ("a.x.mongodb.net", "mongodb", "admin"));
        assert!(!texts.contains_key("connectionStringPrivate") && !texts.contains_key("passwordEncoded"));
    }

    #[test]
    fn other_logins_say_their_mechanism_and_source_and_hold_no_password() {
        let outside = |mechanism, named| connection(Login::Outside { mechanism, named });
        for (connection, srv, standard) in [
            (
                outside("MONGODB-X509", false),
                "mongodb+srv://a.x.mongodb.net/?authSource=%24external&authMechanism=MONGODB-X509",
                "mongodb://a-0.x.mongodb.net:27017,a-1.x.mongodb.net:27017/?ssl=true&replicaSet=r\
                 &authSource=%24external&authMechanism=MONGODB-X509",
            ),
            (
                outside("PLAIN", true),
                "mongodb+srv://CN%3Da%20b@a.x.mongodb.net/?authSource=%24external&authMechanism=PLAIN",
                "mongodb://CN%3Da%20b@a-0.x.mongodb.net:27017,a-1.x.mongodb.net:27017/?ssl=true&replicaSet=r\
                 &authSource=%24external&authMechanism=PLAIN",
            ),
        ] {
            let texts = texts(&connection, &addresses()).unwrap();
            assert_eq!((&*texts["uri"], &*texts["connectionStringStandard"]), (srv, standard));
            assert!(!texts.contains_key("password"), "{texts:?}");
            assert!(texts.values().all(|text| !text.contains("p%40ss") && !text.contains("p@ss")), "{texts:?}");
        }
    }

    #[test]
    fn private_endpoints_keep_their_keys_whatever_their_order() {
        let mut other = addresses();
        other["privateEndpoint"].as_array_mut().unwrap().reverse();
        let login = connection(Login::Password("password"));
        let found = texts(&login, &addresses()).unwrap();
        assert_eq!(found, texts(&login, &other).unwrap());
        let hosts: Vec<(&str, &str)> = found
            .iter()
            .filter(|(key, _)| key.starts_with("connectionStringPrivateEndpoint"))
            .map(|(key, value)| (key.as_str(), value.split_once('@').unwrap().1))
            .collect();
        assert_eq!(
            hosts,
            [
                ("connectionStringPrivateEndpoint", "pl-0.x/?authSource=admin"),
                ("connectionStringPrivateEndpoint2", "pl-1.x/?authSource=admin"),
                ("connectionStringPrivateEndpointSrv", "a-pl-0.x"),
                ("connectionStringPrivateEndpointSrv2", "a-pl-1.x"),
                ("connectionStringPrivateEndpointSrvShardOptimized", "a-pl-0-lb.x"),
            ]
        );
    }

    #[test]
    fn a_template_takes_the_place_of_the_usual_keys() {
        let template = [
            ("MONGODB_URI", "$(uri)&retryWrites=true"),
            ("login", "$(usernameEncoded):$(passwordEncoded)@$(cluster).$(project)"),
            ("private", "$(connectionStringPrivate)"),
        ];
        let template = template.map(|(key, text)| (key.to_owned(), text.to_owned()));
        let connection = Connection {
            template: Some(BTreeMap::from(template)),
            ..connection(Login::Outside { mechanism: "MONGODB-AWS", named: false })
        };
        let found = texts(&connection, &addresses()).unwrap();
        let uri = "mongodb+srv://a.x.mongodb.net/?authSource=%24external&authMechanism=MONGODB-AWS&retryWrites=true";
        assert_eq!(
            found,
            BTreeMap::from([("MONGODB_URI".to_owned(), uri.to_owned())]),
            "what has no value is left out"
        );
        let connection = Connection { login: Login::Password("password"), ..connection };
        assert_eq!(texts(&connection, &addresses()).unwrap()["login"], "CN%3Da%20b:p%40ss%2Fw%3Ard%201@a.shop");
    }

    #[test]
    fn what_would_be_too_large_is_refused_by_its_largest_key_before_it_is_made() {
        let password = SecretString::from("p".repeat(1024));
        let addresses = addresses();
        let target = Target { project: "shop", cluster: "a", addresses: &addresses };
        let with = |template: BTreeMap<String, String>| Connection {
            template: Some(template),
            ..connection(Login::Password("password"))
        };
        let keys = |texts: &[String]| {
            texts.iter().enumerate().map(|(index, text)| (format!("key-{index:02}"), text.clone())).collect()
        };
        // 372 times 1,024 bytes in each of two keys fit, and not in three.
        let large = "$(password)".repeat(4096 / 11);
        assert!(data(&with(keys(&vec![large.clone(); 2])), Some(&password), &target).unwrap().is_some());
        let mut texts = vec![large.clone(); 3];
        texts[1].push_str("$(uri)");
        let flaw = data(&with(keys(&texts)), Some(&password), &target).unwrap_err();
        assert_eq!(flaw.key(), "key-01", "{flaw}");
        // As many as the schema takes: a gigabyte with the longest values, and never made.
        let worst = vec!["$(connectionStringStandard)".repeat(4096 / 27); 32];
        let long = SecretString::from("ü".repeat(100_000));
        let begun = std::time::Instant::now();
        let Err(Flaw::TooLarge { total, .. }) = data(&with(keys(&worst)), Some(&long), &target) else {
            panic!("it was made")
        };
        assert!(total > 1_000_000_000, "{total}");
        assert!(begun.elapsed() < std::time::Duration::from_secs(1));
        // Without a template as well.
        let usual = connection(Login::Password("password"));
        assert!(matches!(data(&usual, Some(&long), &target), Err(Flaw::TooLarge { .. })));
        let exactly = |more: usize| keys(&["x".repeat(MOST - "key-00".len() + more)]);
        assert!(data(&with(exactly(0)), Some(&password), &target).unwrap().is_some());
        assert!(data(&with(exactly(1)), Some(&password), &target).is_err());
    }

    #[test]
    fn nothing_is_published_without_an_address_or_a_needed_password() {
        let connection = connection(Login::Password("password"));
        assert_eq!(texts(&connection, &json!({"standard": "mongodb://a"})), None);
        let addresses = addresses();
        let target = Target { project: "shop", cluster: "a", addresses: &addresses };
        assert!(data(&connection, None, &target).unwrap().is_none());
    }

    #[test]
    fn every_variable_has_a_value_somewhere() {
        let mut addresses = addresses();
        addresses["private"] = json!("mongodb://p");
        addresses["privateSrv"] = json!("mongodb+srv://p");
        let password = SecretString::from("password");
        let target = Target { project: "shop", cluster: "a", addresses: &addresses };
        let values = values(&connection(Login::Password("password")), Some(&password), &target).unwrap();
        for name in template::VARIABLES {
            assert!(values.contains_key(*name), "{name}");
        }
        assert!(USUAL.iter().all(|name| template::VARIABLES.contains(name)));
    }
}
