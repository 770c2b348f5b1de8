//! Whose the entries of a list are: the object's own, which it keeps true and removes, or other people's, which it
//! leaves alone and shows.
use std::collections::BTreeMap;

use super::plan::{Observed, Scene, items};
use crate::{
    kind::{Part, Shape},
    status::Others,
};

/// How many entries of others are shown; the schema allows no more.
const SHOWN: usize = 20;

/// The lists that were seen, each with the keys that are declared and those that somebody made.
fn lists(scene: &Scene) -> impl Iterator<Item = (&Part, Vec<String>, Vec<String>)> {
    scene.parts.iter().filter_map(|part| match (part.route.shape, scene.observed.get(part.name)) {
        (Shape::Entries(entries), Some(Observed::Present(seen))) => {
            let declared = items(&part.desired).iter().map(entries.key).collect();
            Some((part, declared, part.route.made(seen)))
        }
        _ => None,
    })
}

/// Brings what is remembered as the object's own, by part, up to date: an entry is its own when it is declared, or was
/// and is still there.
pub(super) fn claim(remembered: &mut BTreeMap<String, Vec<String>>, scene: &Scene) {
    for (part, declared, made) in lists(scene) {
        let mut ours = remembered.remove(part.name).unwrap_or_default();
        ours.retain(|key| !declared.contains(key) && made.contains(key));
        ours.extend(declared);
        ours.sort();
        if !ours.is_empty() {
            remembered.insert(part.name.to_owned(), ours);
        }
    }
}

/// What is in the lists beside the object's own, by part.
pub(super) fn others(scene: &Scene) -> BTreeMap<String, Others> {
    let mut all = BTreeMap::new();
    for (part, declared, mut made) in lists(scene).filter(|(part, ..)| !part.exclusive) {
        let ours = scene.memory.entries.get(part.name).map_or(&[][..], Vec::as_slice);
        made.retain(|key| !declared.contains(key) && !ours.contains(key));
        made.sort();
        let count = i64::try_from(made.len()).unwrap_or(i64::MAX);
        made.truncate(SHOWN);
        if count > 0 {
            all.insert(part.name.to_owned(), Others { count, entries: made });
        }
    }
    all
}
