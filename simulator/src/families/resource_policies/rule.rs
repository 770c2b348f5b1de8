//! The one form of Cedar that is enforced, which is the recorded one: it forbids to create or edit clusters with any of
//! some providers, or in any of some regions.
//!
//! ```text
//! forbid (principal, action == cloud::Action::"cluster.createEdit", resource) when {
//!   context.cluster.cloudProviders.containsAny([cloud::cloudProvider::"aws"])
//!   // or: context.cluster.regions.containsAny([cloud::region::"aws:eu-west-1"])
//! };
//! ```
//!
//! Any other text is kept and not enforced. A region is the provider and Atlas's own name of the region, in lower case
//! and with hyphens; the cloud's own names differ from that on Azure and Google Cloud, and are not known here.
use serde_json::Value;

/// What a policy forbids.
#[derive(Debug, PartialEq, Eq)]
pub enum Rule {
    /// Lower-case names: `aws`.
    Providers(Vec<String>),
    /// `aws:eu-west-1`.
    Regions(Vec<String>),
}

/// The forms without white space, up to the list and after it.
const BEGINNING: &str =
    r#"forbid(principal,action==cloud::Action::"cluster.createEdit",resource)when{context.cluster."#;
const END: &str = "])};";

impl Rule {
    /// The rule that a text states, if it is understood.
    pub fn read(text: &str) -> Option<Self> {
        let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let condition = compact.strip_prefix(BEGINNING)?.strip_suffix(END)?;
        if let Some(list) = condition.strip_prefix("cloudProviders.containsAny([") {
            return names(list, "cloud::cloudProvider::").map(Self::Providers);
        }
        names(condition.strip_prefix("regions.containsAny([")?, "cloud::region::").map(Self::Regions)
    }

    /// Whether a body places a cluster where the rule forbids it.
    pub fn forbids(&self, body: &Value) -> bool {
        match body {
            Value::Array(items) => items.iter().any(|item| self.forbids(item)),
            Value::Object(fields) => {
                let text = |name: &str| fields.get(name).and_then(Value::as_str);
                let provider = text("backingProviderName").or_else(|| text("providerName"));
                let placed = provider.zip(text("regionName"));
                placed.is_some_and(|(provider, region)| self.names(provider, region))
                    || fields.values().any(|value| self.forbids(value))
            }
            _ => false,
        }
    }

    fn names(&self, provider: &str, region: &str) -> bool {
        let provider = provider.to_lowercase();
        match self {
            Self::Providers(forbidden) => forbidden.contains(&provider),
            Self::Regions(forbidden) => {
                forbidden.contains(&format!("{provider}:{}", region.to_lowercase().replace('_', "-")))
            }
        }
    }
}

/// The names in a list of entities of one type.
fn names(list: &str, entity: &str) -> Option<Vec<String>> {
    let name = |item: &str| Some(item.strip_prefix(entity)?.strip_prefix('"')?.strip_suffix('"')?.to_lowercase());
    list.split(',').map(name).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    fn policy(condition: &str) -> String {
        let head = "forbid (\n\tprincipal,\n\taction == cloud::Action::\"cluster.createEdit\",\n\tresource\n)";
        format!("\t{head} when {{\n\tcontext.cluster.{condition}\n\t}};\n")
    }

    #[test]
    fn the_recorded_form_is_understood_and_nothing_else() {
        let providers =
            policy(r#"cloudProviders.containsAny([cloud::cloudProvider::"aws", cloud::cloudProvider::"gcp"])"#);
        assert_eq!(Rule::read(&providers), Some(Rule::Providers(vec!["aws".to_owned(), "gcp".to_owned()])));
        let regions = policy(r#"regions.containsAny([cloud::region::"aws:eu-west-1"])"#);
        assert_eq!(Rule::read(&regions), Some(Rule::Regions(vec!["aws:eu-west-1".to_owned()])));
        for other in [
            policy(r#"cloudProviders.containsAny([cloud::region::"aws"])"#),
            policy("minGeneralClassInstanceSizeValue < 1"),
            providers.replace("forbid", "permit"),
            providers.replace("cluster.createEdit", "project.edit"),
            String::new(),
        ] {
            assert_eq!(Rule::read(&other), None, "{other}");
        }
    }

    #[test]
    fn a_place_is_found_wherever_a_body_says_it() {
        let aws = Rule::Providers(vec!["aws".to_owned()]);
        let dublin = Rule::Regions(vec!["aws:eu-west-1".to_owned()]);
        let dedicated = json!({"replicationSpecs": [{"regionConfigs": [
            {"providerName": "GCP", "regionName": "WESTERN_EUROPE"},
            {"providerName": "AWS", "regionName": "EU_WEST_1"},
        ]}]});
        let shared = json!({"providerSettings": {"backingProviderName": "AWS", "regionName": "US_EAST_1"}});
        assert!(aws.forbids(&dedicated) && dublin.forbids(&dedicated));
        assert!(aws.forbids(&shared) && !dublin.forbids(&shared));
        let elsewhere = json!({"providerName": "AZURE", "regionName": "EU_WEST_1"});
        assert!(!aws.forbids(&elsewhere) && !dublin.forbids(&elsewhere) && !aws.forbids(&json!({"tags": []})));
    }
}
