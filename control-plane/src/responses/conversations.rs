//! `/v1/conversations`, and below it.
//!
//! <https://platform.openai.com/docs/api-reference/conversations>

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tollgate_config::responses::{Conversations, Refused, answer, conversation_id};
use tollgate_protocol::{Body, Dialect, Limits, read_request};

use super::context::refused;
use super::items::LISTED_BYTES_MAX;
use crate::domain::now_unix_ms;
use crate::store::{self, ConversationFacts, Error, ItemQuery, Store};

/// By the API reference.
const ITEMS_AT_ONCE_MAX: usize = 20;
const PAIRS_MAX: usize = 16;
const KEY_CHARS_MAX: usize = 64;
const VALUE_CHARS_MAX: usize = 512;
const PAGE_DEFAULT: i64 = 20;
const PAGE_MAX: i64 = 100;

pub(super) async fn answer(
    store: &Store,
    group: &str,
    asked: &Conversations,
    since: i64,
) -> store::Result<answer::Kind> {
    let request = Request {
        store,
        group,
        asked,
        since,
    };
    Ok(match request.answer().await {
        Ok(json) => answer::Kind::Json(json),
        Err(Problem::Refused(why)) => refused(&why),
        Err(Problem::Store(Error::NotFound(_))) => refused(&not_found(&asked.path)),
        Err(Problem::Store(Error::Conflict(rule))) => refused(&invalid("items", &rule)),
        Err(Problem::Store(error)) => return Err(error),
    })
}

struct Request<'r> {
    store: &'r Store,
    group: &'r str,
    asked: &'r Conversations,
    since: i64,
}

enum Problem {
    Refused(Refused),
    Store(Error),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// What a body may hold. All else is ignored, as the API does.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    items: Option<Box<RawValue>>,
    metadata: Option<serde_json::Value>,
}

impl Request<'_> {
    async fn answer(&self) -> Result<String, Problem> {
        let parts: Vec<&str> = self.asked.path.split('/').skip(1).collect();
        match (self.asked.method.as_str(), parts.as_slice()) {
            ("POST", []) => self.create().await,
            ("GET", [id]) => Ok(shown(&self.facts(id).await?)),
            ("POST", [id]) => self.update(id).await,
            ("DELETE", [id]) => {
                self.facts(id).await?;
                self.store.delete_conversation(self.group, id).await?;
                let deleted = json!({"id": id, "object": "conversation.deleted", "deleted": true});
                Ok(deleted.to_string())
            }
            ("GET", [id, "items"]) => self.page(id).await,
            ("POST", [id, "items"]) => self.add(id).await,
            ("GET", [id, "items", item]) => {
                self.facts(id).await?;
                Ok(self.store.conversation_item(self.group, id, item).await?)
            }
            ("DELETE", [id, "items", item]) => {
                let facts = self.facts(id).await?;
                let now = now_unix_ms();
                let deleted = self
                    .store
                    .delete_conversation_item(self.group, id, item, now);
                deleted.await?;
                Ok(shown(&facts))
            }
            _ => Err(not_found(&self.asked.path).into()),
        }
    }

    async fn facts(&self, id: &str) -> Result<ConversationFacts, Problem> {
        let facts = self.store.conversation_facts(self.group, id, self.since);
        Ok(facts.await?)
    }

    async fn create(&self) -> Result<String, Problem> {
        let fields = self.fields()?;
        let metadata = metadata(fields.metadata)?.unwrap_or_else(|| "{}".into());
        let items = match &fields.items {
            Some(items) => self::items(items)?,
            None => Vec::new(),
        };
        let id = conversation_id(&self.asked.request_id);
        let now = now_unix_ms();
        let created = self
            .store
            .create_conversation(self.group, &id, &metadata, &items, now);
        created.await?;
        Ok(shown(&ConversationFacts {
            id,
            created_unix_ms: now,
            metadata,
        }))
    }

    async fn update(&self, id: &str) -> Result<String, Problem> {
        let mut facts = self.facts(id).await?;
        facts.metadata = metadata(self.fields()?.metadata)?
            .ok_or_else(|| invalid("metadata", "'metadata' is required."))?;
        let set =
            self.store
                .set_conversation_metadata(self.group, id, &facts.metadata, now_unix_ms());
        set.await?;
        Ok(shown(&facts))
    }

    async fn add(&self, id: &str) -> Result<String, Problem> {
        self.facts(id).await?;
        let fields = self.fields()?;
        let items = fields.items.map(|items| self::items(&items)).transpose()?;
        let items = items
            .filter(|items| !items.is_empty())
            .ok_or_else(|| invalid("items", "'items' must be a non-empty array."))?;
        let added = self
            .store
            .add_conversation_items(self.group, id, &items, now_unix_ms());
        Ok(list(&added.await?, false))
    }

    async fn page(&self, id: &str) -> Result<String, Problem> {
        self.facts(id).await?;
        let parameters: Vec<(String, String)> =
            url::form_urlencoded::parse(self.asked.query.as_bytes())
                .into_owned()
                .collect();
        let parameter = |name: &str| {
            let mut pairs = parameters.iter();
            pairs
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let limit = match parameter("limit") {
            None => PAGE_DEFAULT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=PAGE_MAX).contains(limit))
                .ok_or_else(|| invalid("limit", "'limit' must be a number from 1 to 100."))?,
        };
        let descending = match parameter("order") {
            None | Some("desc") => true,
            Some("asc") => false,
            Some(_) => return Err(invalid("order", "'order' must be 'asc' or 'desc'.").into()),
        };
        let query = ItemQuery {
            after: parameter("after").filter(|after| !after.is_empty()),
            limit,
            max_bytes: LISTED_BYTES_MAX,
            descending,
        };
        let page = self.store.conversation_page(id, query).await?;
        let page = page.ok_or_else(|| {
            invalid(
                "after",
                "'after' is not the id of an item of this conversation.",
            )
        })?;
        Ok(list(&page.items, page.has_more))
    }

    fn fields(&self) -> Result<Fields, Refused> {
        match self.asked.body.trim() {
            "" => Ok(Fields::default()),
            body => serde_json::from_str(body)
                .map_err(|_| invalid("", "The body must be a JSON object.")),
        }
    }
}

