//! The common causes of failures of many objects: Atlas or Kubernetes cannot be reached, or Atlas limits or refuses a
//! credential.
//!
//! The first few failures in a row are those of their objects alone. From then on they are an outage: a few objects go
//! on trying, the others wait, and the first success wakes them. An outage is logged when it begins, again every few
//! minutes while it lasts, and when it is over.
use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};

use super::wake::{Subject, lock};

/// So many failures in a row, without a success in between, are an outage.
const ENOUGH: u32 = 3;
/// How often a lasting outage is logged, and how far apart the first lines of two are at least.
const REPEAT: SignedDuration = SignedDuration::from_mins(5);
/// So many objects go on trying while Atlas cannot be reached.
const PROBES: usize = 2;
/// How far apart the tries of one of them are: an eighth of the time that the outage has lasted, within these bounds, and
/// a quarter once it has lasted long.
const SHORTEST_PROBE: Duration = Duration::from_secs(10);
const LONGEST_PROBE: Duration = Duration::from_mins(2);
const LONG: Duration = Duration::from_mins(3);
/// How long the others wait at least: they are woken, and this is for the case that nobody is left to try.
const PARKED: Duration = Duration::from_mins(1);
/// So many objects are woken by one success after a limit: each that succeeds wakes as many again, so the number
/// doubles and doubles until Atlas limits anew.
const AFTER_LIMIT: usize = 8;
/// As much of an error as a line of the log holds, in characters.
const LONGEST_ERROR: usize = 300;

/// What many objects can fail of together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Atlas does not answer, or fails.
    Unreachable,
    /// Atlas limits the requests of the credentials in this Secret.
    Limited(String),
    /// Atlas refuses the credentials in this Secret.
    Refused(String),
    /// Kubernetes does not answer, or fails.
    Kubernetes,
}

/// One cause, as long as it lasts.
#[derive(Default)]
struct Outage {
    /// Failures in a row.
    failures: u32,
    since: Timestamp,
    /// What failed, and has not been checked since.
    waiting: HashSet<Subject>,
    /// Who tries next, and when.
    probes: Vec<(Subject, Timestamp)>,
    /// Whether it is an outage, and not only a failure or two.
    known: bool,
    /// Whether this outage is in the log.
    told: bool,
    /// When the log last told of this cause.
    line: Option<Timestamp>,
}

/// Every cause that there is at present.
#[derive(Default)]
pub struct Outages(Mutex<HashMap<Cause, Outage>>);

/// What one more failure comes to.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether it is one of an outage.
    pub known: bool,
    /// When the first failure was.
    pub since: Timestamp,
    /// When to try again.
    pub again: Duration,
    /// A warning for the log.
    pub line: Option<String>,
}

/// What a success comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// What can be checked now.
    pub wake: Vec<Subject>,
    /// The end of an outage, for the log.
    pub lines: Vec<String>,
}

impl Outage {
    /// When `subject` tries again, which by itself it would after `own`.
    fn probe(&mut self, subject: &Subject, own: Duration, now: Timestamp) -> Duration {
        let lasted = Duration::try_from(now.duration_since(self.since)).unwrap_or_default();
        let share = if lasted < LONG { lasted / 8 } else { lasted / 4 };
        let apart = share.clamp(SHORTEST_PROBE, LONGEST_PROBE);
        // One that did not come back in time is gone, or waits for something else.
        self.probes.retain(|(probe, due)| probe != subject && *due + apart > now);
        if self.probes.len() >= PROBES {
            return own.max(PARKED);
        }
        let mut due = now + own.min(apart);
        if let Some((_, other)) = self.probes.first()
            && due.duration_since(*other).abs() < SignedDuration::try_from(apart / 2).unwrap_or_default()
        {
            due = *other + apart / 2;
        }
        self.probes.push((subject.clone(), due));
        Duration::try_from(due.duration_since(now)).unwrap_or_default()
    }
}

impl Cause {
    /// Whether only a try shows that it is over. A limit says itself when to come back, and refused credentials wait for
    /// a person.
    fn is_probed(&self) -> bool {
        matches!(self, Self::Unreachable | Self::Kubernetes)
    }

    /// So many objects are woken by one success.
    fn most_woken(&self) -> usize {
        if matches!(self, Self::Limited(_)) { AFTER_LIMIT } else { usize::MAX }
    }

