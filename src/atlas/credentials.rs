//! What an operator proves its identity to Atlas with.

use std::collections::BTreeMap;

use secrecy::SecretString;

/// A credential of one Atlas organisation.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// A programmatic API key, used through HTTP digest authentication.
    ApiKey {
        /// The organisation, 24 hexadecimal digits.
        org_id: String,
        /// The public half of the key. It is an identifier, not a secret.
        public_key: String,
        /// The private half of the key.
        private_key: SecretString,
    },
    /// A service account, used through OAuth2 client credentials.
    ServiceAccount {
        /// The organisation, 24 hexadecimal digits.
        org_id: String,
        /// The identifier of the account, not a secret.
        client_id: String,
        /// The secret of the account.
        client_secret: SecretString,
    },
}

/// The data of a Secret that is not a usable credential. Names keys and never values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credentials Secret is not usable: {fault}")]
pub struct InvalidCredentials {
    /// What is wrong.
    pub fault: CredentialFault,
}

/// What can be wrong with the data of a credentials Secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFault {
    /// A key is not there. `unknown` lists the keys that are there and mean nothing: the misspelt one is among them.
    #[error("the key {key} is missing{}", if unknown.is_empty() { String::new() } else { format!(" (it has {}, which means nothing here)", unknown.join(", ")) })]
    Missing {
        /// The missing key.
        key: &'static str,
        /// Keys of the Secret that are not part of any credential.
        unknown: Vec<String>,
    },
    /// Neither an API key nor a service account.
    #[error("it needs publicApiKey and privateApiKey, or clientId and clientSecret{}", if unknown.is_empty() { String::new() } else { format!(" (it has {}, which means nothing here)", unknown.join(", ")) })]
    Neither {
        /// Keys of the Secret that are not part of any credential.
        unknown: Vec<String>,
    },
    /// An API key and a service account in one Secret: which one to use would be a guess.
    #[error("it has both an API key and a service account; keep one of them")]
    Both,
    /// One complete pair and one half of the other.
    #[error("the key {key} belongs to another kind of credential than the rest; remove it")]
    Extra {
        /// The key that is too much.
        key: &'static str,
    },
    /// A value is not UTF-8.
    #[error("the value of {key} is not text")]
    NotUtf8 {
        /// The key of the value.
        key: &'static str,
    },
    /// A value does not have the form that Atlas gives it.
    #[error("the value of {key} {problem}")]
    Malformed {
        /// The key of the value.
        key: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

const ORG_ID: &str = "orgId";
const PUBLIC_API_KEY: &str = "publicApiKey";
const PRIVATE_API_KEY: &str = "privateApiKey";
const CLIENT_ID: &str = "clientId";
const CLIENT_SECRET: &str = "clientSecret";

/// Longer values than this are not what Atlas hands out (its longest is below 100 characters) and would not fit
/// into a header.
const LONGEST_VALUE: usize = 1024;

impl Credentials {
    /// Reads the data of a Secret: `orgId`, and either `publicApiKey` and `privateApiKey` or `clientId` and
    /// `clientSecret`.
    ///
    /// One line end after a value is not part of it: that is how `echo` and most editors write a file. Keys that mean
    /// nothing here are left alone, and named when another one is missing.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, InvalidCredentials> {
        Self::read(data).map_err(|fault| InvalidCredentials { fault })
    }

    fn read(data: &BTreeMap<String, Vec<u8>>) -> Result<Self, CredentialFault> {
        let has = |key: &str| data.contains_key(key);
        let api_key = (has(PUBLIC_API_KEY), has(PRIVATE_API_KEY));
        let service_account = (has(CLIENT_ID), has(CLIENT_SECRET));
        match (api_key, service_account) {
            ((true, true), (true, true)) => Err(CredentialFault::Both),
            ((true, true), (true, false)) => Err(CredentialFault::Extra { key: CLIENT_ID }),
            ((true, true), (false, true)) => Err(CredentialFault::Extra { key: CLIENT_SECRET }),
            ((true, false), (true, true)) => Err(CredentialFault::Extra { key: PUBLIC_API_KEY }),
            ((false, true), (true, true)) => Err(CredentialFault::Extra { key: PRIVATE_API_KEY }),
            ((false, false), (false, false)) => Err(CredentialFault::Neither { unknown: unknown_keys(data) }),
            // With one half of a pair, reading that pair names the other half as missing.
            ((true, _) | (_, true), _) => Ok(Self::ApiKey {
                org_id: org_id(data)?,
                public_key: identifier(data, PUBLIC_API_KEY)?,
                private_key: text(data, PRIVATE_API_KEY)?.into(),
            }),
            ((false, false), _) => Ok(Self::ServiceAccount {
                org_id: org_id(data)?,
                client_id: identifier(data, CLIENT_ID)?,
                client_secret: text(data, CLIENT_SECRET)?.into(),
            }),
        }
    }

    /// The organisation that the credential belongs to.
    pub fn org_id(&self) -> &str {
        match self {
            Self::ApiKey { org_id, .. } | Self::ServiceAccount { org_id, .. } => org_id,
        }
    }
}

