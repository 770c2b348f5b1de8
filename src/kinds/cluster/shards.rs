//! Whose shard is whose.
//!
//! Atlas matches the shards of a request with its own by zone name and by position among those of the zone, and keeps
//! the data of those that it recognises. So does everything here.
use serde_json::Value;

use super::merge::{list, position};

/// Which of the `seen` shards each of the `wanted` ones is; none for a new one.
///
/// A named zone is looked for first; a shard without a name is the first that is left. What is left over on both sides
/// is one shard under another name, which Atlas builds anew.
pub(super) fn pair(wanted: &[Value], seen: &[Value]) -> Vec<Option<usize>> {
    let mut free = vec![true; seen.len()];
    let mut take = |is: &dyn Fn(usize) -> bool| {
        let found = (0..seen.len()).find(|index| free[*index] && is(*index))?;
        free[found] = false;
        Some(found)
    };
    let mut pairs: Vec<Option<usize>> = wanted
        .iter()
        .map(|shard| shard["zoneName"].as_str().and_then(|zone| take(&|index| seen[index]["zoneName"] == zone)))
        .collect();
    for (_, pair) in wanted.iter().zip(&mut pairs).filter(|(shard, _)| shard["zoneName"].is_null()) {
        *pair = take(&|_| true);
    }
    for (index, pair) in pairs.iter_mut().enumerate().filter(|(_, pair)| pair.is_none()) {
        *pair = take(&|other| other == index).or_else(|| take(&|_| true));
    }
    pairs
}

/// Which of the `seen` shards each of the `wanted` ones goes on as; none for a new one, and for one under another name,
/// which is as good as new: Atlas keeps nothing of what stood in its place.
pub(super) fn successors(wanted: &[Value], seen: &[Value]) -> Vec<Option<usize>> {
    let is_itself = |shard: &Value, other: &Value| {
        shard["zoneName"].is_null() || other["zoneName"].is_null() || shard["zoneName"] == other["zoneName"]
    };
    let pairs = wanted.iter().zip(pair(wanted, seen));
    pairs.map(|(shard, pair)| pair.filter(|index| is_itself(shard, &seen[*index]))).collect()
}

/// Lists the wanted shards as Atlas lists its own, the new ones last, so that each is compared with itself; and names
/// the zones of those that have no name, so that each is found again.
pub(super) fn align(wanted: &mut Vec<Value>, seen: &[Value]) {
    let mut places: Vec<(usize, Value)> =
        pair(wanted, seen).into_iter().map(|pair| pair.unwrap_or(usize::MAX)).zip(wanted.drain(..)).collect();
    places.sort_by_key(|(place, _)| *place);
    for (place, shard) in &mut places {
        let zone = seen.get(*place).map_or(&Value::Null, |other| &other["zoneName"]);
        if shard["zoneName"].is_null() && !zone.is_null() {
            shard["zoneName"] = zone.clone();
        }
    }
    wanted.extend(places.into_iter().map(|(_, shard)| shard));
}

