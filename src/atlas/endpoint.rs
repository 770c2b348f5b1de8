//! The address of the Administration API.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A validated base URL of the Administration API: a scheme, a host and maybe a port.
///
/// Credentials are sent to this address, so it is checked more strictly than a URL needs to be:
///
/// * `https`, or `http` to this machine only (`localhost`, 127.0.0.0/8, `::1`);
/// * no user information, path, query or fragment;
/// * no host that no API is served from: link-local addresses (where clouds keep the metadata of a machine),
///   unspecified, broadcast and multicast addresses; none that is not written in ASCII (a lookalike).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    /// Whether it is on this machine.
    loopback: bool,
}

/// An address that is refused as a base URL. The text never repeats the address: it may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// It cannot be read as a URL with a host.
    #[error("is not a URL with a host, like https://cloud.mongodb.com")]
    Malformed,
    /// It has white space, control characters, backslashes or letters outside ASCII.
    #[error("contains characters that are not allowed in a URL")]
    Characters,
    /// Another scheme than `https` and `http`.
    #[error("must start with https://")]
    Scheme,
    /// `http` to another machine.
    #[error("must start with https://; http:// is accepted to this machine only")]
    Insecure,
    /// A user name or password in front of the host.
    #[error("must not contain a user name or password")]
    UserInformation,
    /// A path, query or fragment.
    #[error("must end after the host and port: no path, query or fragment")]
    Path,
    /// A link-local, unspecified, broadcast or multicast address.
    #[error("its host is an address that no API is served from")]
    Host,
    /// Port 0.
    #[error("the port of must not be 0")]
    Port,
}

impl Endpoint {
    /// Reads and checks a base URL.
    pub fn parse(url: &str) -> Result<Self, InvalidEndpoint> {
        let url = origin(url)?;
        let loopback = match url.host().ok_or(InvalidEndpoint::Malformed)? {
            Host::Domain(name) => name == LOCALHOST,
            Host::Ipv4(address) => is_loopback(IpAddr::V4(address))?,
            Host::Ipv6(address) => is_loopback(IpAddr::V6(address))?,
        };
        if url.scheme() == "https" || loopback { Ok(Self { url, loopback }) } else { Err(InvalidEndpoint::Insecure) }
    }

