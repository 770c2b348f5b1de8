//! Reading a collection that comes in pages.

use serde_json::Value;

use super::{Call, Client, Error};

/// The largest page that Atlas allows. Its default of 100 would cost five times the requests.
pub(super) const PAGE_SIZE: usize = 500;

/// The most pages that are read: 50,000 items, a hundred times what Atlas lets a project hold of anything.
const PAGE_LIMIT: u32 = 100;

/// How the paths of collections end that answer with a bare array, whole, and define no parameters for pages.
const UNPAGED: &[&str] = &[
    "/customDBRoles/roles",
    "/dataFederation",
    "/endpointService",
    "/fts/indexes/{databaseName}/{collectionName}",
    "/invites",
    "/limits",
    "/nonCompliantResources",
    "/resourcePolicies",
    "/search/indexes",
    "/search/indexes/{databaseName}/{collectionName}",
];

impl Client {
    /// Reads all items of a collection.
    ///
    /// The parameters for pages are added to the call; its own are replaced. A bare array is a whole collection, where
    /// Atlas answers with one. An answer that is no list, a list that does not advance or does not end, and one that has
    /// not as many items as Atlas counts are [`Error::Unreadable`]: the pages are read one after the other, so an item
    /// that comes or goes in the meantime may be missed or seen twice.
    ///
    /// A list can fail as a whole because of one item that is being deleted; reading by name is the way around
    /// that.
    pub async fn list(&self, call: &Call) -> Result<Vec<Value>, Error> {
        let unreadable = |status: u16, reason: &str| Error::unreadable(call, status, reason);
        let is_whole = is_whole(call);
        let mut items = Vec::new();
        let mut last_page_begins = 0;
        for number in 1..=PAGE_LIMIT {
            let answer = self.send(&page_of(call, number)).await?;
            let page = Page::read(answer.body, is_whole).ok_or_else(|| unreadable(answer.status, "is not a list"))?;
            if page.items.is_empty() && page.more {
                return Err(unreadable(answer.status, "is an empty page that claims to have a next one"));
            }
            // A server that ignores the number of the page would send the first one for ever.
            if !page.items.is_empty() && items[last_page_begins..] == page.items[..] {
                return Err(unreadable(answer.status, "is the same page as the one before it"));
            }
            last_page_begins = items.len();
            items.extend(page.items);
            if !page.more {
                let complete = page.count.is_none_or(|count| count == items.len());
                return if complete {
                    Ok(items)
                } else {
                    Err(unreadable(answer.status, "is a list of another length than it says"))
                };
            }
        }
        Err(unreadable(200, "is a list that does not end"))
    }
}

/// Whether a collection is answered whole, as a bare array.
fn is_whole(call: &Call) -> bool {
    UNPAGED.iter().any(|ending| call.template.ends_with(ending))
}

/// The call for one page of a collection.
fn page_of(call: &Call, number: u32) -> Call {
    let mut page = call.clone();
    if !is_whole(call) {
        page.query.retain(|(name, _)| !matches!(*name, "itemsPerPage" | "pageNum"));
        page.query.push(("itemsPerPage", PAGE_SIZE.to_string()));
        page.query.push(("pageNum", number.to_string()));
    }
    page
}

/// One page of a collection.
struct Page {
    items: Vec<Value>,
    more: bool,
    /// How many items the collection has.
    count: Option<usize>,
}

impl Page {
    /// Reads an answer; `None` when it is neither a page nor, where the collection comes whole, an array.
    fn read(body: Value, is_whole: bool) -> Option<Self> {
        let mut body = match (body, is_whole) {
            (Value::Array(items), true) => return Some(Self { items, more: false, count: None }),
            (Value::Object(body), false) => body,
            _ => return None,
        };
        let count = usize::try_from(body.get("totalCount")?.as_u64()?).ok()?;
        let Some(Value::Array(items)) = body.remove("results") else { return None };
        // The link to the next page is there exactly when there is one. Its address is never used.
        let more = match body.get("links").and_then(Value::as_array) {
            Some(links) => links.iter().any(|link| link.get("rel").and_then(Value::as_str) == Some("next")),
            None => items.len() >= PAGE_SIZE,
        };
        Some(Self { items, more, count: Some(count) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use reqwest::Method;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_ends_the_list_unless_it_links_to_the_next() {
        let full: Vec<u32> = (0..500).collect();
        for (body, expected) in [
            (json!({"results": [], "totalCount": 0}), Some((0, false))),
            (json!({"results": [1], "links": [], "totalCount": 1}), Some((1, false))),
            (json!({"results": [1], "links": [{"rel": "self"}, {"rel": "next"}], "totalCount": 2}), Some((1, true))),
            (json!({"results": full, "links": [{"rel": "self"}], "totalCount": 500}), Some((500, false))),
            (json!({"results": full, "totalCount": 500}), Some((500, true))),
            (json!([1, 2]), None),
            (json!({"results": []}), None),
            (json!({"results": [], "totalCount": "0"}), None),
            (json!({"results": [], "totalCount": null}), None),
            (json!({"results": {}, "totalCount": 0}), None),
            (json!({"result": [], "totalCount": 0}), None),
            (Value::Null, None),
            (json!("text"), None),
        ] {
            let page = Page::read(body.clone(), false).map(|page| (page.items.len(), page.more));
            assert_eq!(page, expected, "{body}");
        }
        assert_eq!(Page::read(json!([1, 2]), true).map(|page| page.items.len()), Some(2));
        for other in [json!({"results": [], "totalCount": 0}), json!({}), Value::Null] {
            assert!(Page::read(other.clone(), true).is_none(), "{other}");
        }
    }

    #[test]
    fn only_collections_with_pages_are_asked_for_one() {
        let call = |template| Call {
            method: Method::GET,
            path: "/x".to_owned(),
            query: vec![("pageNum", "7".to_owned()), ("includeCount", "false".to_owned())],
            template,
            version: "2023-01-01",
            body: None,
        };
        let paged = page_of(&call("/groups/{groupId}/clusters"), 2);
        assert_eq!(
            paged.query,
            [("includeCount", "false".into()), ("itemsPerPage", "500".into()), ("pageNum", "2".into())]
        );
        let bare = call("/groups/{groupId}/customDBRoles/roles");
        assert_eq!(page_of(&bare, 1), bare);
    }
}
