//! The document, put together.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::Map;

use super::super::*;
use super::answers::{envelopes, refusals, responses};
use super::scene::Scene;
use super::schemas::{body, schema};
use super::{comments, explore};
use crate::admin::Access;
use crate::admin::heard::Shape;
use crate::admin::methods::Operation;

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
    definitions.extend(params::shapes().map(|(name, shape)| (name.to_owned(), shape)));
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
    let tagged = super::super::super::versions::thing(route).is_some();
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
