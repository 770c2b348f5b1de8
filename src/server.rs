//! `/livez`, `/readyz` and `/metrics`.
use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, http::StatusCode, routing::get};
use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket};

use crate::telemetry::metrics::Metrics;

/// What stands between the operator and being ready; one source of truth for `/readyz` and the log.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<Mutex<Option<String>>>);

impl Readiness {
    /// Not ready, because of `what`.
    pub fn waiting(what: &str) -> Self {
        Self(Arc::new(Mutex::new(Some(what.to_owned()))))
    }

    /// Not ready, because of `what`, from now on.
    pub fn wait(&self, what: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(what.to_owned());
    }

    /// Ready from now on.
    pub fn ready(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn obstacle(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

type Obstacle = Box<dyn Fn() -> Option<String> + Send + Sync>;

/// What says that the process can do its work no more; asked for `/livez`.
#[derive(Clone, Default)]
pub struct Liveness(Arc<Mutex<Option<Obstacle>>>);

impl Liveness {
    /// Asks `obstacle` from now on.
    pub fn ask(&self, obstacle: impl Fn() -> Option<String> + Send + Sync + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(obstacle));
    }

    fn obstacle(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(|obstacle| obstacle())
    }
}

/// How many connections may wait to be accepted: probes and scrapes come one at a time.
const WAITING: u32 = 128;
/// What Linux says where it was started without IPv6; std has no word for it.
const NO_SUCH_FAMILY: i32 = 97;

/// Listens on `address`; the error names it. `[::]` means every address, of IPv4 too, and of IPv4 alone on a machine
/// without IPv6. Must be called within a runtime.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    bind_by(address, listen)
}

fn bind_by<T>(address: SocketAddr, listen: impl Fn(SocketAddr) -> io::Result<T>) -> Result<T, String> {
    let everywhere = address.is_ipv6() && address.ip().is_unspecified();
    let listener = match listen(address) {
        Err(error) if everywhere && lacks_family(&error) => {
            let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            tracing::info!(%address, "this machine has no IPv6; listening on IPv4 alone");
            listen(address)
        }
        listener => listener,
    };
    listener.map_err(|error| format!("cannot listen on {address}: {error}"))
}

fn lacks_family(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    if address.is_ipv6() {
        // The default is a setting of the kernel.
        SockRef::from(&socket).set_only_v6(false)?;
    }
    // Connections of a process that has just ended do not keep the next from listening.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves `/livez` and `/readyz` until the process ends.
pub async fn health(listener: TcpListener, readiness: Readiness, liveness: Liveness) {
    let live = move || std::future::ready(answer(liveness.obstacle()));
    let ready = move || std::future::ready(answer(readiness.obstacle()));
    serve(listener, Router::new().route("/livez", get(live)).route("/readyz", get(ready))).await;
}

fn answer(obstacle: Option<String>) -> (StatusCode, String) {
    match obstacle {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(obstacle) => (StatusCode::SERVICE_UNAVAILABLE, obstacle),
    }
}

/// Serves `/metrics` until the process ends.
pub async fn metrics(listener: TcpListener, metrics: Arc<Metrics>) {
    let expose = move || {
        let text = metrics.expose();
        async move { ([("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8")], text) }
    };
    serve(listener, Router::new().route("/metrics", get(expose))).await;
}

async fn serve(listener: TcpListener, routes: Router) {
    // Only accepting can fail, and axum goes on after that by itself.
    drop(axum::serve(listener, routes).await);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What is listened on where IPv6 fails like this.
    fn without_six(address: &str, failure: &dyn Fn() -> io::Error) -> Result<SocketAddr, String> {
        bind_by(address.parse().unwrap(), |address| if address.is_ipv6() { Err(failure()) } else { Ok(address) })
    }

    #[test]
    fn a_machine_without_ipv6_listens_on_ipv4() {
        let no_family = || io::Error::from_raw_os_error(NO_SUCH_FAMILY);
        let no_address = || io::ErrorKind::AddrNotAvailable.into();
        for failure in [&no_family as &dyn Fn() -> io::Error, &no_address] {
            assert_eq!(without_six("[::]:8081", failure), Ok("0.0.0.0:8081".parse().unwrap()));
            assert!(without_six("[::1]:8081", failure).is_err(), "only one address was asked for");
        }
    }

    #[test]
    fn a_port_in_use_is_not_looked_for_elsewhere() {
        let error = without_six("[::]:8081", &|| io::ErrorKind::AddrInUse.into()).unwrap_err();
        assert!(error.starts_with("cannot listen on [::]:8081: "), "{error}");
    }

    #[tokio::test]
    async fn everywhere_is_both_families() {
        let listener = bind("[::]:0".parse().unwrap()).unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if listener.local_addr().unwrap().is_ipv6() {
            tokio::net::TcpStream::connect(("::1", port)).await.unwrap();
        } else {
            println!("this machine has no IPv6, so only IPv4 was tried");
        }
    }
}