/// What Atlas does to shards to carry out a change of them, where it is more than to change nodes one by one.
pub(super) fn announcements(desired: &Value, observed: &Value) -> Vec<String> {
    let (wanted, seen) = (list(&desired["replicationSpecs"]), list(&observed["replicationSpecs"]));
    let pairs = pair(wanted, seen);
    let mut sentences = Vec::new();
    for (shard, other) in wanted.iter().zip(&pairs).filter_map(|(shard, pair)| Some((shard, (*pair)?))) {
        let number = other + 1;
        let (before, after) = (&seen[other]["zoneName"], &shard["zoneName"]);
        if let (Some(before), Some(after)) = (before.as_str(), after.as_str())
            && before != after
        {
            sentences.push(format!(
                "Shard {number} moves from zone {before} to zone {after}, for which Atlas builds it anew."
            ));
            continue;
        }
        let regions = &seen[other]["regionConfigs"];
        if list(&shard["regionConfigs"]).iter().all(|region| position(region, regions).is_none()) {
            sentences.push(format!(
                "Shard {number} leaves all its regions for others, for which Atlas builds its nodes anew."
            ));
        }
    }
    for (index, shard) in seen.iter().enumerate().filter(|(index, _)| !pairs.contains(&Some(*index))) {
        let zone = shard["zoneName"].as_str().unwrap_or_default();
        let number = index + 1;
        sentences.push(format!(
            "Shard {number} of zone {zone} is removed, for which Atlas first moves its data to the others."
        ));
    }
    sentences
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn zones(names: &[Option<&str>]) -> Vec<Value> {
        names.iter().map(|name| json!({"zoneName": name})).collect()
    }

    #[test]
    fn shards_are_matched_by_zone_and_by_position_in_it() {
        let (a, b, c, none) = (Some("A"), Some("B"), Some("C"), None);
        for (wanted, seen, expected) in [
            (vec![a, b], vec![a, b], vec![Some(0), Some(1)]),
            (vec![b, a], vec![a, b], vec![Some(1), Some(0)]),
            (vec![a, a, b], vec![a, b, a], vec![Some(0), Some(2), Some(1)]),
            (vec![none, none], vec![a, a], vec![Some(0), Some(1)]),
            (vec![none, none, none], vec![a, a], vec![Some(0), Some(1), None]),
            (vec![a, a], vec![a], vec![Some(0), None]),
            (vec![c, a, b], vec![a, b], vec![None, Some(0), Some(1)]),
            // Another name in the same place, and one zone less.
            (vec![a, c], vec![a, b], vec![Some(0), Some(1)]),
            (vec![c, b], vec![a, b], vec![Some(0), Some(1)]),
            (vec![b], vec![a, b], vec![Some(1)]),
            (vec![b, none], vec![a, b], vec![Some(1), Some(0)]),
        ] {
            assert_eq!(pair(&zones(&wanted), &zones(&seen)), expected, "{wanted:?} of {seen:?}");
        }
    }

    #[test]
    fn a_shard_under_another_name_is_nobodys_successor() {
        let (a, b, c, none) = (Some("A"), Some("B"), Some("C"), None);
        let successors = |wanted: &[Option<&str>]| successors(&zones(wanted), &zones(&[a, b]));
        assert_eq!(successors(&[a, b]), [Some(0), Some(1)]);
        assert_eq!(successors(&[a, c]), [Some(0), None]);
        assert_eq!(successors(&[none, none]), [Some(0), Some(1)]);
    }

    #[test]
    fn new_shards_are_listed_behind_those_that_are_there() {
        let mut wanted = zones(&[Some("C"), Some("B"), Some("A")]);
        align(&mut wanted, &zones(&[Some("A"), Some("B")]));
        assert_eq!(wanted, zones(&[Some("A"), Some("B"), Some("C")]));
        let mut unnamed = zones(&[None, None]);
        align(&mut unnamed, &zones(&[Some("A")]));
        assert_eq!(unnamed, zones(&[Some("A"), None]));
    }

    #[test]
    fn a_shard_that_is_built_anew_is_announced() {
        let shard = |zone: &str, region: &str| json!({"zoneName": zone, "regionConfigs": [{"providerName": "AWS", "regionName": region}]});
        let document = |shards: &[Value]| json!({"replicationSpecs": shards});
        let seen = document(&[shard("A", "EU_WEST_1"), shard("B", "US_EAST_1")]);
        let said = |wanted: &[Value]| announcements(&document(wanted), &seen);
        assert!(said(&[shard("A", "EU_WEST_1"), shard("B", "US_EAST_1")]).is_empty());
        assert!(said(&[shard("A", "EU_WEST_1"), shard("B", "US_EAST_1"), shard("C", "US_EAST_1")]).is_empty());
        let renamed = said(&[shard("A", "EU_WEST_1"), shard("C", "US_EAST_1")]);
        assert_eq!(renamed, ["Shard 2 moves from zone B to zone C, for which Atlas builds it anew."]);
        let moved = said(&[shard("A", "EU_CENTRAL_1"), shard("B", "US_EAST_1")]);
        assert_eq!(moved, ["Shard 1 leaves all its regions for others, for which Atlas builds its nodes anew."]);
        let removed = said(&[shard("B", "US_EAST_1")]);
        assert_eq!(removed, ["Shard 1 of zone A is removed, for which Atlas first moves its data to the others."]);
    }
}
