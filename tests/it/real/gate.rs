//! A stretch of network before the simulator that can be closed in one direction: requests pass, and the answers to
//! those that a pattern picks are held until the gate is opened again.
use std::sync::Arc;

use harness::free_port;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// Larger than any request of a test, so that a request line is never torn apart.
const CHUNK: usize = 1 << 16;

pub struct Gate {
    port: u16,
    behind: u16,
    closed: Arc<watch::Sender<bool>>,
    server: JoinHandle<()>,
}

impl Gate {
    /// An open gate. While it is closed it holds the answers to requests in whose bytes `pattern` stands.
    pub async fn open(pattern: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), free_port());
        let closed = Arc::new(watch::Sender::new(false));
        let gate = Arc::clone(&closed);
        let server = tokio::spawn(async move {
            let mut connections = Vec::new();
            while let Ok((client, _)) = listener.accept().await {
                let connection = pass(client, behind, pattern, gate.subscribe());
                connections.push(AbortOnDrop(tokio::spawn(connection)));
            }
        });
        Self { port, behind, closed, server }
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The port that the server behind must listen on.
    pub fn behind(&self) -> u16 {
        self.behind
    }

    pub fn close(&self) {
        self.closed.send_replace(true);
    }

    pub fn reopen(&self) {
        self.closed.send_replace(false);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.server.abort();
    }
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn pass(client: TcpStream, behind: u16, pattern: &'static str, closed: watch::Receiver<bool>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", behind)).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let held = watch::Sender::new(false);
    let is_held = held.subscribe();
    tokio::join!(requests(from_client, to_server, pattern, held), answers(from_server, to_client, is_held, closed));
}

async fn requests(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, pattern: &str, held: watch::Sender<bool>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        let bytes = &chunk[..length];
        // Known before the server sees the request, so that no answer is faster.
        held.send_replace(bytes.windows(pattern.len()).any(|window| window == pattern.as_bytes()));
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    held: watch::Receiver<bool>,
    mut closed: watch::Receiver<bool>,
) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(length @ 1..) = from.read(&mut chunk).await {
        if *held.borrow() && closed.wait_for(|closed| !closed).await.is_err() {
            return;
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return;
        }
    }
}
