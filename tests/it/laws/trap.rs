//! Numbers every call that leaves the operator, to Kubernetes and to Atlas alike, and can hold one of them for ever.
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use super::proxy::Answer;

/// What becomes of answers of Atlas on their way.
pub type Damage = Arc<dyn Fn(&mut Answer) + Send + Sync>;

/// When the held call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It was not carried out.
    Before,
    /// It was carried out, and its answer is never seen.
    After,
}

/// The counter, and which call it holds.
#[derive(Default)]
pub struct Trap {
    state: Mutex<State>,
    sprung: Notify,
    damage: Mutex<Option<Damage>>,
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    held: Option<(usize, When)>,
}

impl Trap {
    /// Starts the count anew, and holds call number `n` (from 0).
    pub fn set(&self, held: Option<(usize, When)>) {
        *self.state.lock().unwrap() = State { calls: Vec::new(), held };
    }

    /// Has every answer of Atlas damaged from now on, or none any more.
    pub fn damage(&self, damage: Option<Damage>) {
        *self.damage.lock().unwrap() = damage;
    }

    /// Damages an answer of Atlas, if that is ordered.
    pub fn strike(&self, answer: &mut Answer) {
        let damage = self.damage.lock().unwrap().clone();
        if let Some(damage) = damage {
            damage(answer);
        }
    }

    /// Every call so far.
    pub fn calls(&self) -> Vec<String> {
        self.state.lock().unwrap().calls.clone()
    }

    /// Resolves once the call to be held is held.
    pub async fn sprung(&self) {
        self.sprung.notified().await;
    }

    /// To be awaited before a call is carried out.
    pub async fn before(&self, label: &str) -> usize {
        let (number, held) = {
            let mut state = self.state.lock().unwrap();
            state.calls.push(label.to_owned());
            (state.calls.len() - 1, state.held)
        };
        if held == Some((number, When::Before)) {
            self.hold().await;
        }
        number
    }

    /// To be awaited after a call was carried out, before it is answered.
    pub async fn after(&self, number: usize) {
        let held = self.state.lock().unwrap().held;
        if held == Some((number, When::After)) {
            self.hold().await;
        }
    }

    async fn hold(&self) {
        self.sprung.notify_one();
        std::future::pending::<()>().await;
    }
}
