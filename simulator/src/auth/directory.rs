//! The organizations of a run and their credentials.
//!
//! Ids and secrets are derived from the seed and the organization's name, so the same command line has the same ones
//! in every run, and adding an organization does not change the others.
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use crate::world::Organization;

/// An API key of an organization, for HTTP digest.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub org_id: String,
    pub public: String,
    pub private: String,
}

/// A service account of an organization, for OAuth2 client credentials.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    pub org_id: String,
    pub client_id: String,
    pub client_secret: String,
}

/// What a client needs to act for an organization: one API key and one service account.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    pub public_key: String,
    pub private_key: String,
    pub client_id: String,
    pub client_secret: String,
}

struct Member {
    organization: Organization,
    /// How many pairs were made for it so far; part of what a new pair is derived from.
    pairs: u32,
    /// The pair that the greeting names.
    current: Credentials,
}

pub struct Directory {
    seed: u64,
    members: Vec<Member>,
    keys: BTreeMap<String, ApiKey>,
    accounts: BTreeMap<String, ServiceAccount>,
}

impl Directory {
    /// # Errors
    /// Names an organization that was given twice.
    pub fn new(seed: u64, names: &[String]) -> Result<Self, String> {
        let mut directory = Self { seed, members: Vec::new(), keys: BTreeMap::new(), accounts: BTreeMap::new() };
        for name in names {
            if directory.members.iter().any(|member| member.organization.name == *name) {
                return Err(format!("the organization {name:?} is given twice"));
            }
            let id = hex(&derive(seed, &["organization", name])[..12]);
            let organization = Organization { id, name: name.clone() };
            let current = directory.admit(&organization, 0);
            directory.members.push(Member { organization, pairs: 1, current });
        }
        Ok(directory)
    }

    pub fn organizations(&self) -> Vec<Organization> {
        self.members.iter().map(|member| member.organization.clone()).collect()
    }

    /// The organizations and their present credentials, as the start-up line lists them.
    pub fn greeting(&self) -> Value {
        let orgs = self.members.iter().map(|member| {
            let (organization, credentials) = (&member.organization, &member.current);
            json!({
                "id": organization.id,
                "name": organization.name,
                "publicKey": credentials.public_key,
                "privateKey": credentials.private_key,
                "clientId": credentials.client_id,
                "clientSecret": credentials.client_secret,
            })
        });
        orgs.collect()
    }

    pub fn api_key(&self, public: &str) -> Option<&ApiKey> {
        self.keys.get(public)
    }

    pub fn service_account(&self, client_id: &str) -> Option<&ServiceAccount> {
        self.accounts.get(client_id)
    }

    /// A further API key and service account of an organization; those it has stay good. None when there is no such
    /// organization, by id or name.
    pub fn add(&mut self, org: &str) -> Option<Credentials> {
        let at = self.position(org)?;
        let organization = self.members[at].organization.clone();
        let pair = self.members[at].pairs;
        self.members[at].pairs += 1;
        Some(self.admit(&organization, pair))
    }

    /// Gives an organization a new API key and service account in place of all it has, which are refused from now on,
    /// and answers its id. The greeting names the new ones.
    pub fn rotate(&mut self, org: &str) -> Option<String> {
        let at = self.position(org)?;
        let org_id = self.members[at].organization.id.clone();
        self.keys.retain(|_, key| key.org_id != org_id);
        self.accounts.retain(|_, account| account.org_id != org_id);
        self.members[at].current = self.add(&org_id)?;
        Some(org_id)
    }

    fn position(&self, org: &str) -> Option<usize> {
        self.members.iter().position(|member| member.organization.id == org || member.organization.name == org)
    }

    /// Makes the pair with this number and lets it in.
    fn admit(&mut self, organization: &Organization, pair: u32) -> Credentials {
        let number = pair.to_string();
        let bytes = |what: &str| derive(self.seed, &["credential", &organization.name, &number, what]);
        let credentials = Credentials {
            public_key: bytes("public")[..8].iter().map(|byte| char::from(b'a' + byte % 26)).collect(),
            private_key: uuid(bytes("private")),
            client_id: format!("mdb_sa_id_{}", hex(&bytes("client")[..12])),
            client_secret: format!("mdb_sa_sk_{}{}", hex(&bytes("secret")), hex(&bytes("more")[..4])),
        };
        let org_id = organization.id.clone();
        let Credentials { public_key: public, private_key: private, client_id, client_secret } = credentials.clone();
        self.keys.insert(public.clone(), ApiKey { org_id: org_id.clone(), public, private });
        self.accounts.insert(client_id.clone(), ServiceAccount { org_id, client_id, client_secret });
        credentials
    }
}

/// Sixteen bytes that follow from the seed and the parts, and look random.
pub fn derive(seed: u64, parts: &[&str]) -> [u8; 16] {
    use md5::Digest as _;
    md5::Md5::digest(format!("{seed}/{}", parts.join("/"))).into()
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Bytes in the form of a UUID, which private keys have.
fn uuid(bytes: [u8; 16]) -> String {
    let digits = hex(&bytes);
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn directory(seed: u64, names: &[&str]) -> Directory {
        Directory::new(seed, &names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_same_seed_and_name_give_the_same_credentials_whoever_else_is_there() {
        let alone = directory(7, &["Two"]).greeting();
        let together = directory(7, &["One", "Two"]).greeting();
        assert_eq!(alone[0], together[1]);
        assert_ne!(alone[0], directory(8, &["Two"]).greeting()[0]);
        assert_ne!(together[0]["publicKey"], together[1]["publicKey"]);
    }

    #[test]
    fn credentials_look_like_those_of_atlas() {
        let greeting = directory(1, &["One"]).greeting();
        let of = |name: &str| greeting[0][name].as_str().unwrap().to_owned();
        assert_eq!(of("id").len(), 24);
        assert_eq!(of("publicKey").len(), 8);
        assert_eq!(of("privateKey").split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(of("clientId").starts_with("mdb_sa_id_") && of("clientId").len() == 34);
        assert!(of("clientSecret").starts_with("mdb_sa_sk_"));
    }

    #[test]
    fn a_further_pair_leaves_the_first_and_a_rotation_refuses_all_old_ones() {
        let mut directory = directory(1, &["One", "Two"]);
        let first = directory.greeting()[0]["publicKey"].as_str().unwrap().to_owned();
        let other = directory.greeting()[1]["clientId"].as_str().unwrap().to_owned();
        let second = directory.add("One").unwrap();
        assert!(directory.api_key(&first).is_some() && directory.api_key(&second.public_key).is_some());
        assert_eq!(directory.rotate("One").unwrap(), directory.greeting()[0]["id"]);
        let fresh = directory.greeting()[0]["publicKey"].as_str().unwrap().to_owned();
        assert!(directory.api_key(&first).is_none() && directory.api_key(&second.public_key).is_none());
        assert!(directory.service_account(&second.client_id).is_none());
        assert!(fresh != first && directory.api_key(&fresh).is_some());
        assert!(directory.service_account(&other).is_some());
        assert!(directory.rotate("Three").is_none());
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        assert!(Directory::new(1, &["One".to_owned(), "One".to_owned()]).is_err());
    }
}
