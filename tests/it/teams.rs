//! The teams that examples name. No kind makes teams, so they must be in the organization before.
use atlas_operator::atlas::{Body, Call, Clients, Credentials, Endpoint, Method, Settings};
use harness::{Organization, Simulator};
use serde_json::json;

const NAMES: [&str; 2] = ["Support", "Operations"];

/// Makes the teams in an organization that has none yet.
pub async fn provide(simulator: &Simulator, organization: &Organization) {
    let credentials = Credentials::ApiKey {
        org_id: organization.id.clone(),
        public_key: organization.public_key.clone(),
        private_key: organization.private_key.clone().into(),
    };
    let clients = Clients::new(Endpoint::parse(simulator.base_url()).unwrap(), Settings::default());
    let client = clients.get("teams", "1", || Ok(credentials)).unwrap();
    for name in NAMES {
        let team = json!({"name": name, "usernames": ["someone@example.org"]});
        let post = Call {
            method: Method::POST,
            path: format!("/orgs/{}/teams", organization.id),
            query: Vec::new(),
            template: "/orgs/{orgId}/teams",
            version: "2023-01-01",
            body: Some(Body::new(team)),
        };
        client.send(&post).await.unwrap();
    }
}
