//! The document, put together.

use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Map;

use super::super::*;
use super::{comments, explore};
use crate::admin::heard::{Heard, Shape};
use crate::admin::methods::Operation;
use crate::admin::routes::Access;

const ABOUT: &str = "Channels, groups, tokens, models, prices, wallets, logs and users of a \
Tollgate gateway, and what users do for themselves. Every answer is an envelope, `{success, message, \
data}`; a refusal has `success: false`, and a message that names the field and the rule. Times are \
Unix milliseconds, money is USD with every digit (or whole nano-USD). In a body, `null` is the same as \
leaving a field out. `x-roles` says who may use an operation; administrators may make users with \
roles.";

/// Routes of other parts of the control plane, with what they answer.
pub(super) const ELSEWHERE: [(&str, &str); 2] = [
    (
        "/api/gateways",
        "Every Envoy, what it has acknowledged and what it refused",
    ),
    ("/api/status", "Whether model calls are served"),
];

const NOT_TOLD: [(&str, &str); 9] = [
    ("page", "Page, from 1"),
    ("p", "The same as `page`"),
    ("per_page", "Entries of a page, 100 at most"),
    ("order", "Column, descending unless it ends with `-asc`"),
    ("keyword", "Text that something of an entry contains"),
    ("start_timestamp", "Unix milliseconds"),
    ("end_timestamp", "Unix milliseconds"),
    ("timezone", "IANA name; by default the option `TimeZone`"),
    ("stream", "Send results as they come, as events"),
];

/// Fields of an object that is worth a place of its own.
const LARGE: usize = 5;

/// A path as OpenAPI writes it.
pub(super) fn path(route: &str) -> String {
    format!("/api{}", route.replace("{*", "{"))
}

pub(super) async fn write(store: &Store) -> Value {
    let api = Api::new(store);
    let scene = Scene::set(&api).await;
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| {
            settings.definitions_path = "/components/schemas".into();
        });
    let mut schemas = settings.into_generator();
    let routes = all_routes();
    let mut operations: Vec<_> = routes
        .operations()
        .iter()
        .flat_map(|(path, all)| all.iter().map(move |operation| (path.as_str(), operation)))
        .collect();
    // What removes the things of the scene comes last.
    operations.sort_by_key(|(path, operation)| {
        let ends = path.contains("logout") || operation.method == Method::DELETE;
        let ends_all = *path == "/user/{id}" && ends;
        (ends_all, ends, operation.method == Method::POST)
    });
    let (_, stated) = all_routes().split();
    let mut hoisted = Map::new();
    let mut paths: BTreeMap<String, BTreeMap<String, Value>> = BTreeMap::new();
    for (route, operation) in operations {
        let access = stated[route].to(&operation.method);
        let described = describe(
            &api,
            &scene,
            (&mut schemas, &mut hoisted),
            route,
            operation,
            access,
        )
        .await;
        let method = operation.method.as_str().to_ascii_lowercase();
        paths
            .entry(path(route))
            .or_default()
            .insert(method, described);
    }
    for (path, summary) in ELSEWHERE {
        let open = path == "/api/status";
        let access = if open {
            Access::Anyone
        } else {
            Access::Readers
        };
        let envelope = json!({ "$ref": "#/components/schemas/Envelope" });
        let contents = vec![("application/json", envelope)];
        let mut answers = responses(&Method::GET, path, access, false, contents);
        if open {
            answers.insert("503".into(), json!({
                "description": "They are not, or not yet",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Envelope" } } },
            }));
        }
        let described = json!({
            "operationId": id("get", path),
            "summary": summary,
            "tags": ["gateways"],
            "x-roles": roles(access),
            "security": security(access),
            "responses": answers,
        });
        paths.insert(path.into(), BTreeMap::from([("get".into(), described)]));
    }
    let mut definitions = schemas.take_definitions(true);
    definitions.extend(envelopes());
    definitions.extend(hoisted);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Tollgate",
            "version": "1",
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "responses": refusals(),
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer",
                    "description": "A user's access token (see POST /api/auth/login), or the admin key",
                },
                "key": {
                    "type": "apiKey", "in": "header", "name": "Authorization",
                    "description": "The admin key as it is",
                },
            },
        },
    })
}

