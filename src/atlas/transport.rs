//! HTTP as this client uses it: one request, one bounded answer, nothing repeated and nothing followed.

use std::error::Error as StdError;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Method, Request, RequestBuilder, Response, StatusCode, Url};
use tokio::time::Instant;

use super::endpoint::LOCALHOST;
use super::text::tidy;
use super::{ClientError, Endpoint, Proxy, RequestSeen, Settings};

/// How many idle connections are kept. Atlas speaks HTTP/2, where one carries everything; a gateway that speaks
/// HTTP/1.1 needs one for each call at a time.
const IDLE_CONNECTIONS: usize = 32;

/// The longest description of a failure, in characters.
const REASON_LIMIT: usize = 160;

/// A connection pool to one endpoint, with its limits.
pub(super) struct Transport {
    http: reqwest::Client,
    pub(super) endpoint: Endpoint,
    /// The proxy that every connection goes through.
    proxy: Option<Proxy>,
    pub(super) settings: Settings,
}

/// A request that is ready to be sent, as often as authentication needs.
pub(super) struct Prepared {
    /// Without an `Authorization` header.
    pub(super) request: Request,
    /// For the observer.
    pub(super) template: &'static str,
    /// Whether Atlas may change something because of it; a token is nothing that Atlas keeps for us.
    pub(super) mutates: bool,
}

/// What came back.
pub(super) struct Raw {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// The decompressed body, or why it could not be read to its end.
    pub(super) body: Result<Vec<u8>, String>,
}

/// There was no answer.
#[derive(Debug)]
pub(super) struct NoAnswer {
    /// How far the request came.
    pub(super) stage: Stage,
    /// Why, in a few words.
    pub(super) reason: String,
}

/// How far a request without an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was held back: nothing may be changed at the time.
    Withheld,
    /// It did not reach Atlas.
    Unsent,
    /// It may have reached Atlas.
    Sent,
}

impl Transport {
    /// Builds the connection pool. Nothing is connected yet.
    pub(super) fn new(endpoint: &Endpoint, settings: Settings) -> Result<Self, ClientError> {
        let setup = |error: &dyn StdError| ClientError::Setup(root_cause(error));
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(settings.egress.authorities.tls().map_err(|error| setup(&error))?)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .user_agent(&settings.user_agent)
            // A redirect would carry the request, and maybe its credential, to a place nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            // Variables such as HTTPS_PROXY are not a decision to send Atlas credentials through a proxy.
            .no_proxy();
        // This machine as the proxy knows it is another one.
        let proxy = settings.egress.proxy.clone().filter(|_| !endpoint.is_loopback());
        if let Some(proxy) = &proxy {
            builder = builder.proxy(proxy.intercepting(settings.egress.proxy_credentials.as_ref()));
        }
        if endpoint.is_localhost() {
            // Plain http is accepted to this name, so the resolver does not get to say where it leads. Port 0 stands
            // for the port of the URL.
            let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
            builder = builder.resolve_to_addrs(LOCALHOST, &here.map(|address| SocketAddr::new(address, 0)));
        }
        let http = builder.build().map_err(|error| setup(&error))?;
        Ok(Self { http, endpoint: endpoint.clone(), proxy, settings })
    }

    /// Starts a request.
    pub(super) fn builder(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url)
    }

    /// Sends a request once and reads the answer.
    pub(super) async fn once(&self, prepared: &Prepared, authorization: Option<HeaderValue>) -> Result<Raw, NoAnswer> {
        // Only a streamed body cannot be cloned, and there is none here.
        let Some(mut request) = prepared.request.try_clone() else {
            return Err(NoAnswer { stage: Stage::Unsent, reason: "the request cannot be sent twice".to_owned() });
        };
        if let Some(mut authorization) = authorization {
            // Keeps the value out of the debug output of the HTTP stack.
            authorization.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, authorization);
        }
        // As late as can be: what waits for nonces and tokens may have waited for long.
        let mut limit = self.settings.total_timeout;
        if prepared.mutates {
            let Some(left) = (self.settings.permit)() else {
                return Err(NoAnswer {
                    stage: Stage::Withheld,
                    reason: "nothing may be changed at present".to_owned(),
                });
            };
            // Connecting counts as well: what is not sent when the permit ends does not leave after it.
            limit = limit.min(left);
            *request.timeout_mut() = Some(limit);
        }
        let started = Instant::now();
        let outcome = match self.http.execute(request).await {
            Ok(response) => Ok(self.read(response).await),
            Err(error) => Err(self.no_answer(&error, limit)),
        };
        self.settings.observer.request(&RequestSeen {
            method: prepared.request.method(),
            template: prepared.template,
            status: outcome.as_ref().ok().map(|raw| raw.status.as_u16()),
            duration: started.elapsed(),
        });
        outcome
    }

    /// Reads an answer, never more than the limit: what is counted is what comes out of decompression.
    async fn read(&self, mut response: Response) -> Raw {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        let limit = self.settings.body_limit;
        let mut body = Vec::new();
        let body = loop {
            match response.chunk().await {
                Ok(None) => break Ok(body),
                Ok(Some(chunk)) if chunk.len() > limit - body.len() => {
                    break Err(format!("is larger than {limit} bytes"));
                }
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Err(error) if error.is_timeout() => break Err("did not arrive in time".to_owned()),
                Err(error) => break Err(format!("could not be read ({})", root_cause(&error))),
            }
        };
        Raw { status, headers, body }
    }

    fn no_answer(&self, error: &reqwest::Error, limit: Duration) -> NoAnswer {
        let connecting = error.is_connect();
        // What a proxy answers instead of a connection is no answer of Atlas: nothing reached it.
        let connection =
            self.proxy.as_ref().map_or("no connection".to_owned(), |proxy| format!("no connection through {proxy}"));
        let reason = match (connecting, error.is_timeout()) {
            (true, true) => {
                format!("{connection} within {:?}", self.settings.connect_timeout.min(limit))
            }
            (true, false) => format!("{connection}: {}", root_cause(error)),
            (false, true) => format!("no answer within {limit:?}"),
            (false, false) => root_cause(error),
        };
        let stage = if connecting || error.is_builder() { Stage::Unsent } else { Stage::Sent };
        NoAnswer { stage, reason }
    }
}

/// The innermost reason of an error: the outer ones say that "a request" failed, and repeat its URL.
pub(super) fn root_cause(error: &dyn StdError) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    tidy(&cause.to_string(), REASON_LIMIT)
}
