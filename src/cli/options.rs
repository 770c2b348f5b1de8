//! The settings of `run`: what each is called, what it means, and what it may be.
//!
//! This is the one source of flags, environment variables, the keys of the configuration file
//! ([`configuration`](super::configuration)) and the table in `docs/configuration.md`. No setting holds a secret; what
//! is secret is referred to by the name of its Secret.
use std::{
    net::{Ipv6Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use url::Url;

use super::files::Filed;
use crate::{
    atlas::{Authorities, Endpoint, Proxy, ProxyCredentials},
    engine::{plan::Adopt, policy::Manage},
    kind::Deletion,
    status::SecretReference,
    telemetry::{
        logs::{self, Format},
        traces,
    },
};

/// The shortest lease: a standby looks at it fifteen times in its duration, and an API server on the other side of a
/// continent needs a third of a second for that.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);
/// The longest lease: for so long nobody works after a leader died.
const LONGEST_LEASE: Duration = Duration::from_mins(5);

/// The settings of `run`.
#[derive(Args, Clone, Debug, PartialEq)]
pub struct Options {
    /// A file with settings; flags and variables win over it
    #[arg(long, env = "ATLAS_OPERATOR_CONFIG")]
    pub config: Option<PathBuf>,
    /// The address of the Atlas Administration API; plain http only to this machine
    #[arg(long, env = "ATLAS_OPERATOR_ATLAS_URL", default_value = "https://cloud.mongodb.com", value_parser = Endpoint::parse)]
    pub atlas_url: Endpoint,
    /// A file with certificates (PEM) of authorities that are trusted beside Mozilla's, for Atlas, proxy and traces
    #[arg(long, env = "ATLAS_OPERATOR_ATLAS_CA_FILE", value_parser = Filed::<Authorities>::at)]
    pub atlas_ca_file: Option<Filed<Authorities>>,
    /// The proxy that leads to Atlas, such as http://proxy.example.com:3128; variables such as HTTPS_PROXY are not used
    #[arg(long, env = "ATLAS_OPERATOR_ATLAS_PROXY", value_parser = Proxy::parse)]
    pub atlas_proxy: Option<Proxy>,
    /// A folder with the files username and password for the proxy: a mounted Secret of type kubernetes.io/basic-auth
    #[arg(long, env = "ATLAS_OPERATOR_ATLAS_PROXY_CREDENTIALS", value_parser = Filed::<ProxyCredentials>::at)]
    pub atlas_proxy_credentials: Option<Filed<ProxyCredentials>>,
    /// Watch only this namespace (may be given several times; in the variable, a list with commas; all namespaces by default)
    #[arg(long = "namespace", env = "ATLAS_OPERATOR_NAMESPACE", value_delimiter = ',', value_parser = label)]
    pub namespaces: Vec<String>,
    /// The credentials of objects that refer to none, as NAMESPACE/NAME
    #[arg(long, env = "ATLAS_OPERATOR_DEFAULT_SECRET", value_parser = secret_reference)]
    pub default_secret: Option<SecretReference>,
    /// How long a settled object is left alone: 30s, 10m, 1h
    #[arg(long, env = "ATLAS_OPERATOR_RESYNC", default_value = "10m", value_parser = duration)]
    pub resync: Duration,
    /// Objects of one kind that are worked on at once
    #[arg(long, env = "ATLAS_OPERATOR_CONCURRENCY", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// What is done for objects whose annotations do not say: manage (default), observe or pause
    #[arg(long, env = "ATLAS_OPERATOR_POLICY")]
    pub policy: Option<Manage>,
    /// What becomes of Atlas resources whose object is deleted, where annotations do not say: delete or retain (by default, projects and clusters are retained, and all else is deleted)
    #[arg(long, env = "ATLAS_OPERATOR_DELETION")]
    pub deletion: Option<Deletion>,
    /// What is done with resources that are in Atlas already: identical (default), always or never
    #[arg(long, env = "ATLAS_OPERATOR_ADOPT")]
    pub adopt: Option<Adopt>,
    /// Be one of several replicas, of which one works
    #[arg(
        long,
        env = "ATLAS_OPERATOR_LEADER_ELECTION",
        default_value_t = false,
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        action = clap::ArgAction::Set
    )]
    pub leader_election: bool,
    /// The namespace of the lease; by default that of the pod, or of the kubeconfig
    #[arg(long, env = "ATLAS_OPERATOR_LEASE_NAMESPACE", value_parser = label)]
    pub lease_namespace: Option<String>,
    /// The name of the lease; operators that watch different namespaces need one each
    #[arg(long, env = "ATLAS_OPERATOR_LEASE_NAME", default_value = "atlas-operator", value_parser = label)]
    pub lease_name: String,
    /// How long after its last sign of life a leader is replaced: 5s to 5m
    #[arg(long, env = "ATLAS_OPERATOR_LEASE_DURATION", default_value = "10s", value_parser = lease_duration)]
    pub lease_duration: Duration,
    /// Where to serve /metrics; [::] is every address, of IPv4 too
    #[arg(long, env = "ATLAS_OPERATOR_METRICS", default_value_t = anywhere(8080))]
    pub metrics: SocketAddr,
    /// Where to serve /livez and /readyz; [::] is every address, of IPv4 too
    #[arg(long, env = "ATLAS_OPERATOR_HEALTH", default_value_t = anywhere(8081))]
    pub health: SocketAddr,
    /// Where to send traces: the address of an OTLP collector for HTTP, such as http://collector:4318 (none by default)
    #[arg(long, env = "ATLAS_OPERATOR_OTLP_ENDPOINT", value_parser = traces::address)]
    pub otlp_endpoint: Option<Url>,
    /// How the log is written
    #[arg(long, env = "ATLAS_OPERATOR_LOG_FORMAT", value_enum, default_value_t = Format::Text)]
    pub log_format: Format,
    /// What is logged: info, debug, or per module, atlas_operator=debug,kube=warn
    #[arg(long = "log", env = "ATLAS_OPERATOR_LOG", default_value = "info", value_parser = logs::check)]
    pub log: String,
}