async fn describe(
    api: &Api,
    scene: &Scene,
    (schemas, hoisted): (&mut SchemaGenerator, &mut Map<String, Value>),
    route: &str,
    operation: &Operation,
    access: Access,
) -> Value {
    let comment = comments::of(operation.handler);
    let method = &operation.method;
    let key = scene.key(api, access).await;
    let heard = explore::listen(&api.router, method, &Scene::concrete(route), &key).await;
    let mut parameters: Vec<Value> = segments(route);
    if let Some(part) = heard.query.part()
        && let Shape::Fields { fields, .. } = &part.shape
    {
        for (name, field) in fields {
            let mut parameter =
                json!({ "name": name, "in": "query", "schema": schema(field, false) });
            if let Some((_, text)) = NOT_TOLD.iter().find(|(known, _)| known == name) {
                parameter["description"] = json!(text);
            }
            parameters.push(parameter);
        }
    }
    let tagged = super::super::super::versions::PATHS.contains(&route);
    if tagged && *method != Method::GET {
        let description = "The `ETag` of an answer: 409 if somebody else changed it since";
        parameters.push(json!({
            "name": "If-Match", "in": "header", "description": description,
            "schema": { "type": "string", "pattern": "^(\\*|\"[0-9a-f]*\")$" },
        }));
    }
    let body = body(
        &heard.body,
        &format!("{method} {}", tag(operation.handler)),
        hoisted,
    );
    let contents = (operation.contents)(schemas).into_iter();
    let contents = contents
        .map(|(kind, schema)| (kind, schema.to_value()))
        .collect();
    let mut described = json!({
        "operationId": id(&method.as_str().to_ascii_lowercase(), &path(route)),
        "summary": comment.summary,
        "tags": [tag(operation.handler)],
        "x-roles": roles(access),
        "security": security(access),
        "responses": responses(method, route, access, body.is_some(), contents),
    });
    if !comment.description.is_empty() {
        described["description"] = comment.description.into();
    }
    if !parameters.is_empty() {
        described["parameters"] = parameters.into();
    }
    if let Some(body) = body {
        described["requestBody"] = body;
    }
    described
}

fn id(method: &str, path: &str) -> String {
    let name = path.strip_prefix("/api/").unwrap_or(path);
    let plain: String = name
        .chars()
        .filter(|letter| !"{}".contains(*letter))
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .collect();
    format!("{method}_{plain}")
}

/// The module of a handler, below that of the API.
fn tag(handler: &str) -> String {
    handler.split("::").nth(2).unwrap().replace('_', " ")
}

fn roles(access: Access) -> &'static [&'static str] {
    match access {
        Access::Administrators => &["admin_key", "administrator"],
        Access::Readers => &["admin_key", "administrator", "read_only"],
        // The admin key owns nothing.
        Access::Owners => &["administrator", "user"],
        Access::SignedIn => &["administrator", "read_only", "user"],
        Access::Anyone => &["anyone"],
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Administrators | Access::Readers => json!([{ "bearer": [] }, { "key": [] }]),
        Access::Owners | Access::SignedIn => json!([{ "bearer": [] }]),
        Access::Anyone => json!([]),
    }
}

fn segments(route: &str) -> Vec<Value> {
    let names = route
        .split('/')
        .filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| match name {
        "id" | "type" => json!({
            "name": name, "in": "path", "required": true,
            "schema": { "type": "integer", "format": "int64" },
        }),
        name => {
            let mut parameter = json!({
                "name": name.trim_start_matches('*'), "in": "path", "required": true,
                "schema": { "type": "string", "minLength": 1 },
            });
            if name.starts_with('*') {
                parameter["description"] = json!("It may contain slashes.");
            }
            parameter
        }
    };
    names.map(parameter).collect()
}

fn responses(
    method: &Method,
    route: &str,
    access: Access,
    has_body: bool,
    contents: Vec<(&'static str, Value)>,
) -> Map<String, Value> {
    let content: Map<String, Value> = contents
        .into_iter()
        .map(|(kind, schema)| (kind.to_owned(), json!({ "schema": schema })))
        .collect();
    let content_is_elsewhere = content.is_empty();
    let mut all = Map::new();
    match content_is_elsewhere {
        true => all.insert(
            "303".into(),
            json!({ "description": "To the address in `Location`" }),
        ),
        false => all.insert(
            "200".into(),
            json!({ "description": "Done", "content": content }),
        ),
    };
    let guarded = access != Access::Anyone;
    let posts = *method == Method::POST;
    let changes = *method != Method::GET || content_is_elsewhere;
    for (code, name, applies) in [
        ("400", "Invalid", true),
        ("401", "Unauthorized", guarded || changes),
        ("403", "Forbidden", guarded || changes),
        // Of what is one's own, too: a wallet, for one.
        (
            "404",
            "NotFound",
            changes || route.contains('{') || route.starts_with("/self"),
        ),
        ("409", "Conflict", changes),
        ("413", "TooLarge", has_body),
        ("429", "TooMany", posts),
        ("503", "Unavailable", true),
    ] {
        if applies {
            let reference = format!("#/components/responses/{name}");
            all.insert(code.into(), json!({ "$ref": reference }));
        }
    }
    all
}

fn refusals() -> Value {
    let refusal = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Refusal" });
        json!({ "description": description, "content": { "application/json": { "schema": schema } } })
    };
    json!({
        "Invalid": refusal("The message names the field and the rule that it breaks"),
        "Unauthorized": refusal("Nobody is known by what was sent, or nothing was"),
        "Forbidden": refusal("Who is asking may not do that"),
        "NotFound": refusal("There is no such thing, or none that who is asking may know of"),
        "Conflict": refusal("It does not go with what is there; the message names what"),
        "TooLarge": refusal("The body is larger than 2 MiB"),
        "TooMany": refusal("Too many attempts; `Retry-After` says when to come back"),
        "Unavailable": refusal("The database, or a gateway that it takes, is not there; nothing was done"),
    })
}

