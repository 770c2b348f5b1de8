//! Taking, renewing and giving back the Lease.
use std::{fmt, sync::Arc, time::Duration};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Term;
use crate::engine::Clock;

/// A renewal is due after this share of the duration: every 2 s of 10, so that two may fail before the term ends.
const RENEW: u32 = 5;
/// A standby looks, and a failed renewal is repeated, after this share of the duration: every 0.67 s of 10. A leader that
/// died is replaced after the duration and two looks at most, one until its last renewal is seen and one after it has run
/// out: 11.4 s of 10, and the time that these requests take. A machine so busy that each takes a second and a half
/// stays below 15 s.
const LOOK: u32 = 15;

/// Which Lease, and for how long.
#[derive(Clone, Debug)]
pub struct LeaseSettings {
    /// The namespace of the Lease.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// How long after its last renewal others leave it alone; whole seconds.
    pub duration: Duration,
    /// Who this process is: no two have the same.
    pub identity: String,
}

impl LeaseSettings {
    /// How long a leader acts without having renewed, counted from when the last successful renewal was sent: two thirds
    /// of the duration. What is left is for requests in flight, and for clocks that run at different speeds.
    fn reach(&self) -> Duration {
        self.duration * 2 / 3
    }

    fn renew(&self) -> Duration {
        self.duration / RENEW
    }

    fn look(&self) -> Duration {
        self.duration / LOOK
    }
}

/// A request about the Lease that failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Kubernetes(#[from] kube::Error),
    #[error("no answer in time")]
    Late,
}

/// What came of an attempt to renew.
enum Renewal {
    /// It is renewed.
    Done,
    /// It is ours, in a newer version than was known: a renewal was carried out and its answer lost.
    Stale,
    /// It is not ours any more, but of the one named, or nobody's.
    Taken(String),
}

/// Somebody else wrote the Lease in between.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// A Lease that this process has just taken, and whether there was none before.
struct Taken {
    lease: Lease,
    /// When the request that took it was sent.
    asked: Instant,
    created: bool,
}

/// One look of a standby.
struct Seen {
    version: String,
    since: Instant,
}

/// A replica that waits for its turn.
pub struct Candidate {
    api: Api<Lease>,
    settings: LeaseSettings,
    clock: Arc<dyn Clock>,
    seen: Option<Seen>,
    /// Whether there was no Lease when this process last saw one that was not its own.
    creates: bool,
}

/// The replica that works, for as long as its task renews the Lease.
pub struct Leader {
    api: Api<Lease>,
    settings: LeaseSettings,
    clock: Arc<dyn Clock>,
    lease: Lease,
    term: Term,
    /// When the next renewal is due.
    next: Instant,
    renewed: Box<dyn Fn() + Send + Sync>,
}

/// Why a leader is one no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// It could not renew the Lease in time.
    Expired,
    /// Another replica holds the Lease, or it is gone.
    Taken(String),
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => formatter.write_str("the lease could not be renewed in time"),
            Self::Taken(holder) if holder.is_empty() => formatter.write_str("the lease was taken away"),
            Self::Taken(holder) => write!(formatter, "the lease was taken over by {holder}"),
        }
    }
}

impl Candidate {
    /// One that has not looked yet. `client` must not be bound to a term.
    pub fn new(client: Client, settings: LeaseSettings, clock: Arc<dyn Clock>) -> Self {
        Self { api: Api::namespaced(client, &settings.namespace), settings, clock, seen: None, creates: false }
    }

    /// Waits until this replica holds the Lease. Failures are logged, each once while it lasts, and tried again.
    ///
    /// A Lease that was not there may have been deleted under a leader that has not noticed yet. So whoever creates one
    /// holds it for the whole duration before it acts: the term of any leader before it is over by then.
    pub async fn elected(mut self) -> Leader {
        let mut said = String::new();
        loop {
            let started = Instant::now();
            match self.look().await {
                Ok(Some(Taken { lease, asked, created })) => {
                    let (api, settings, clock) = (self.api.clone(), self.settings.clone(), Arc::clone(&self.clock));
                    let term = Term::until(asked + settings.reach());
                    let next = asked + settings.renew();
                    let mut leader = Leader { api, settings, clock, lease, term, next, renewed: Box::new(|| ()) };
                    if !created || timeout(self.settings.duration, leader.hold()).await.is_err() {
                        tracing::info!(identity = self.settings.identity, "this replica is the leader");
                        return leader;
                    }
                }
                Ok(None) => said.clear(),
                Err(failure) => {
                    let failure = failure.to_string();
                    if failure != said {
                        tracing::warn!(lease = self.settings.name, failure, "the lease cannot be looked at");
                        said = failure;
                    }
                }
            }
            // Counted from when the look began: a slow answer does not put off the next.
            sleep_until(started + self.settings.look()).await;
        }
    }