fn unknown_keys(data: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let known = [ORG_ID, PUBLIC_API_KEY, PRIVATE_API_KEY, CLIENT_ID, CLIENT_SECRET];
    data.keys().filter(|key| !known.contains(&key.as_str())).cloned().collect()
}

fn org_id(data: &BTreeMap<String, Vec<u8>>) -> Result<String, CredentialFault> {
    let value = text(data, ORG_ID)?;
    if value.len() == 24 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(value.to_owned())
    } else {
        Err(CredentialFault::Malformed { key: ORG_ID, problem: "is not 24 hexadecimal digits" })
    }
}

/// The public half of a credential. It goes into a quoted string (digest) or before a colon (Basic, at the token
/// endpoint), so it must not hold the character that ends it there.
fn identifier(data: &BTreeMap<String, Vec<u8>>, key: &'static str) -> Result<String, CredentialFault> {
    let value = text(data, key)?;
    if value.contains(['"', '\\', ':']) {
        return Err(CredentialFault::Malformed { key, problem: "contains a quote, a backslash or a colon" });
    }
    Ok(value.to_owned())
}

/// A value as text: visible ASCII, not empty, without the line end.
fn text<'a>(data: &'a BTreeMap<String, Vec<u8>>, key: &'static str) -> Result<&'a str, CredentialFault> {
    let value = data.get(key).ok_or_else(|| CredentialFault::Missing { key, unknown: unknown_keys(data) })?;
    let value = str::from_utf8(value).map_err(|_| CredentialFault::NotUtf8 { key })?;
    let value = value.strip_suffix('\n').map_or(value, |line| line.strip_suffix('\r').unwrap_or(line));
    let malformed = |problem| Err(CredentialFault::Malformed { key, problem });
    if value.is_empty() {
        malformed("is empty")
    } else if value.len() > LONGEST_VALUE {
        malformed("is longer than any that Atlas hands out")
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        malformed("contains white space or other characters that Atlas never uses in it")
    } else {
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use secrecy::ExposeSecret;

    use super::*;

    const ORG: &str = "32b6e34b3d91647abb20e7b8";
    const CANARY: &str = "canary-77f0";

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn an_api_key_is_read() {
        for ending in ["", "\n", "\r\n"] {
            let data = secret(&[
                ("orgId", &format!("{ORG}{ending}")),
                ("publicApiKey", &format!("ABCDEFGH{ending}")),
                ("privateApiKey", &format!("{CANARY}{ending}")),
                ("comment", "ignored"),
            ]);
            let Credentials::ApiKey { org_id, public_key, private_key } = Credentials::from_secret(&data).unwrap()
            else {
                panic!("not an API key")
            };
            assert_eq!((org_id.as_str(), public_key.as_str()), (ORG, "ABCDEFGH"));
            assert_eq!(private_key.expose_secret(), CANARY);
        }
    }

    #[test]
    fn a_service_account_is_read() {
        let data = secret(&[("orgId", ORG), ("clientId", "mdb_sa_id_1"), ("clientSecret", CANARY)]);
        let credentials = Credentials::from_secret(&data).unwrap();
        assert_eq!(credentials.org_id(), ORG);
        assert!(matches!(credentials, Credentials::ServiceAccount { .. }));
        assert!(!format!("{credentials:?} {credentials:#?}").contains(CANARY));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let key = [("publicApiKey", "A"), ("privateApiKey", CANARY)];
        let account = [("clientId", "i"), ("clientSecret", CANARY)];
        let org = ("orgId", ORG);
        let cases: Vec<(Vec<(&str, &str)>, &str)> = vec![
            (vec![], "it needs publicApiKey and privateApiKey, or clientId and clientSecret"),
            (vec![org], "it needs publicApiKey and privateApiKey, or clientId and clientSecret"),
            (
                vec![org, ("username", "u")],
                "it needs publicApiKey and privateApiKey, or clientId and clientSecret (it has username, which means \
                 nothing here)",
            ),
            (vec![key[0], key[1]], "the key orgId is missing"),
            (vec![org, key[0]], "the key privateApiKey is missing"),
            (vec![org, key[1]], "the key publicApiKey is missing"),
            (
                vec![org, key[0], ("privateAPIKey", CANARY)],
                "the key privateApiKey is missing (it has privateAPIKey, which means nothing here)",
            ),
            (vec![org, account[0]], "the key clientSecret is missing"),
            (vec![org, account[1]], "the key clientId is missing"),
            (vec![org, key[0], account[1]], "the key privateApiKey is missing"),
            (
                vec![org, key[0], key[1], account[0], account[1]],
                "it has both an API key and a service account; keep one of them",
            ),
            (
                vec![org, key[0], key[1], account[1]],
                "the key clientSecret belongs to another kind of credential than the rest; remove it",
            ),
            (
                vec![org, key[0], account[0], account[1]],
                "the key publicApiKey belongs to another kind of credential than the rest; remove it",
            ),
            (vec![("orgId", "123"), key[0], key[1]], "the value of orgId is not 24 hexadecimal digits"),
            (vec![("orgId", &ORG[..23]), key[0], key[1]], "the value of orgId is not 24 hexadecimal digits"),
            (
                vec![("orgId", "32b6e34b3d91647abb20e7bx"), key[0], key[1]],
                "the value of orgId is not 24 hexadecimal digits",
            ),
            (vec![org, ("publicApiKey", ""), key[1]], "the value of publicApiKey is empty"),
            (vec![org, ("publicApiKey", "\n"), key[1]], "the value of publicApiKey is empty"),
            (
                vec![org, key[0], ("privateApiKey", "a b")],
                "the value of privateApiKey contains white space or other characters that Atlas never uses in it",
            ),
            (
                vec![org, key[0], ("privateApiKey", "key\n\n")],
                "the value of privateApiKey contains white space or other characters that Atlas never uses in it",
            ),
            (
                vec![org, ("publicApiKey", "a\"b"), key[1]],
                "the value of publicApiKey contains a quote, a backslash or a colon",
            ),
            (
                vec![org, ("clientId", "a:b"), account[1]],
                "the value of clientId contains a quote, a backslash or a colon",
            ),
        ];
        for (pairs, expected) in cases {
            let error = Credentials::from_secret(&secret(&pairs)).unwrap_err();
            assert_eq!(error.to_string(), format!("the credentials Secret is not usable: {expected}"));
            assert!(!format!("{error} {error:?}").contains(CANARY));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_named_and_not_shown() {
        let mut data = secret(&[("orgId", ORG), ("publicApiKey", "A")]);
        data.insert("privateApiKey".to_owned(), vec![0xff, 0xfe]);
        let error = Credentials::from_secret(&data).unwrap_err();
        assert_eq!(error.fault, CredentialFault::NotUtf8 { key: "privateApiKey" });
        data.insert("privateApiKey".to_owned(), vec![b'a'; LONGEST_VALUE + 1]);
        let error = Credentials::from_secret(&data).unwrap_err();
        assert!(error.to_string().contains("longer than any"));
    }
}
