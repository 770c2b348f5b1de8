//! The way out to Atlas: whom to trust on it, and the proxy that it leads through.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::endpoint::origin;
use super::{Authorities, InvalidEndpoint};

/// How servers of Atlas are reached. By default directly, with the authorities that Mozilla trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    /// Authorities that are trusted beside those of Mozilla, in Atlas's place and in the proxy's.
    pub authorities: Authorities,
    /// The proxy. An endpoint on this machine is reached without it.
    pub proxy: Option<Proxy>,
    /// What the proxy is told of who asks.
    pub proxy_credentials: Option<ProxyCredentials>,
}

/// The address of an HTTP proxy that is asked, by CONNECT (RFC 9110, section 9.3.6), for a connection to Atlas.
///
/// It learns the name and port of Atlas and the operator's name and version. What is said to Atlas goes through in TLS,
/// and Atlas's name is looked up by the proxy alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
}

/// An address that is refused as that of a proxy. The text never repeats the address: it may contain a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxy {
    /// Another scheme than `http` and `https`, such as that of SOCKS.
    #[error("must start with http:// or https://")]
    Scheme,
    /// A user name or password in front of the host.
    #[error("must not contain a user name or password; they belong in the files of the proxy's credentials")]
    UserInformation,
    /// It is no address for another reason.
    #[error(transparent)]
    Address(InvalidEndpoint),
}

impl From<InvalidEndpoint> for InvalidProxy {
    fn from(fault: InvalidEndpoint) -> Self {
        match fault {
            InvalidEndpoint::Scheme | InvalidEndpoint::Insecure => Self::Scheme,
            InvalidEndpoint::UserInformation => Self::UserInformation,
            InvalidEndpoint::Malformed
            | InvalidEndpoint::Characters
            | InvalidEndpoint::Path
            | InvalidEndpoint::Host
            | InvalidEndpoint::Port => Self::Address(fault),
        }
    }
}

impl Proxy {
    /// Reads and checks an address: scheme, host and maybe a port, which is 80 or 443 otherwise.
    pub fn parse(url: &str) -> Result<Self, InvalidProxy> {
        Ok(Self { url: origin(url)? })
    }

    /// The proxy as the HTTP stack knows it, for everything that is asked of the one endpoint of a transport.
    pub(super) fn intercepting(&self, credentials: Option<&ProxyCredentials>) -> reqwest::Proxy {
        let url = self.url.clone();
        let proxy = reqwest::Proxy::custom(move |_| Some(url.clone()));
        match credentials {
            Some(ProxyCredentials { name, password }) => proxy.basic_auth(name, password.expose_secret()),
            None => proxy,
        }
    }
}

/// The address without a slash at its end.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// A name and a password for a proxy, which gets them as HTTP Basic (RFC 7617).
#[derive(Clone, Debug)]
pub struct ProxyCredentials {
    name: String,
    password: SecretString,
}

/// A name or password that Basic cannot carry. The text quotes neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProxyCredentials {
    /// There is no name.
    #[error("the name is empty")]
    NoName,
    /// A colon in the name, which would end there.
    #[error("the name has a colon in it")]
    Colon,
    /// A control character, such as the end of a line.
    #[error("there is a control character in the name or the password")]
    Control,
}

impl ProxyCredentials {
    /// Checks a name and a password. One end of a line behind either is left away, as editors leave one in files.
    pub fn new(name: &str, password: &SecretString) -> Result<Self, InvalidProxyCredentials> {
        let (name, password) = (line(name), line(password.expose_secret()));
        if name.is_empty() {
            return Err(InvalidProxyCredentials::NoName);
        }
        if name.contains(':') {
            return Err(InvalidProxyCredentials::Colon);
        }
        if name.chars().chain(password.chars()).any(char::is_control) {
            return Err(InvalidProxyCredentials::Control);
        }
        Ok(Self { name: name.to_owned(), password: SecretString::from(password) })
    }
}

/// Compared with what was read before, never with what somebody claims: how long that takes tells nobody anything.
impl PartialEq for ProxyCredentials {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.password.expose_secret()) == (&other.name, other.password.expose_secret())
    }
}

impl Eq for ProxyCredentials {}

/// A text without the one end of a line behind it.
fn line(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use InvalidEndpoint::{Characters, Malformed, Path, Port};

    use super::*;

    #[test]
    fn a_proxy_is_an_address_without_secrets() {
        for (good, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("https://proxy.example/", "https://proxy.example"),
            ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
            ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
        ] {
            assert_eq!(Proxy::parse(good).unwrap().to_string(), shown);
        }
        for (bad, fault) in [
            ("proxy.example:3128", InvalidProxy::Address(Malformed)),
            ("", InvalidProxy::Address(Malformed)),
            ("http://", InvalidProxy::Address(Malformed)),
            ("socks5://proxy.example:1080", InvalidProxy::Scheme),
            ("http://user:canary@proxy.example", InvalidProxy::UserInformation),
            ("http://proxy.example/canary", InvalidProxy::Address(Path)),
            ("http://proxy.example:0", InvalidProxy::Address(Port)),
            ("http://proxy.example\n", InvalidProxy::Address(Characters)),
        ] {
            let found = Proxy::parse(bad).unwrap_err();
            assert_eq!(found, fault, "{bad}");
            assert!(!format!("{found} {found:?}").contains("canary"));
        }
    }

    #[test]
    fn credentials_of_a_proxy_are_what_basic_can_carry() {
        let credentials = |name: &str, password: &str| ProxyCredentials::new(name, &password.into());
        let plain = credentials("operator", "hunter: 2").unwrap();
        for end in ["\n", "\r\n"] {
            assert_eq!(credentials(&format!("operator{end}"), &format!("hunter: 2{end}")).unwrap(), plain);
        }
        assert_ne!(credentials("operator", "another").unwrap(), plain);
        assert!(!format!("{plain:?}").contains("hunter"));
        for (name, password, fault) in [
            ("", "x", InvalidProxyCredentials::NoName),
            ("\n", "x", InvalidProxyCredentials::NoName),
            ("a:b", "x", InvalidProxyCredentials::Colon),
            ("a", "x\ny", InvalidProxyCredentials::Control),
            ("a\n\n", "x", InvalidProxyCredentials::Control),
        ] {
            assert_eq!(credentials(name, password), Err(fault), "{name:?} {password:?}");
        }
    }
}
