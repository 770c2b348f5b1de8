//! What Secrets are called.

/// The longest name of a Secret.
const LONGEST: usize = 253;

/// What a connection Secret is for, as far as its name tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Purpose<'a> {
    /// The namespace of the AtlasProject, where that is not the user's own.
    pub(super) namespace: Option<&'a str>,
    /// The name of the AtlasProject, or the project's id.
    pub(super) project: &'a str,
    /// The cluster's name in Atlas.
    pub(super) cluster: &'a str,
    /// The user's name.
    pub(super) user: &'a str,
    /// The database that Atlas lists the user under: one name may be two users, in two databases.
    pub(super) database: &'a str,
}

impl Purpose<'_> {
    /// The name of the Secret. Two purposes never have the same one, and it depends on nothing else.
    ///
    /// It is `{project}-{cluster}-{user}` where that can be read in one way only: neither project nor cluster has a
    /// hyphen. Otherwise dots stand between the parts, which have none themselves. What has other characters than small
    /// letters, digits and inner hyphens, or is listed under another database than `admin`, gets a hash of all parts. How many dots a name
    /// has tells these forms apart: none, two (three with a namespace), and one.
    pub(super) fn secret_name(&self) -> String {
        let Self { namespace, project, cluster, user, database } = *self;
        let simple = [project, cluster].iter().all(|part| !part.contains('-'));
        let parts: Vec<&str> = namespace.into_iter().chain([project, cluster, user]).collect();
        let separator = if namespace.is_none() && simple { "-" } else { "." };
        let name = parts.join(separator);
        if database == "admin" && parts.iter().all(|part| is_plain(part)) && name.len() <= LONGEST {
            return name;
        }
        let all = [namespace.unwrap_or_default(), project, cluster, user, database];
        hashed(&[project, cluster, user].join("-"), &all)
    }
}

/// The name of what an object has once: `{object}-{what}`.
pub(super) fn of_object(object: &str, what: &str) -> String {
    let name = format!("{object}-{what}");
    // The name of an object may be as long as that of a Secret.
    if name.len() <= LONGEST { name } else { hashed(&name, &[object, what]) }
}

/// Whether a part can stand in a name as it is, and has no dot.
fn is_plain(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !part.is_empty() && part.bytes().all(allowed) && !part.starts_with('-') && !part.ends_with('-')
}

/// A readable text and a hash of `parts`, with the only dot between them.
fn hashed(readable: &str, parts: &[&str]) -> String {
    let kept = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let hash = format!("{:016x}", hash(parts));
    let readable: String = readable.chars().map(kept).take(LONGEST - 1 - hash.len()).collect();
    match readable.trim_matches('-') {
        "" => format!("secret.{hash}"),
        readable => format!("{readable}.{hash}"),
    }
}

