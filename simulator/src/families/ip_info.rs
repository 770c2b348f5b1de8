//! What a client's own address is, as Atlas sees it: clients ask before they put it on an access list.
use serde_json::json;

use super::sets;
use crate::api::{ApiError, Evidence, Method, Operation, Reply, Request, VersionDate};
use crate::world::World;

pub fn operations() -> Vec<Operation> {
    vec![Operation {
        method: Method::Get,
        path: "/api/private/ipinfo",
        versions: const { &[VersionDate::NONE] },
        set: sets::RATE_LIMITS,
        evidence: Evidence::Recorded,
        handler: get,
    }]
}

#[expect(clippy::unnecessary_wraps, reason = "the signature of every handler")]
fn get(_: &mut World, request: &Request) -> Result<Reply, ApiError> {
    Ok(Reply::document(200, json!({"currentIpv4Address": request.address})))
}
