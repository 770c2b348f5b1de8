//! A client of the Kubernetes API that changes nothing once the term is over.
use http::Request;
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
};
use tower::{BoxError, filter::FilterLayer};

use super::Term;

/// A write was not sent, because this replica is no longer the leader.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this replica is no longer the leader")]
pub struct Over;

/// A client with connections of its own, on which writes leave during `term` only.
pub fn fenced(config: Config, term: Term) -> kube::Result<Client> {
    let check = move |request: Request<Body>| {
        if request.method().is_safe() || term.is_running() { Ok(request) } else { Err(BoxError::from(Over)) }
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(check)).build())
}