    /// The URL of an absolute path (`/api/…`) at this endpoint, with query parameters.
    ///
    /// `None` when the URL would not have exactly this path, because it holds a query, a dot segment or a character
    /// that has to be encoded: the digest is computed over the path that is sent, and a path that means something else
    /// after normalising would reach another resource.
    pub(super) fn join(&self, path: &str, query: &[(&'static str, String)]) -> Option<Url> {
        let mut url = self.url.clone();
        url.set_path(path);
        if url.path() != path {
            return None;
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Some(url)
    }

    /// Whether the host is `localhost`, a name that has to be resolved to this machine whatever the resolver says.
    pub(super) fn is_localhost(&self) -> bool {
        self.url.host_str() == Some(LOCALHOST)
    }

    /// Whether the host is this machine, by that name or by an address.
    pub(super) fn is_loopback(&self) -> bool {
        self.loopback
    }
}

/// Reads a URL of `http` or `https` that ends after host and port.
pub(super) fn origin(url: &str) -> Result<Url, InvalidEndpoint> {
    // The URL parser repairs much (it drops tabs and line ends, turns `\` into `/`, ignores an empty user name), so what
    // must not be there is looked for in the text itself.
    if !url.chars().all(|character| character.is_ascii_graphic() && character != '\\') {
        return Err(InvalidEndpoint::Characters);
    }
    let (scheme, rest) = url.split_once("://").ok_or(InvalidEndpoint::Malformed)?;
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(InvalidEndpoint::Scheme);
    }
    if rest.contains('@') {
        return Err(InvalidEndpoint::UserInformation);
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(InvalidEndpoint::Path);
    }
    let url = Url::parse(url).map_err(|_| InvalidEndpoint::Malformed)?;
    if url.port() == Some(0) { Err(InvalidEndpoint::Port) } else { Ok(url) }
}

/// The one name that plain `http` is accepted to.
pub(super) const LOCALHOST: &str = "localhost";

/// Whether an address is of this machine; an error when no API can be there.
fn is_loopback(address: IpAddr) -> Result<bool, InvalidEndpoint> {
    // `::ffff:169.254.169.254` reaches the same place as `169.254.169.254`.
    match address.to_canonical() {
        IpAddr::V4(address) if is_unserved_v4(address) => Err(InvalidEndpoint::Host),
        IpAddr::V6(address) if is_unserved_v6(address) => Err(InvalidEndpoint::Host),
        address => Ok(address.is_loopback()),
    }
}

fn is_unserved_v4(address: Ipv4Addr) -> bool {
    address.is_link_local() || address.is_unspecified() || address.is_broadcast() || address.is_multicast()
}

fn is_unserved_v6(address: Ipv6Addr) -> bool {
    address.is_unicast_link_local() || address.is_unspecified() || address.is_multicast()
}

/// The URL without a slash at the end.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn good_addresses_are_accepted_and_shown_in_one_form() {
        for (given, shown) in [
            ("https://cloud.mongodb.com", "https://cloud.mongodb.com"),
            ("https://cloud.mongodb.com/", "https://cloud.mongodb.com"),
            ("HTTPS://CLOUD.mongodb.com:443", "https://cloud.mongodb.com"),
            ("https://cloud.mongodbgov.com", "https://cloud.mongodbgov.com"),
            ("https://cloud.mongodb.com.", "https://cloud.mongodb.com."),
            ("https://gateway.example:8443", "https://gateway.example:8443"),
            ("https://10.0.0.7", "https://10.0.0.7"),
            ("https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
            ("https://xn--ksegeschft-s5ak.example", "https://xn--ksegeschft-s5ak.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.8.9.10:1", "http://127.8.9.10:1"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://LOCALHOST", "http://localhost"),
            ("http://2130706433:80", "http://127.0.0.1"),
        ] {
            assert_eq!(Endpoint::parse(given).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn bad_addresses_are_refused_for_their_reason() {
        use InvalidEndpoint::{Characters, Host, Insecure, Malformed, Path, Port, Scheme, UserInformation};
        for (given, reason) in [
            ("", Malformed),
            ("cloud.mongodb.com", Malformed),
            ("https:cloud.mongodb.com", Malformed),
            ("https://", Malformed),
            ("https://:443", Malformed),
            ("https://cloud.mongodb.com:port", Malformed),
            ("https://cloud.mongodb.com:65536", Malformed),
            ("https://[::1", Malformed),
            ("https://[fe80::1%25eth0]", Malformed),
            ("https://256.256.256.256", Malformed),
            ("https://exa%00mple.com", Malformed),
            ("https://cloud.mongodb.com:0", Port),
            ("ftp://cloud.mongodb.com", Scheme),
            ("file:///etc/passwd", Scheme),
            ("javascript://x", Scheme),
            ("https://user@cloud.mongodb.com", UserInformation),
            ("https://user:password@cloud.mongodb.com", UserInformation),
            ("https://@cloud.mongodb.com", UserInformation),
            ("https://cloud.mongodb.com@evil.example", UserInformation),
            ("https://cloud.mongodb.com/api/atlas/v2", Path),
            ("https://cloud.mongodb.com//", Path),
            ("https://cloud.mongodb.com/?x=1", Path),
            ("https://cloud.mongodb.com?", Path),
            ("https://cloud.mongodb.com#", Path),
            ("https:///cloud.mongodb.com", Path),
            (" https://cloud.mongodb.com", Characters),
            ("https://cloud.mongodb.com\n", Characters),
            ("https://cloud.\tmongodb.com", Characters),
            ("https://cloud.mongodb.com\\@evil.example", Characters),
            ("https://clоud.mongodb.com", Characters), // a Cyrillic letter
            ("https://käse.example", Characters),
            ("http://cloud.mongodb.com", Insecure),
            ("http://localhost.example", Insecure),
            ("http://localhost.", Insecure),
            ("http://127.0.0.1.example", Insecure),
            ("http://10.0.0.7", Insecure),
            ("http://[::ffff:10.0.0.7]", Insecure),
            ("http://[2001:db8::1]", Insecure),
            ("http://169.254.169.254", Host),
            ("https://169.254.169.254", Host),
            ("https://0xa9fea9fe", Host),
            ("https://2852039166", Host),
            ("https://[::ffff:169.254.169.254]", Host),
            ("https://[fe80::1]", Host),
            ("https://0.0.0.0", Host),
            ("http://0", Host),
            ("https://[::]", Host),
            ("https://255.255.255.255", Host),
            ("https://224.0.0.1", Host),
            ("https://[ff02::1]", Host),
        ] {
            assert_eq!(Endpoint::parse(given), Err(reason), "{given}");
        }
    }

    #[test]
    fn an_error_never_repeats_the_address() {
        let error = Endpoint::parse("https://user:canary@cloud.mongodb.com").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn a_path_is_sent_as_it_is_or_not_at_all() {
        let endpoint = Endpoint::parse("https://cloud.mongodb.com").unwrap();
        let url = endpoint.join("/api/atlas/v2/groups/a%2Fb", &[("name", "a b&c+d".to_owned())]).unwrap();
        assert_eq!(url.as_str(), "https://cloud.mongodb.com/api/atlas/v2/groups/a%2Fb?name=a+b%26c%2Bd");
        for path in ["/a/../b", "/a/%2e%2E/b", "/a?b", "/a#b", "/a b", "a", "/ä", "/a/."] {
            assert_eq!(endpoint.join(path, &[]), None, "{path}");
        }
    }
}
