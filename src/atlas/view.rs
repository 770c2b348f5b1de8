//! One listing of a collection for all who look at its members at about the same time.
//!
//! A settled resource is looked at again and again only to see that nothing has changed. Where many members of one
//! collection are looked at together, a listing of a few pages serves them all.
//!
//! *When it lists.* When more looks are expected than the listing has pages. As many are expected as came together the
//! last time, or have come already; so a lone member goes on being read by its name, and a start lists with the second
//! look.
//!
//! *What it promises.* At most one listing of a collection is under way; whoever comes meanwhile waits for it. A listing
//! that fails as a whole, as Atlas's do while one member is in transition, is not asked for again until its time is up.
//!
//! *What it does not.* A listing is as old as whoever looks allows, knows nothing of what was written since, and may lack
//! members that come or go while its pages are read. It can confirm that nothing is to be done. Whoever sees anything
//! else in it reads the member itself before acting, so a listing need not be corrected by writes.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::pages::PAGE_SIZE;
use super::{Call, Client, Error};

/// A look at what may have been seen a while ago. The time is the caller's, whatever clock that goes by.
#[derive(Clone, Copy, Debug)]
pub struct Glance {
    /// The present time.
    pub now: Timestamp,
    /// How old a listing may be.
    pub life: Duration,
}

impl Glance {
    /// Whether what was seen at `time` will do. Of those who waited for a listing some came before it was taken.
    fn covers(&self, time: Timestamp) -> bool {
        let life = SignedDuration::try_from(self.life).unwrap_or(SignedDuration::MAX);
        self.now.duration_since(time).abs() < life
    }
}

/// The collections that were looked at with one credential, by version and path.
#[derive(Default)]
pub(super) struct Views(Mutex<Collections>);

type Key = (&'static str, String);

#[derive(Default)]
struct Collections {
    /// Few bytes each once the listing has gone.
    known: HashMap<Key, Arc<tokio::sync::Mutex<View>>>,
    /// The listings that are held, oldest first.
    held: VecDeque<(Timestamp, Key)>,
}

/// What is known of one collection.
struct View {
    /// When the looks that belong together began, or when the listing was taken.
    since: Timestamp,
    /// How many looks there have been since then.
    looks: usize,
    /// How many there were the time before.
    expected: usize,
    /// How many pages the collection had when it was last listed.
    pages: usize,
    listing: Listing,
}

enum Listing {
    /// Not asked for.
    None,
    /// Asked for in vain.
    Failed,
    /// The members, by the values of the fields that they are known by.
    Members(HashMap<Vec<String>, Value>),
}

impl View {
    fn new(since: Timestamp, expected: usize, pages: usize) -> Self {
        Self { since, looks: 0, expected, pages, listing: Listing::None }
    }

    fn pays(&self) -> bool {
        matches!(self.listing, Listing::None) && self.looks.max(self.expected) > self.pages
    }
}

impl Client {
    /// What a shared listing shows of the member whose fields have these values. `None` when there is no listing that is
    /// worth its price, or when the member is not in it: then it is to be read by its name.
    pub async fn glimpse(&self, list: &Call, member: &[(&'static str, &str)], glance: Glance) -> Option<Value> {
        let key = (list.version, list.path.clone());
        let view = self.views().find(&key, glance);
        let mut view = view.lock().await;
        if !glance.covers(view.since) {
            *view = View::new(glance.now, view.looks, view.pages);
        }
        view.looks += 1;
        if view.pays() {
            view.listing = match self.list(list).await {
                Ok(items) => {
                    view.since = glance.now;
                    view.pages = items.len().div_ceil(PAGE_SIZE).max(1);
                    self.views().holds(key, glance);
                    Listing::Members(items.into_iter().filter_map(|item| Some((name(member, &item)?, item))).collect())
                }
                Err(error) => {
                    failed(list, &error);
                    Listing::Failed
                }
            };
        }
        match &view.listing {
            Listing::Members(members) => {
                let name: Vec<String> = member.iter().map(|(_, value)| (*value).to_owned()).collect();
                members.get(&name).cloned()
            }
            Listing::None | Listing::Failed => None,
        }
    }
}

/// What a member is known by.
fn name(fields: &[(&'static str, &str)], item: &Value) -> Option<Vec<String>> {
    fields.iter().map(|(field, _)| item[*field].as_str().map(str::to_owned)).collect()
}

fn failed(list: &Call, error: &Error) {
    tracing::debug!(path = list.path, %error, "the members of this collection are read one by one for now");
}

impl Views {
    fn find(&self, key: &Key, glance: Glance) -> Arc<tokio::sync::Mutex<View>> {
        let new = || Arc::new(tokio::sync::Mutex::new(View::new(glance.now, 0, 1)));
        Arc::clone(self.lock().known.entry(key.clone()).or_insert_with(new))
    }

    /// Remembers that a listing is held from now on, and lets go of those whose time is up.
    fn holds(&self, key: Key, glance: Glance) {
        let mut views = self.lock();
        while let Some((_, old)) = views.held.pop_front_if(|(since, _)| !glance.covers(*since)) {
            // One that is being looked at is not over, or is taken anew just now.
            if let Some(Ok(mut view)) = views.known.get(&old).map(|view| view.try_lock())
                && !glance.covers(view.since)
            {
                view.listing = Listing::None;
            }
        }
        views.held.push_back((glance.now, key));
    }

    /// How many listings are held.
    #[cfg(test)]
    pub(super) fn listings(&self) -> usize {
        let views = self.lock();
        let held = views.known.values().filter_map(|view| view.try_lock().ok());
        held.filter(|view| matches!(view.listing, Listing::Members(_))).count()
    }

    fn lock(&self) -> MutexGuard<'_, Collections> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
