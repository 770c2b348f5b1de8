//! Ports for programs that must be told their port before they start.
use std::hash::{BuildHasher, RandomState};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

/// Kernels pick the local ports of outgoing connections from 32768 (Linux) or 49152 (others) upwards. A port below
/// cannot be taken by a connection in the moment between its choice here and its use by the program it is for.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

/// How long a listener may take to answer; that there is none is known at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// A port of 127.0.0.1 that nothing listens on, and that no other call in this program has returned.
///
/// Two programs that run at once start their search at random places.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    static START: std::sync::LazyLock<u16> =
        std::sync::LazyLock::new(|| u16::try_from(RandomState::new().hash_one(0) % u64::from(COUNT)).unwrap_or(0));
    loop {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (*START + step) % COUNT;
        if is_free(port) {
            return port;
        }
    }
}

/// Whether nothing listens on a port. It is called, and not listened on for a moment: a child that another thread starts in
/// that moment would hold the port for longer.
fn is_free(port: u16) -> bool {
    let called = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE);
    called.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_free() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| free_port()).collect();
        assert_eq!(ports.len(), 50);
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }

    #[test]
    fn a_port_in_use_is_passed_over() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, free_port())).unwrap();
        for _ in 0..50 {
            assert_ne!(free_port(), taken.local_addr().unwrap().port());
        }
    }
}