impl Options {
    /// What is wrong with settings that are right by themselves: one line that names one.
    pub fn contradiction(&self) -> Option<&'static str> {
        let useless = self.atlas_proxy_credentials.is_some() && self.atlas_proxy.is_none();
        useless.then_some("--atlas-proxy-credentials: is of no use without --atlas-proxy")
    }
}

/// Every address, of either family.
fn anywhere(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))
}

/// A name as namespaces have it, a DNS label (RFC 1123).
fn label(text: &str) -> Result<String, String> {
    let inside = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let good =
        (1..=63).contains(&text.len()) && text.chars().all(inside) && !text.starts_with('-') && !text.ends_with('-');
    if good { Ok(text.to_owned()) } else { Err("must be lowercase letters, digits and hyphens, at most 63".to_owned()) }
}

fn secret_reference(text: &str) -> Result<SecretReference, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(SecretReference { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("must be NAMESPACE/NAME".to_owned()),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: u64 = number.parse().map_err(|_| "must be a number and a unit: 30s, 10m, 1h".to_owned())?;
    let seconds = match unit {
        "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        _ => return Err("must end in s, m or h".to_owned()),
    };
    match seconds {
        0 => Err("must be longer than nothing".to_owned()),
        // A week: what is looked at less often than that is not managed.
        seconds if seconds > 604_800 => Err("must be at most a week (168h)".to_owned()),
        seconds => Ok(Duration::from_secs(seconds)),
    }
}

fn lease_duration(text: &str) -> Result<Duration, String> {
    let duration = duration(text)?;
    if (SHORTEST_LEASE..=LONGEST_LEASE).contains(&duration) {
        Ok(duration)
    } else {
        Err("must be from 5s to 5m".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit_and_refused_without() {
        assert_eq!(duration("10m"), Ok(Duration::from_mins(10)));
        for bad in ["", "10", "m", "0s", "-1s", "1d", "200h", "1h30m"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        assert_eq!(lease_duration("15s"), Ok(Duration::from_secs(15)));
        for bad in ["4s", "6m", "15"] {
            assert!(lease_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_named_by_namespace_and_name() {
        assert!(secret_reference("a/b").is_ok());
        for bad in ["", "a", "a/", "/b", "a/b/c"] {
            assert!(secret_reference(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_namespace_is_a_label() {
        for good in ["a", "shop-2", &"x".repeat(63)] {
            assert!(label(good).is_ok(), "{good}");
        }
        for bad in ["", "Shop", "a.b", "-a", "a-", "a b", &"x".repeat(64)] {
            assert!(label(bad).is_err(), "{bad}");
        }
    }
}
