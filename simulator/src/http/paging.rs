//! Collections in pages: `links`, `results`, `totalCount`, with the links spelt exactly as recorded.
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::query;
use crate::api::{ApiError, Method};
use crate::families::errors;

const DEFAULT_ITEMS: usize = 100;

/// The largest page. Asking for more gives this many; that Atlas caps rather than refuses was not recorded.
const MOST_ITEMS: usize = 500;

/// Parameters that the transport consumes and that links therefore state in their own place, or not at all.
const CONSUMED: [&str; 4] = ["pageNum", "itemsPerPage", "envelope", "pretty"];

/// Parameters that recorded `self` links state with their default even when the caller did not send them.
const STATED_DEFAULTS: [(Method, &str, &str, &str); 4] = [
    (Method::Get, "/orgs", "name", ""),
    (Method::Get, "/groups/{groupId}/clusters", "includeDeletedWithRetainedBackups", "false"),
    (Method::Get, "/groups/{groupId}/users", "flattenTeams", "false"),
    (Method::Get, "/groups/{groupId}/users", "includeOrgUsers", "false"),
];

/// Lists that are answered to something else than a GET and whose links do not state whether they count, as recorded.
const WITHOUT_COUNT: [(Method, &str); 2] =
    [(Method::Post, "/groups/{groupId}/teams"), (Method::Patch, "/groups/{groupId}/teams/{teamId}")];

/// Which page a request wants.
#[derive(Debug, PartialEq, Eq)]
pub struct Window {
    page: usize,
    items: usize,
    count: bool,
}

impl Window {
    /// # Errors
    /// 400 when a number is not one, or is below 1.
    pub fn of(query: &BTreeMap<String, String>) -> Result<Self, ApiError> {
        let number = |name: &str, default: usize| match query.get(name) {
            None => Ok(default),
            Some(text) => {
                text.parse().ok().filter(|&number| number >= 1).ok_or_else(|| errors::invalid_query_parameter(name))
            }
        };
        Ok(Self {
            page: number("pageNum", 1)?,
            items: number("itemsPerPage", DEFAULT_ITEMS)?.min(MOST_ITEMS),
            count: query.get("includeCount").is_none_or(|text| text != "false"),
        })
    }

    /// The document of this page. `address` is that of the collection, without a query string.
    pub fn cut(
        &self,
        items: Vec<Value>,
        address: &str,
        operation: Option<(Method, &'static str)>,
        query: &BTreeMap<String, String>,
    ) -> Value {
        let total = items.len();
        let start = (self.page - 1).saturating_mul(self.items);
        let more = total > start.saturating_add(self.items);
        let results: Vec<Value> = items.into_iter().skip(start).take(self.items).collect();
        let mut stated: BTreeMap<&str, &str> = BTreeMap::new();
        if operation.is_none_or(|operation| !WITHOUT_COUNT.contains(&operation)) {
            stated.insert("includeCount", "true");
        }
        for (method, path, name, value) in STATED_DEFAULTS {
            if Some((method, path)) == operation {
                stated.insert(name, value);
            }
        }
        for (name, value) in query.iter().filter(|(name, _)| !CONSUMED.contains(&name.as_str())) {
            stated.insert(name, value);
        }
        let stated: Vec<String> = stated
            .into_iter()
            .map(|(name, value)| format!("{}={}", query::encode(name), query::encode(value)))
            .collect();
        let link = |rel: &str, place: [String; 2]| {
            let query = [&stated[..], &place].concat().join("&");
            json!({"href": format!("{address}?{query}"), "rel": rel})
        };
        let page = |page: usize| format!("pageNum={page}");
        let items = || format!("itemsPerPage={}", self.items);
        // The two links really differ in the order of their parameters.
        let mut links = vec![link("self", [page(self.page), items()])];
        if more {
            links.push(link("next", [items(), page(self.page + 1)]));
        }
        let mut document = Map::new();
        document.insert("links".to_owned(), Value::Array(links));
        document.insert("results".to_owned(), Value::Array(results));
        if self.count {
            document.insert("totalCount".to_owned(), json!(total));
        }
        Value::Object(document)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const USERS: (Method, &str) = (Method::Get, "/orgs/{orgId}/users");

    fn page(items: usize, query: &str) -> Value {
        page_of(USERS, "http://h/x", items, query)
    }

    fn page_of(operation: (Method, &'static str), address: &str, items: usize, query: &str) -> Value {
        let query = query::parse(query);
        Window::of(&query).unwrap().cut((0..items).map(|n| json!(n)).collect(), address, Some(operation), &query)
    }

    fn links(page: &Value) -> Vec<(&str, &str)> {
        let links = page["links"].as_array().unwrap().iter();
        links.map(|link| (link["rel"].as_str().unwrap(), link["href"].as_str().unwrap())).collect()
    }

    #[test]
    fn the_links_are_spelt_as_recorded() {
        let document = page(9, "itemsPerPage=2");
        let expected = [
            ("self", "http://h/x?includeCount=true&pageNum=1&itemsPerPage=2"),
            ("next", "http://h/x?includeCount=true&itemsPerPage=2&pageNum=2"),
        ];
        assert_eq!(links(&document), expected);
        assert_eq!(document["results"], json!([0, 1]));
        assert_eq!(document["totalCount"], 9);
    }

    #[test]
    fn a_callers_parameters_come_in_alphabetical_order_before_the_page() {
        let document = page(1, "status=A:B&itemsPerPage=7&flattenTeams=false&pretty=true&envelope=true");
        let expected = "http://h/x?flattenTeams=false&includeCount=true&status=A%3AB&pageNum=1&itemsPerPage=7";
        assert_eq!(links(&document), [("self", expected)]);
    }

    #[test]
    fn some_collections_state_a_default() {
        let clusters = page_of((Method::Get, "/groups/{groupId}/clusters"), "http://h/c", 0, "");
        let expected =
            "http://h/c?includeCount=true&includeDeletedWithRetainedBackups=false&pageNum=1&itemsPerPage=100";
        assert_eq!(links(&clusters), [("self", expected)]);
        let orgs = page_of((Method::Get, "/orgs"), "http://h/orgs", 1, "");
        assert_eq!(links(&orgs)[0].1, "http://h/orgs?includeCount=true&name=&pageNum=1&itemsPerPage=100");
    }

    #[test]
    fn the_last_page_has_no_next() {
        let document = page(4, "itemsPerPage=2&pageNum=2");
        assert_eq!(document["results"], json!([2, 3]));
        assert_eq!(links(&document).len(), 1);
        assert_eq!(page(4, "pageNum=9")["results"], json!([]));
    }

    #[test]
    fn the_count_can_be_left_out() {
        let document = page(1, "includeCount=false");
        assert_eq!(document.get("totalCount"), None);
        assert_eq!(links(&document)[0].1, "http://h/x?includeCount=false&pageNum=1&itemsPerPage=100");
    }

    #[test]
    fn a_page_has_between_one_and_five_hundred_items() {
        assert_eq!(page(600, "itemsPerPage=10000")["results"].as_array().unwrap().len(), 500);
        for query in ["itemsPerPage=0", "pageNum=0", "pageNum=-1", "pageNum=x"] {
            assert_eq!(Window::of(&query::parse(query)).unwrap_err().status, 400, "{query}");
        }
    }
}
