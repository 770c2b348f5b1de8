//! The client of the Kubernetes API: every request has an end, and what changes something leaves during a term only.
use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Either, Full};
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use tokio::time::{Instant, timeout_at};
use tower::{BoxError, Layer, Service};

use crate::leader::Term;

/// How long the API server may take to answer a request, with the answer's last byte.
const LIMIT: Duration = Duration::from_secs(30);

/// A write was not sent, because this replica is no longer the leader.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this replica is no longer the leader")]
pub struct Over;

/// There was no complete answer in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
pub struct Late(Duration);

/// A client with connections of its own, whose writes leave during `term`, and are given up at its end.
pub fn client(config: Config, term: Term) -> kube::Result<Client> {
    Ok(ClientBuilder::try_from(config)?.with_layer(&Limits { term, limit: LIMIT }).build())
}

/// What bounds requests.
#[derive(Clone, Debug)]
pub struct Limits {
    term: Term,
    limit: Duration,
}

impl Limits {
    /// Those of every client.
    pub fn new(term: Term) -> Self {
        Self { term, limit: LIMIT }
    }
}

impl<S> Layer<S> for Limits {
    type Service = Limited<S>;
    fn layer(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: self.clone() }
    }
}

/// A service whose requests are bounded.
#[derive(Clone, Debug)]
pub struct Limited<S> {
    inner: S,
    limits: Limits,
}

impl<S, B> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Either<Full<Bytes>, B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (now, mut limit) = (Instant::now(), self.limits.limit);
        if !request.method().is_safe() {
            let Some(left) = self.limits.term.left() else {
                return Box::pin(std::future::ready(Err(Over.into())));
            };
            // What connects, or waits for a connection, would leave after the term otherwise.
            limit = limit.min(left);
        }
        let watches = is_watch(&request);
        let answer = self.inner.call(request);
        if watches {
            // It lasts as long as there is something to say; `kube` gives up one that has fallen silent.
            return Box::pin(async move { Ok(answer.await.map_err(Into::into)?.map(Either::Right)) });
        }
        Box::pin(async move {
            let whole = async {
                let (parts, body) = answer.await.map_err(Into::into)?.into_parts();
                let body = body.collect().await.map_err(Into::into)?.to_bytes();
                Ok(Response::from_parts(parts, Either::Left(Full::new(body))))
            };
            timeout_at(now + limit, whole).await.unwrap_or_else(|_| Err(Late(limit).into()))
        })
    }
}

fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    query.split('&').any(|pair| matches!(pair, "watch=true" | "watch=1"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{
        convert::Infallible,
        future::pending,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::{
        Api,
        api::{DeleteParams, WatchParams},
    };

    use super::*;

    /// A body that begins and has no end.
    struct Endless;

    impl http_body::Body for Endless {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    /// The config maps of a server whose answers begin (or do not), and never end; and how many it was asked for.
    fn unanswered(term: Term, begins: bool) -> (Api<ConfigMap>, Arc<AtomicUsize>) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let service = tower::service_fn(move |_: Request<Body>| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { if begins { Ok::<_, Infallible>(Response::new(Endless)) } else { pending().await } }
        });
        let client = ClientBuilder::new(service, "default").with_layer(&Limits::new(term)).build();
        (Api::default_namespaced(client), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_is_not_answered_ends_and_a_watch_does_not() {
        for begins in [false, true] {
            let (api, _) = unanswered(Term::unlimited(), begins);
            let started = Instant::now();
            let error = api.get("settings").await.unwrap_err();
            assert!(matches!(&error, kube::Error::Service(error) if error.is::<Late>()), "{error:?}");
            assert_eq!(started.elapsed().as_secs(), LIMIT.as_secs());
        }
        let (api, _) = unanswered(Term::unlimited(), true);
        let watch = async {
            let stream = api.watch(&WatchParams::default(), "0").await.unwrap();
            let mut stream = std::pin::pin!(stream);
            futures::StreamExt::next(&mut stream).await.is_some()
        };
        assert!(tokio::time::timeout(LIMIT * 4, watch).await.is_err(), "it came to an end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_ends_with_the_term_and_leaves_only_before() {
        let term = Term::until(Instant::now() + Duration::from_secs(8));
        let (api, asked) = unanswered(term.clone(), false);
        tokio::time::advance(Duration::from_secs(5)).await;
        let started = Instant::now();
        api.delete("settings", &DeleteParams::default()).await.unwrap_err();
        assert_eq!(started.elapsed().as_secs(), 3, "it was given up at the end of the term");
        assert!(!term.is_running());
        let error = api.delete("settings", &DeleteParams::default()).await.unwrap_err();
        assert!(matches!(&error, kube::Error::Service(error) if error.is::<Over>()), "{error:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 1, "what came after the term was sent");
    }
}