fn envelopes() -> Map<String, Value> {
    let envelope = |success: Value| {
        json!({
            "type": "object",
            "properties": { "success": success, "message": { "type": "string" } },
            "required": ["success", "message"],
        })
    };
    Map::from_iter([
        ("Envelope".into(), envelope(json!({ "type": "boolean" }))),
        ("Done".into(), envelope(json!({ "const": true }))),
        ("Refusal".into(), envelope(json!({ "const": false }))),
    ])
}

fn body(heard: &Heard, name: &str, hoisted: &mut Map<String, Value>) -> Option<Value> {
    let part = heard.part()?;
    let required = match &part.shape {
        Shape::Anything => return None,
        Shape::Fields { fields, .. } => fields
            .values()
            .any(|it| it.part().is_some_and(|it| it.required)),
        Shape::List { .. } | Shape::Plain(_) => true,
    };
    drop(part);
    let mut schema = schema(heard, false);
    hoist(&mut schema, name, hoisted);
    Some(json!({
        "required": required,
        "content": { "application/json": { "schema": schema } },
    }))
}

/// Puts large objects among the components, where each stands once.
fn hoist(schema: &mut Value, name: &str, into: &mut Map<String, Value>) {
    if let Some(entries) = schema.get_mut("items") {
        hoist(entries, name, into);
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    for (name, property) in properties.iter_mut() {
        hoist(property, name, into);
    }
    if properties.len() < LARGE {
        return;
    }
    let plain = pascal(name);
    let names =
        std::iter::once(plain.clone()).chain((2..).map(|number| format!("{plain}{number}")));
    for name in names {
        let there = into.entry(name.clone()).or_insert_with(|| schema.clone());
        if there == schema {
            *schema = json!({ "$ref": format!("#/components/schemas/{name}") });
            return;
        }
    }
}

/// `POST group models` → `PostGroupModelsBody`.
fn pascal(name: &str) -> String {
    let words = name.split([' ', '_']).map(|word| {
        let (first, rest) = word.split_at(1);
        format!(
            "{}{}",
            first.to_ascii_uppercase(),
            rest.to_ascii_lowercase()
        )
    });
    format!("{}Body", words.collect::<String>())
}

/// What was heard as a JSON Schema.
fn schema(heard: &Heard, or_null: bool) -> Value {
    let part = heard.part().unwrap();
    let mut schema = match &part.shape {
        Shape::Anything => json!({}),
        Shape::Plain(schema) => schema.clone(),
        Shape::List { entries, max } => json!({
            "type": "array", "items": schema(entries, false), "maxItems": max,
        }),
        Shape::Fields { fields, open } => {
            let required: BTreeSet<_> = fields
                .iter()
                .filter(|(_, field)| field.part().is_some_and(|it| it.required))
                .map(|(name, _)| name)
                .collect();
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(name, field)| (name.clone(), schema(field, !required.contains(name))))
                .collect();
            let mut object = json!({
                "type": "object", "properties": properties, "additionalProperties": open,
            });
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            object
        }
    };
    if or_null {
        if let Some(kind) = schema.get_mut("type") {
            match kind {
                Value::Array(kinds) => kinds.push("null".into()),
                kind => *kind = json!([kind.take(), "null"]),
            }
        }
        if let Some(Value::Array(texts)) = schema.get_mut("enum") {
            texts.push(Value::Null);
        }
    }
    schema
}

/// One of everything, so that there is something to ask about.
struct Scene;

impl Scene {
    const GROUP: &'static str = "sample";

    async fn set(api: &Api) -> Self {
        let channel =
            json!({ "type": 1, "name": "sample", "key": "sk-sample", "models": ["sample"] });
        let service = json!({ "name": "sample", "url": "https://example.com", "secret": "sample" });
        for (path, body) in [
            ("/channel/", channel),
            ("/group/sample", json!({})),
            ("/token/sample", json!({ "name": "sample" })),
            ("/model_config/sample", json!({})),
            ("/group/sample/model_config/sample", json!({})),
            ("/group/sample/wallet", json!({})),
            ("/redemption_codes/", json!({ "amount": 1 })),
            ("/balance_services/", service),
            ("/ip_blacklist/", json!({ "address": "203.0.113.9" })),
        ] {
            api.ok("POST", path, body).await;
        }
        let open = json!({ "value": true });
        api.ok("PUT", "/option/RegistrationEnabled", open).await;
        api.user("sample", "user").await;
        Self
    }

    /// A path to something that is there.
    fn concrete(route: &str) -> String {
        let concrete = route
            .replace("{id}", "1")
            .replace("{type}", "1")
            .replace("{group}", Self::GROUP)
            .replace("{*model}", "sample")
            .replace("{set}", "default")
            .replace("{name}", "RetryTimes");
        assert!(
            !concrete.contains('{'),
            "{route}: say in Scene::concrete what stands for it"
        );
        concrete
    }

    async fn key(&self, api: &Api, access: Access) -> String {
        match access {
            Access::Owners | Access::SignedIn => api.sign_in("sample").await.access,
            Access::Administrators | Access::Readers | Access::Anyone => KEY.to_owned(),
        }
    }
}
