//! The listener and its connections.
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming as Body};
use hyper::header::HOST;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, info};

use super::Incoming;
use super::answer::{Answer, error_body};
use super::pipeline::{self, Outcome};
use super::write;
use crate::control;
use crate::families;
use crate::openapi::{self, Specification};
use crate::options::Options;
use crate::overlap;
use crate::state::{Shared, State};

/// The largest request body that is read. No document of the API comes near it.
const LARGEST_BODY: usize = 4 * 1024 * 1024;

/// How long connections may go on after a stop was asked for: enough for an answer that is being written, and short
/// for one that a fault holds back forever.
const FAREWELL: Duration = Duration::from_millis(500);

/// How long to wait before accepting again when the machine has no file descriptor left.
const BREATH: Duration = Duration::from_millis(50);

/// What a listener address that serves a fixed text without authentication answers; recorded.
const DEFAULT_VERSION_PATH: &str = "/api/private/unauth/nds/defaultMongoDBMajorVersion";
const DEFAULT_VERSION: &str = "8.0";

/// Why the simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error(transparent)]
    Specification(#[from] openapi::LoadError),
    #[error("{0}")]
    Options(String),
}

/// A running simulator. It stops when it is told to or dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Simulator {
    /// Starts to listen, and serves from then on.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let specification = options.openapi.as_deref().map(Specification::load).transpose()?;
        let state = State::new(&options, options.seed).map_err(StartError::Options)?;
        let listen = options.listen;
        let listener = TcpListener::bind(listen).await.map_err(|error| StartError::Listen(listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(listen, error))?;
        let operations = families::operations();
        info!(%address, operations = operations.len(), validating = specification.is_some(), "serving");
        let loopback = address.ip().is_loopback();
        let shared = Arc::new(Shared::new(operations, specification, options, address.to_string(), loopback, state));
        let (stop, stopped) = watch::channel(false);
        #[expect(clippy::disallowed_methods, reason = "the handle is kept; `stop` waits for it")]
        let serving = tokio::spawn(serve(listener, Arc::clone(&shared), stopped));
        Ok(Self { shared, stop, serving })
    }

    /// One JSON object: `baseUrl`, and `orgs` with the credentials of each.
    pub fn greeting(&self) -> Value {
        self.shared.greeting()
    }

    /// Stops listening, lets answers that are being written finish, and closes every connection.
    pub async fn stop(self) {
        // Both fail only when serving has ended already, which is what is asked for.
        let _ = self.stop.send(true);
        let _ = self.serving.await;
    }
}

/// Watches for the signals that ask the process to stop, an interrupt from the terminal and SIGTERM, from this call on.
/// The future ends when one of them has come.
///
/// # Errors
/// The signals cannot be watched.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, mut stopped: watch::Receiver<bool>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => accept(stream, peer, &shared, &graceful, &mut connections),
                Err(error) => {
                    debug!(%error, "a connection was not accepted");
                    tokio::time::sleep(BREATH).await;
                }
            },
            Some(_) = connections.join_next() => {}
            // An error says that the simulator was dropped.
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        debug!("some connections were still open and are closed now");
    }
    connections.shutdown().await;
}

fn accept(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    graceful: &GracefulShutdown,
    connections: &mut JoinSet<()>,
) {
    // Answers are small and written at once; waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        debug!(%error, "TCP_NODELAY was not set");
    }
    let shared = Arc::clone(shared);
    let service = service_fn(move |request| respond(Arc::clone(&shared), peer, request));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new());
    builder.http2().timer(TokioTimer::new());
    let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
    connections.spawn(async move {
        if let Err(error) = connection.await {
            debug!(%error, "a connection ended early");
        }
    });
}

/// The error that makes hyper close a connection without an answer.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("a fault closes the connection")]
    Reset,
    #[error("the request was not read completely")]
    Unread,
}

async fn respond(
    shared: Arc<Shared>,
    peer: SocketAddr,
    request: Request<Body>,
) -> Result<Response<Full<Bytes>>, NoAnswer> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let detail = format!("A request may have {LARGEST_BODY} bytes at most.");
            return Ok(Answer::json(413, &error_body(413, "PAYLOAD_TOO_LARGE", &detail, &[])).into_response());
        }
        Err(_) => return Err(NoAnswer::Unread),
    };
    // HTTP/2 has the host in the request target, HTTP/1.1 in a header.
    let named = parts.uri.authority().map(ToString::to_string);
    let host = || parts.headers.get(HOST).and_then(|host| host.to_str().ok()).map(str::to_owned);
    let incoming = Incoming {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        authority: named.or_else(host).unwrap_or_else(|| shared.authority.clone()),
        headers: parts.headers,
        body,
        peer: peer.ip(),
    };
    if control::concerns(&incoming.path) {
        return Ok(control::answer(&shared, &incoming).into_response());
    }
    if incoming.path == DEFAULT_VERSION_PATH {
        return Ok(write::unauthenticated(Answer::with_body(200, "text/plain;charset=iso-8859-1", DEFAULT_VERSION))
            .into_response());
    }
    let begun = overlap::begin(&shared, &incoming);
    if let Some(begun) = &begun {
        tokio::time::sleep(begun.length).await;
    }
    match pipeline::process(&shared, &incoming, begun) {
        Outcome::Answer(answer) => Ok(answer.into_response()),
        Outcome::Reset => Err(NoAnswer::Reset),
        Outcome::Hold(held) => {
            // The future is dropped, and `held` with it, when the client closes the connection.
            let never: Infallible = std::future::pending().await;
            drop(held);
            match never {}
        }
    }
}