/// A conversation as the API shows it.
fn shown(facts: &ConversationFacts) -> String {
    format!(
        r#"{{"id":{},"object":"conversation","created_at":{},"metadata":{}}}"#,
        json!(facts.id),
        facts.created_unix_ms / 1_000,
        facts.metadata
    )
}

fn list(items: &[(String, String)], has_more: bool) -> String {
    let id = |item: Option<&(String, String)>| json!(item.map(|(id, _)| id));
    let data: Vec<&str> = items.iter().map(|(_, item)| item.as_str()).collect();
    format!(
        r#"{{"object":"list","data":[{}],"first_id":{},"last_id":{},"has_more":{has_more}}}"#,
        data.join(","),
        id(items.first()),
        id(items.last())
    )
}

/// Items, each of which a request could hold: one that could not would spoil every later request.
fn items(items: &RawValue) -> Result<Vec<Box<RawValue>>, Refused> {
    let many: Vec<Box<RawValue>> = serde_json::from_str(items.get())
        .map_err(|_| invalid("items", "'items' must be an array."))?;
    if many.len() > ITEMS_AT_ONCE_MAX {
        return Err(invalid("items", "'items' may hold 20 items at a time."));
    }
    for (index, item) in many.iter().enumerate() {
        let field = format!("items[{index}]");
        let is_reference =
            serde_json::from_str::<serde_json::Value>(item.get()).is_ok_and(|item| {
                item.get("type")
                    .is_some_and(|kind| kind == "item_reference")
            });
        if is_reference {
            let rule = format!("'{field}' must be an item, not a reference to one.");
            return Err(invalid(&field, &rule));
        }
        let request = format!(r#"{{"model":"m","input":[{}]}}"#, item.get());
        let limits = Limits::request(usize::MAX);
        let body = Body::parse(request.into_bytes(), &limits);
        let body =
            body.map_err(|error| invalid(&field, &format!("'{field}': {}", error.message)))?;
        if let Err(error) = read_request(Dialect::OpenaiResponses, &body) {
            let ours = |text: &str| text.replacen("input[0]", &field, 1);
            return Err(invalid(&ours(&error.field), &ours(&error.message)));
        }
    }
    Ok(many)
}

fn metadata(given: Option<serde_json::Value>) -> Result<Option<String>, Refused> {
    let Some(given) = given.filter(|given| !given.is_null()) else {
        return Ok(None);
    };
    let pairs: BTreeMap<String, String> = serde_json::from_value(given)
        .map_err(|_| invalid("metadata", "'metadata' must be an object of strings."))?;
    let is_short = |(key, value): (&String, &String)| {
        key.chars().count() <= KEY_CHARS_MAX && value.chars().count() <= VALUE_CHARS_MAX
    };
    if pairs.len() > PAIRS_MAX || !pairs.iter().all(is_short) {
        return Err(invalid(
            "metadata",
            "'metadata' may hold 16 pairs, keys of 64 and values of 512 characters.",
        ));
    }
    Ok(Some(json!(pairs).to_string()))
}

fn not_found(path: &str) -> Refused {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let short = |text: &str| -> String { text.chars().take(100).collect() };
    let message = match parts.as_slice() {
        [id, "items", item] => format!(
            "Item with id '{}' not found in conversation '{}'.",
            short(item),
            short(id)
        ),
        [id, ..] => format!("Conversation with id '{}' not found.", short(id)),
        [] => "No such conversation.".into(),
    };
    Refused {
        status: 404,
        message,
        ..Refused::default()
    }
}

fn invalid(param: &str, message: &str) -> Refused {
    Refused {
        status: 400,
        message: message.into(),
        param: param.into(),
        code: "invalid_value".into(),
    }
}

#[cfg(test)]
mod tests;