    fn lasts(&self, outage: &Outage, error: &str, next: Duration, now: Timestamp) -> String {
        let what = match self {
            Self::Unreachable => "Atlas cannot be reached, or fails".to_owned(),
            Self::Limited(secret) => format!("Atlas limits the requests of the credentials in Secret {secret}"),
            Self::Refused(secret) => format!("Atlas refuses the credentials in Secret {secret}"),
            Self::Kubernetes => "The Kubernetes API cannot be reached, or fails".to_owned(),
        };
        let (objects, lasted) = (objects(outage.waiting.len()), span(now.duration_since(outage.since)));
        let error: String = error.chars().take(LONGEST_ERROR).collect();
        let next = span(SignedDuration::try_from(next).unwrap_or_default());
        format!(
            "{what}, for {lasted} now; {objects} not checked meanwhile. Last error: {error} The next try is in {next}."
        )
    }

    fn ended(&self, outage: &Outage, woken: usize, now: Timestamp) -> String {
        let lasted = span(now.duration_since(outage.since));
        let checked = || format!("{} checked now", objects(woken));
        match self {
            Self::Unreachable => format!("Atlas answers again, after {lasted}; {}.", checked()),
            Self::Limited(secret) => {
                format!("Atlas no longer limits the requests of the credentials in Secret {secret}, after {lasted}.")
            }
            Self::Refused(secret) => {
                format!("Atlas accepts the credentials in Secret {secret} again, after {lasted}; {}.", checked())
            }
            Self::Kubernetes => format!("The Kubernetes API answers again, after {lasted}; {}.", checked()),
        }
    }
}

impl Outages {
    /// `subject` failed with `error`, and would try again after `own` by itself.
    pub fn failed(&self, cause: &Cause, subject: &Subject, error: &str, own: Duration, now: Timestamp) -> Failure {
        let mut causes = lock(&self.0);
        let outage = causes.entry(cause.clone()).or_default();
        if outage.failures == 0 && outage.waiting.is_empty() {
            outage.since = now;
        }
        outage.failures = outage.failures.saturating_add(1);
        outage.waiting.insert(subject.clone());
        outage.known |= outage.failures >= ENOUGH;
        let (known, since) = (outage.known, outage.since);
        if !known {
            return Failure { known, since, again: own, line: None };
        }
        let again = if cause.is_probed() { outage.probe(subject, own, now) } else { own };
        let due = outage.line.is_none_or(|line| line + REPEAT <= now);
        let next = outage.probes.iter().map(|(_, due)| *due).min();
        let next = next.map_or(again, |due| Duration::try_from(due.duration_since(now)).unwrap_or_default());
        let line = due.then(|| cause.lasts(outage, error, next, now));
        if due {
            outage.line = Some(now);
            outage.told = true;
        }
        Failure { known, since, again, line }
    }

    /// Atlas answered `subject`, whose credentials are in `secret`.
    pub fn succeeded(&self, secret: &str, subject: &Subject, now: Timestamp) -> Recovery {
        let secret = secret.to_owned();
        self.ended([Cause::Unreachable, Cause::Limited(secret.clone()), Cause::Refused(secret)], subject, now)
    }

    /// Kubernetes answered all that was asked for `subject`.
    pub fn reached_kubernetes(&self, subject: &Subject, now: Timestamp) -> Recovery {
        self.ended([Cause::Kubernetes], subject, now)
    }

    fn ended(&self, of: impl IntoIterator<Item = Cause>, subject: &Subject, now: Timestamp) -> Recovery {
        let mut causes = lock(&self.0);
        let mut recovery = Recovery::default();
        for cause in of {
            let Some(outage) = causes.get_mut(&cause) else { continue };
            outage.waiting.remove(subject);
            outage.failures = 0;
            outage.probes.clear();
            if !outage.known {
                // What failed meanwhile tries again within seconds by itself.
                outage.waiting.clear();
            }
            let woken: Vec<Subject> = outage.waiting.iter().take(cause.most_woken()).cloned().collect();
            for subject in &woken {
                outage.waiting.remove(subject);
            }
            if outage.waiting.is_empty() {
                outage.known = false;
                if std::mem::take(&mut outage.told) {
                    recovery.lines.push(cause.ended(outage, woken.len() + 1, now));
                }
                // Kept as long as it keeps the next from being logged at once.
                if outage.line.is_none_or(|line| line + REPEAT <= now) {
                    causes.remove(&cause);
                }
            }
            recovery.wake.extend(woken);
        }
        recovery
    }

    /// `subject` is gone, or waits for something else.
    pub fn forget(&self, subject: &Subject) {
        for outage in lock(&self.0).values_mut() {
            outage.waiting.remove(subject);
            outage.probes.retain(|(probe, _)| probe != subject);
        }
    }
}

fn objects(count: usize) -> String {
    if count == 1 { "1 object is".to_owned() } else { format!("{count} objects are") }
}

/// `40 s`, `14 min`, `3 h`.
fn span(time: SignedDuration) -> String {
    match time.as_secs() {
        seconds if seconds < 120 => format!("{seconds} s"),
        seconds if seconds < 7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
#[path = "outage_tests.rs"]
mod tests;
