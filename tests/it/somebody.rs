//! Somebody else who works in Atlas beside the operator.
use atlas_operator::atlas::{Body, Call, Client, Clients, Credentials, Endpoint, Method, Settings};
use harness::{Organization, Simulator};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::releases::kept::Said;

/// The teams that examples name. No kind makes teams, so they must be there before.
const TEAMS: [&str; 2] = ["Support", "Operations"];

/// A person, or another tool, with the credentials of an organization.
pub struct Somebody {
    client: Client,
    organization: String,
}

impl Somebody {
    pub fn of(simulator: &Simulator, organization: &Organization) -> Self {
        let credentials = Credentials::ApiKey {
            org_id: organization.id.clone(),
            public_key: organization.public_key.clone(),
            private_key: organization.private_key.clone().into(),
        };
        let clients = Clients::new(Endpoint::parse(simulator.base_url()).unwrap(), Settings::default());
        let client = clients.get("somebody", "1", || Ok(credentials)).unwrap();
        Self { client, organization: organization.id.clone() }
    }

    /// Posts to `path`, in which `{orgId}` is the organization.
    pub async fn post(&self, path: &'static str, body: Value) -> Value {
        self.post_in("", path, body).await
    }

    /// Posts to `path`, in which `{groupId}` is `project`.
    pub async fn post_in(&self, project: &str, path: &'static str, body: Value) -> Value {
        self.post_as("2023-01-01", project, path, body).await
    }

    async fn post_as(&self, version: &'static str, project: &str, path: &'static str, body: Value) -> Value {
        let post = Call {
            method: Method::POST,
            path: path.replace("{orgId}", &self.organization).replace("{groupId}", project),
            query: Vec::new(),
            template: path,
            version,
            body: Some(Body::new(body)),
        };
        self.client.send(&post).await.unwrap().body
    }

    /// Sends what was once sent; the answer, or the error as text.
    pub async fn repeats(&self, said: &Said) -> Result<Value, String> {
        let (path, query) = said.path.split_once('?').unwrap_or((&said.path, ""));
        let query = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        let call = Call {
            method: said.method.parse().unwrap(),
            path: path.to_owned(),
            // Tests end before what lives for ever here could add up.
            query: query.map(|(name, value)| (&*name.leak(), value)).collect(),
            template: path.to_owned().leak(),
            version: said.version.clone().leak(),
            body: Some(Body::new(said.request.clone())).filter(|_| !said.request.is_null()),
        };
        if said.response.is_string() {
            let answer = self.client.send_for_text(&call).await.map_err(|error| error.to_string())?;
            return Ok(json!(answer.body.expose_secret()));
        }
        self.client.send(&call).await.map(|answer| answer.body).map_err(|error| error.to_string())
    }

    /// Makes a flex cluster.
    pub async fn make_flex_cluster(&self, project: &str, name: &str) {
        let settings = json!({"backingProviderName": "AWS", "regionName": "EU_WEST_1"});
        let cluster = json!({"name": name, "providerSettings": settings});
        self.post_as("2024-11-13", project, "/groups/{groupId}/flexClusters", cluster).await;
    }

    /// Makes a project, and answers its id.
    pub async fn make_project(&self, name: &str) -> String {
        let project = self.post("/groups", json!({"name": name, "orgId": self.organization})).await;
        project["id"].as_str().unwrap().to_owned()
    }

    /// Makes a team, and answers its id.
    pub async fn make_team(&self, name: &str) -> String {
        let team = json!({"name": name, "usernames": ["someone@example.org"]});
        self.post("/orgs/{orgId}/teams", team).await["id"].as_str().unwrap().to_owned()
    }

    /// Makes the teams that examples name.
    pub async fn make_teams(&self) {
        for name in TEAMS {
            self.make_team(name).await;
        }
    }
}