/// FNV-1a: small, stable over versions, and good enough to tell the few names apart that read the same. Each part is
/// preceded by its length, so that no other parts make the same bytes.
fn hash(parts: &[&str]) -> u64 {
    let lengths = parts.iter().map(|part| u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
    let bytes = lengths.zip(parts).flat_map(|(length, part)| length.into_iter().chain(part.bytes()));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::collections::HashMap;

    use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

    use super::*;

    fn purpose<'a>(project: &'a str, cluster: &'a str, user: &'a str) -> Purpose<'a> {
        Purpose { namespace: None, project, cluster, user, database: "admin" }
    }

    #[test]
    fn names_are_readable_where_they_can_be() {
        for (purpose, name) in [
            (purpose("shop", "orders", "api"), "shop-orders-api"),
            (purpose("shop", "orders", "orders-api"), "shop-orders-orders-api"),
            (purpose("32b6e34b3d91647abb20e7b8", "orders", "api"), "32b6e34b3d91647abb20e7b8-orders-api"),
            (purpose("shop", "orders-api", "ro"), "shop.orders-api.ro"),
            (purpose("shop-prod", "orders", "ro"), "shop-prod.orders.ro"),
            (Purpose { namespace: Some("platform"), ..purpose("shop", "orders", "api") }, "platform.shop.orders.api"),
        ] {
            assert_eq!(purpose.secret_name(), name);
        }
        for (purpose, readable) in [
            (purpose("shop", "Cluster0", "api"), "shop-cluster0-api."),
            (purpose("shop", "orders", "jane@example.com"), "shop-orders-jane-example-com."),
            (purpose("shop.eu", "orders", "api"), "shop-eu-orders-api."),
            (Purpose { database: "$external", ..purpose("shop", "orders", "api") }, "shop-orders-api."),
            (purpose("shop", "orders", "-"), "shop-orders."),
            (purpose("é", "-", "_"), "secret."),
        ] {
            let name = purpose.secret_name();
            let hash = name.strip_prefix(readable).unwrap_or_else(|| panic!("{name} is not {readable}…"));
            assert_eq!(hash.len(), 16, "{name}");
        }
        assert_eq!(purpose("shop", "orders", "Api").secret_name(), purpose("shop", "orders", "Api").secret_name());
    }

    /// All texts of up to three characters of an alphabet.
    fn texts(alphabet: &str) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut from = 0;
        for _ in 0..3 {
            let to = all.len();
            for index in from..to {
                all.extend(alphabet.chars().map(|letter| format!("{}{letter}", all[index])).collect::<Vec<_>>());
            }
            from = to;
        }
        all.retain(|text| !text.is_empty());
        all
    }

    fn expect_name(name: &str) {
        let label = |label: &str| is_plain(label) && label.len() <= LONGEST;
        assert!(name.len() <= LONGEST && name.split('.').all(label), "{name} is no name of a Secret");
    }

    #[test]
    fn two_purposes_never_have_the_same_name() {
        let mut seen: HashMap<String, (Option<String>, String, String, String, String)> = HashMap::new();
        let mut expect_new = |purpose: &Purpose<'_>| {
            let name = purpose.secret_name();
            expect_name(&name);
            let owned = |text: &str| text.to_owned();
            let this = (
                purpose.namespace.map(owned),
                owned(purpose.project),
                owned(purpose.cluster),
                owned(purpose.user),
                owned(purpose.database),
            );
            if let Some(other) = seen.insert(name.clone(), this.clone()) {
                assert_eq!(other, this, "both are called {name}");
            }
        };
        // Every division of short texts with hyphens, and with what is replaced by one.
        let (few, more) = (texts("a-"), texts("-_A."));
        let mut triples: Vec<[&String; 3]> = Vec::new();
        for one in &few {
            for two in &few {
                triples.extend(few.iter().map(|three| [one, two, three]));
            }
        }
        for one in &more {
            triples.extend(more.iter().map(|two| [one, two, one]));
        }
        for [project, cluster, user] in triples {
            for namespace in [None, Some("a"), Some("a-a")] {
                for database in ["admin", "$external"] {
                    expect_new(&Purpose { namespace, project, cluster, user, database });
                }
            }
        }
        // And longer ones by chance, also such as end like a hash or are too long.
        let mut random = StdRng::seed_from_u64(7);
        let pieces = ["api", "ro", "orders", "-", "-", ".", "_", "X", "0123456789abcdef", "é", "@", "long-name-"];
        for _ in 0..20_000 {
            let mut text = |most: usize| -> String {
                (0..random.random_range(1..=most)).map(|_| *pieces.choose(&mut random).unwrap()).collect()
            };
            let (project, cluster, user) = (text(3), text(3), text(40));
            expect_new(&purpose(&project, &cluster, &user));
        }
    }

    #[test]
    fn what_an_object_has_is_called_after_it() {
        assert_eq!(of_object("api", "certificate"), "api-certificate");
        let (one, other) = ("x".repeat(253), "x".repeat(252) + "y");
        let names = [of_object(&one, "certificate"), of_object(&other, "certificate")];
        for name in &names {
            expect_name(name);
        }
        assert_ne!(names[0], names[1]);
    }
}
