//! One client per credential, shared by everything that uses the credential.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Client, Credentials, Egress, Endpoint, InvalidCredentials, Settings};

/// How long the end of the program waits for tokens to be given back.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// How long the client of a credential that is gone can still be had. A namespace that goes takes the credentials with
/// it at once, and a cluster that is to be deleted with it takes some minutes.
const LAST: Duration = Duration::from_mins(30);

/// There is no client for a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The credential is not usable as it stands.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// The connection pool could not be built: the settings of the program or its TLS are at fault.
    #[error("the connection to Atlas cannot be set up: {0}")]
    Setup(String),
}

/// One client per credential, so that nonces, the access token, connections and the pace are shared.
///
/// A credential is known by a key that stays, such as the name of its Secret, and a revision that changes with its
/// content. A new revision replaces the client. Calls that still hold the old one finish with it; its access token is
/// given back when the last of them is done.
///
/// There are as many clients as credentials in use: [`forget`](Self::forget) those that are gone. For half an hour the
/// [`last`](Self::last) one can be had, for what cannot wait for another.
pub struct Clients {
    endpoint: Endpoint,
    state: Mutex<State>,
}

struct State {
    settings: Settings,
    held: HashMap<String, Held>,
}

struct Held {
    revision: String,
    client: Client,
    /// When the credential was found to be gone.
    gone: Option<Instant>,
}

impl Held {
    fn is_over(&self) -> bool {
        self.gone.is_some_and(|gone| gone.elapsed() > LAST)
    }
}

impl Clients {
    /// No clients yet.
    pub fn new(endpoint: Endpoint, settings: Settings) -> Self {
        Self { endpoint, state: Mutex::new(State { settings, held: HashMap::new() }) }
    }

    /// The client for a revision of a credential, made when it is not there yet.
    ///
    /// When the new revision is not usable there is no client, and none of the old revision either: what was replaced
    /// is not used again.
    pub fn get(
        &self,
        key: &str,
        revision: &str,
        make: impl FnOnce() -> Result<Credentials, InvalidCredentials>,
    ) -> Result<Client, ClientError> {
        let State { settings, held: clients } = &mut *self.lock();
        clients.retain(|_, held| !held.is_over());
        if let Some(held) = clients.get_mut(key).filter(|held| held.revision == revision) {
            held.gone = None;
            return Ok(held.client.clone());
        }
        clients.remove(key);
        let client = Client::new(&self.endpoint, make()?, settings.clone())?;
        let held = Held { revision: revision.to_owned(), client: client.clone(), gone: None };
        clients.insert(key.to_owned(), held);
        Ok(client)
    }

    /// Lets go of the client of a credential that is gone, in a while.
    pub fn forget(&self, key: &str) {
        if let Some(held) = self.lock().held.get_mut(key) {
            held.gone.get_or_insert_with(Instant::now);
        }
    }

    /// The client of the last revision of a credential, which may be gone.
    pub fn last(&self, key: &str) -> Option<Client> {
        self.lock().held.get(key).filter(|held| !held.is_over()).map(|held| held.client.clone())
    }

    /// Takes another way out from now on: every client is replaced when it is asked for next. Calls that hold an old
    /// one finish with it.
    pub fn reroute(&self, egress: Egress) {
        let mut state = self.lock();
        state.settings.egress = egress;
        state.held.clear();
    }

    /// Lets go of all clients and waits, for a few seconds at most, until their tokens are given back. For the end of the
    /// program.
    pub async fn close(&self) {
        let held: Vec<Held> = self.lock().held.drain().map(|(_, held)| held).collect();
        let revocations = futures::future::join_all(held.iter().map(|held| held.client.revoke()));
        if tokio::time::timeout(CLOSING_LIMIT, revocations).await.is_err() {
            tracing::debug!("not all access tokens were given back in time");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Clients")
            .field("endpoint", &self.endpoint)
            .field("clients", &self.lock().held.len())
            .finish_non_exhaustive()
    }
}
