//! What people ask of the operator by annotation: object first, then its namespace, then the operator's flags.
use std::{collections::BTreeMap, fmt, str::FromStr};

use super::plan::Adopt;
use crate::kind::Deletion;

/// `atlas-operator.io/policy`.
pub const POLICY: &str = "atlas-operator.io/policy";
/// `atlas-operator.io/deletion`.
pub const DELETION: &str = "atlas-operator.io/deletion";
/// `atlas-operator.io/adopt`.
pub const ADOPT: &str = "atlas-operator.io/adopt";

/// How much the operator does for an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manage {
    /// Atlas is made as the spec says.
    Manage,
    /// Differences are reported, and nothing is changed.
    Observe,
    /// Nothing is done, and Atlas is not asked.
    Pause,
}

/// What the operator's flags say; an absent value leaves the built-in default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Defaults {
    /// `--policy`.
    pub manage: Option<Manage>,
    /// `--deletion`.
    pub deletion: Option<Deletion>,
    /// `--adopt`.
    pub adopt: Option<Adopt>,
}

/// What holds for one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policies {
    /// How much is done.
    pub manage: Manage,
    /// What becomes of the Atlas resource when the object goes.
    pub deletion: Deletion,
    /// What is done with a resource that is there already.
    pub adopt: Adopt,
}

/// An annotation with a value that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The annotation {annotation}{place} is {value:?}, which is none of {allowed}.{meant}")]
pub struct InvalidPolicy {
    annotation: &'static str,
    /// Where it stands, if not on the object.
    place: &'static str,
    value: String,
    allowed: &'static str,
    meant: String,
}

/// As much of a value as is shown, in characters.
const LONGEST_SHOWN: usize = 40;

type Annotations = BTreeMap<String, String>;

/// Leaves those annotations that say something here. Others are as long as their owners like.
pub fn keep_own(annotations: Option<&mut Annotations>) {
    if let Some(annotations) = annotations {
        annotations.retain(|name, _| [POLICY, DELETION, ADOPT].contains(&name.as_str()));
    }
}

impl Policies {
    /// The policies of an object with these annotations, in a namespace with those.
    pub fn of(
        object: &Annotations,
        namespace: &Annotations,
        flags: Defaults,
        kind: Deletion,
    ) -> Result<Self, InvalidPolicy> {
        Ok(Self {
            manage: find(POLICY, object, namespace)?.or(flags.manage).unwrap_or(Manage::Manage),
            deletion: find(DELETION, object, namespace)?.or(flags.deletion).unwrap_or(kind),
            adopt: find(ADOPT, object, namespace)?.or(flags.adopt).unwrap_or(Adopt::Identical),
        })
    }
}

fn find<T: Value>(
    name: &'static str,
    object: &Annotations,
    namespace: &Annotations,
) -> Result<Option<T>, InvalidPolicy> {
    let Some(text) = object.get(name).or_else(|| namespace.get(name)) else { return Ok(None) };
    T::read(text).map(Some).ok_or_else(|| InvalidPolicy {
        annotation: name,
        place: if object.contains_key(name) { "" } else { " of the namespace" },
        value: text.chars().take(LONGEST_SHOWN).collect(),
        allowed: T::ALLOWED,
        meant: meant(text, T::ALLOWED).map(|word| format!(" Did you mean {word}?")).unwrap_or_default(),
    })
}

/// The word that was probably meant: the same but for case and blanks, or but for two letters at most.
fn meant(text: &str, allowed: &'static str) -> Option<&'static str> {
    let text: String = text.trim().to_lowercase().chars().take(LONGEST_SHOWN).collect();
    let near = allowed.split(", ").map(|word| (distance(&text, word), word)).min();
    near.filter(|(distance, _)| *distance <= 2).map(|(_, word)| word)
}

/// How many letters must be put in, left out or replaced to make one word of another (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, theirs) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *theirs);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// A policy that is written as one of a few words.
trait Value: Sized {
    const ALLOWED: &'static str;
    fn read(text: &str) -> Option<Self>;
}

impl Value for Manage {
    const ALLOWED: &'static str = "manage, observe, pause";
    fn read(text: &str) -> Option<Self> {
        match text {
            "manage" => Some(Self::Manage),
            "observe" => Some(Self::Observe),
            "pause" => Some(Self::Pause),
            _ => None,
        }
    }
}

impl Value for Deletion {
    const ALLOWED: &'static str = "delete, retain";
    fn read(text: &str) -> Option<Self> {
        match text {
            "delete" => Some(Self::Delete),
            "retain" => Some(Self::Retain),
            _ => None,
        }
    }
}

impl Value for Adopt {
    const ALLOWED: &'static str = "identical, always, never";
    fn read(text: &str) -> Option<Self> {
        match text {
            "identical" => Some(Self::Identical),
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// A flag whose value means nothing.
#[derive(Debug, thiserror::Error)]
#[error("must be one of {0}")]
pub struct InvalidFlag(&'static str);

macro_rules! from_flag {
    ($($policy:ty),*) => {$(
        impl FromStr for $policy {
            type Err = InvalidFlag;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                <Self as Value>::read(text).ok_or(InvalidFlag(<Self as Value>::ALLOWED))
            }
        }
    )*};
}
from_flag!(Manage, Deletion, Adopt);

impl fmt::Display for Manage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manage => "manage",
            Self::Observe => "observe",
            Self::Pause => "pause",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn annotations(pairs: &[(&str, &str)]) -> Annotations {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_object_wins_over_its_namespace_and_that_over_the_flags() {
        let (object, namespace) =
            (annotations(&[(DELETION, "delete")]), annotations(&[(DELETION, "retain"), (POLICY, "observe")]));
        let flags = Defaults { adopt: Some(Adopt::Never), manage: Some(Manage::Pause), ..Defaults::default() };
        let policies = Policies::of(&object, &namespace, flags, Deletion::Retain);
        assert_eq!(policies, Ok(Policies { manage: Manage::Observe, deletion: Deletion::Delete, adopt: Adopt::Never }));
    }

    #[test]
    fn an_unknown_word_is_refused_by_name() {
        let object = annotations(&[(ADOPT, "yes")]);
        let error =
            Policies::of(&object, &annotations(&[]), Defaults::default(), Deletion::Delete).map_err(|e| e.to_string());
        assert_eq!(
            error,
            Err("The annotation atlas-operator.io/adopt is \"yes\", which is none of identical, always, never."
                .to_owned())
        );
        let namespace = annotations(&[(POLICY, "Observ")]);
        let error = Policies::of(&annotations(&[]), &namespace, Defaults::default(), Deletion::Delete);
        assert_eq!(
            error.map_err(|error| error.to_string()),
            Err("The annotation atlas-operator.io/policy of the namespace is \"Observ\", which is none of manage, \
                 observe, pause. Did you mean observe?"
                .to_owned())
        );
    }
}