    /// Looks at the Lease and takes it if it is free.
    ///
    /// Each request has a time of its own, after which several more looks are due anyway.
    async fn look(&mut self) -> Result<Option<Taken>, Failure> {
        let limit = self.settings.renew();
        let late = |_| Failure::Late;
        let seen = timeout(limit, self.api.get_opt(&self.settings.name)).await.map_err(late)??;
        let asked = Instant::now();
        let written = match seen {
            None => {
                self.creates = true;
                let metadata = ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() };
                let lease = Lease { metadata, spec: Some(self.claim(None)) };
                timeout(limit, self.api.create(&PostParams::default(), &lease)).await.map_err(late)?
            }
            Some(lease) if self.is_free(&lease, asked) => {
                let spec = self.claim(lease.spec.as_ref());
                let lease = Lease { metadata: lease.metadata, spec: Some(spec) };
                let parameters = PostParams::default();
                let replaced = self.api.replace(&self.settings.name, &parameters, &lease);
                timeout(limit, replaced).await.map_err(late)?
            }
            Some(_) => {
                self.creates = false;
                return Ok(None);
            }
        };
        match written {
            Ok(lease) => Ok(Some(Taken { lease, asked, created: self.creates })),
            // Another standby was faster.
            Err(error) if is_conflict(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether nobody holds the Lease, or it has stayed the same for as long as it is good for. Counted from when this
    /// process first saw it so: what other machines think the time is does not matter.
    fn is_free(&mut self, lease: &Lease, now: Instant) -> bool {
        // What this process wrote without an answer is its own.
        if holder(lease).is_empty() || holder(lease) == self.settings.identity {
            return true;
        }
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        match &self.seen {
            Some(seen) if seen.version == version => {
                let promised = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
                let promised = promised.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
                now.duration_since(seen.since) >= promised.unwrap_or(self.settings.duration)
            }
            _ => {
                tracing::debug!(holder = holder(lease), "standing by");
                self.seen = Some(Seen { version, since: now });
                false
            }
        }
    }

    /// The Lease as this process would hold it.
    fn claim(&self, before: Option<&LeaseSpec>) -> LeaseSpec {
        let now = MicroTime(self.clock.now());
        let transitions = before.map_or(0, |before| before.lease_transitions.unwrap_or_default().saturating_add(1));
        LeaseSpec {
            holder_identity: Some(self.settings.identity.clone()),
            lease_duration_seconds: Some(seconds(self.settings.duration)),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }
}

impl Leader {
    /// During which this process may change anything.
    pub fn term(&self) -> Term {
        self.term.clone()
    }

    /// Calls `told` after each renewal.
    pub fn on_renewal(&mut self, told: impl Fn() + Send + Sync + 'static) {
        self.renewed = Box::new(told);
    }

    /// Renews the Lease until it is lost, which ends the term.
    ///
    /// Dropping the future between two renewals loses nothing: the leader may be [released](Self::release) after it.
    pub async fn hold(&mut self) -> Loss {
        loop {
            sleep_until(self.next).await;
            let started = Instant::now();
            let end = self.term.ends_at().unwrap_or(started);
            // A process that was stopped for too long does not ask: it has lost, even if nobody has noticed yet.
            if started >= end {
                return self.lost(Loss::Expired);
            }
            let due = (started + self.settings.renew()).min(end);
            match timeout_at(due, self.renew()).await.unwrap_or(Err(Failure::Late)) {
                Ok(Renewal::Done) => {
                    self.term.extend(started + self.settings.reach());
                    (self.renewed)();
                    self.next = started + self.settings.renew();
                }
                Ok(Renewal::Stale) => self.next = started,
                Ok(Renewal::Taken(holder)) => return self.lost(Loss::Taken(holder)),
                Err(failure) => {
                    tracing::warn!(lease = self.settings.name, %failure, "the lease was not renewed");
                    self.next = Instant::now() + self.settings.look();
                }
            }
        }
    }

    /// Gives the Lease back, so that a standby need not wait for its end, and tries that again as long as it fails.
    /// Nothing may be changed after this.
    pub async fn release(mut self) {
        self.term.end_now();
        loop {
            let started = Instant::now();
            match timeout(self.settings.renew(), self.write(None)).await.unwrap_or(Err(Failure::Late)) {
                Ok(Renewal::Done) => return tracing::info!("the lease is given back"),
                Ok(Renewal::Taken(_)) => return tracing::warn!("the lease is another's already"),
                Ok(Renewal::Stale) => {}
                Err(failure) => {
                    tracing::warn!(%failure, "the lease was not given back; trying again");
                    sleep_until(started + self.settings.look()).await;
                }
            }
        }
    }

    fn lost(&self, loss: Loss) -> Loss {
        self.term.end_now();
        loss
    }

    /// Writes the Lease with this holder and the present time.
    async fn write(&mut self, holder: Option<String>) -> Result<Renewal, Failure> {
        let mut lease = self.lease.clone();
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = holder;
            spec.renew_time = Some(MicroTime(self.clock.now()));
        }
        match self.api.replace(&self.settings.name, &PostParams::default(), &lease).await {
            Ok(lease) => {
                self.lease = lease;
                Ok(Renewal::Done)
            }
            Err(error) if is_conflict(&error) => self.compare().await,
            // Somebody deleted it; the next candidate makes another.
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(Renewal::Taken(String::new())),
            Err(error) => Err(error.into()),
        }
    }

    async fn renew(&mut self) -> Result<Renewal, Failure> {
        self.write(Some(self.settings.identity.clone())).await
    }

    /// After a conflict: whose Lease it is now.
    async fn compare(&mut self) -> Result<Renewal, Failure> {
        let Some(lease) = self.api.get_opt(&self.settings.name).await? else {
            return Ok(Renewal::Taken(String::new()));
        };
        let holder = holder(&lease).to_owned();
        // One that was deleted and made again is another, whatever it says.
        if holder != self.settings.identity || lease.metadata.uid != self.lease.metadata.uid {
            return Ok(Renewal::Taken(holder));
        }
        self.lease = lease;
        Ok(Renewal::Stale)
    }
}

fn holder(lease: &Lease) -> &str {
    lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default()
}

/// The API takes whole seconds as an `i32`, at least one.
fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX).max(1)
}
