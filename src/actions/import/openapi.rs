//! One operation of an OpenAPI document, 3.0 or 3.1, as an action.

use serde_json::{Map, Value as Json};
use url::{Host, Url};

use super::{
    Refused, Wish,
    draft::{Call, Draft, Reached},
    names::{dashed, plain, spoken},
    schema::{Reader, word},
};
use crate::{calls::Reach, routing::suggest};

/// What calls can be made with.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// Headers that calls have by themselves, or that the system's own are for.
const OWN_HEADERS: [&str; 4] = ["accept", "content-type", "authorization", "idempotency-key"];
/// The deepest nesting and the most values of a document.
const DEEPEST: usize = 120;
const MOST_VALUES: usize = 2_000_000;

/// The text of an action file for an operation: by its `operationId`, or as `GET /orders/{id}`. The document is JSON or YAML.
///
/// # Errors
/// It cannot be read, is none of OpenAPI 3, or has no such operation; in words, with what to do.
pub fn openapi(text: &str, operation: &str, wish: &Wish<'_>) -> Result<String, Refused> {
    let document = read(text)?;
    let found = find(&document, operation)?;
    let mut reader = Reader::new(&document, wish.optional);
    let draft = found.draft(&document, &mut reader, wish);
    reader.is_bounded()?;
    Ok(Draft { inputs: reader.inputs, notes: [draft.notes.clone(), reader.notes].concat(), ..draft }.written())
}

fn read(text: &str) -> Result<Json, Refused> {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let read = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_nodes: MOST_VALUES,
                max_events: 2 * MOST_VALUES,
                max_depth: DEEPEST,
                flow_nesting_limit: DEEPEST,
                max_documents: 1,
            },
        };
        serde_saphyr::from_str_with_options::<Json>(text, options).map_err(|error| error.without_snippet().to_string())
    };
    let document = read.map_err(|why| Refused::new(format!("this cannot be read: {why}"), "it is JSON or YAML"))?;
    match document.get("openapi").and_then(Json::as_str) {
        Some(version) if version.starts_with("3.") => Ok(document),
        Some(version) => Err(Refused::new(format!("this is OpenAPI {}", plain(version)), "3.0 and 3.1 can be read")),
        None if document.get("swagger").is_some() => {
            Err(Refused::new("this is Swagger 2", "convert it to OpenAPI 3.0 first: editors for OpenAPI can do that"))
        }
        None => Err(Refused::new("this is no OpenAPI document", "it has `openapi: 3.0.3` or 3.1.0 in it")),
    }
}

/// An operation where it stands.
struct Found<'d> {
    method: &'static str,
    path: &'d str,
    /// What it says.
    operation: &'d Map<String, Json>,
    /// What is said for all operations of the path.
    beside: &'d Json,
}

fn find<'d>(document: &'d Json, wanted: &str) -> Result<Found<'d>, Refused> {
    let mut all: Vec<(String, Found<'d>)> = Vec::new();
    let mut reader = Reader::new(document, false);
    for (path, item) in document.get("paths").and_then(Json::as_object).into_iter().flatten() {
        let beside = reader.resolved(item);
        for method in METHODS {
            let Some(operation) = beside.get(method).and_then(Json::as_object) else { continue };
            let place = format!("{} {path}", method.to_ascii_uppercase());
            let id = operation.get("operationId").and_then(Json::as_str);
            let found = Found { method, path, operation, beside };
            if id == Some(wanted) || place.eq_ignore_ascii_case(wanted.trim()) {
                return Ok(found);
            }
            all.push((id.map_or(place, str::to_owned), found));
        }
    }
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    if names.is_empty() {
        return Err(Refused::new(
            "the document has no operation that can be called",
            "its `paths` have get, post, put, patch or delete",
        ));
    }
    Err(Refused::new(format!("there is no operation “{}”", plain(wanted)), suggest(wanted, names)))
}

impl<'d> Found<'d> {
    fn text(&self, key: &str) -> String {
        plain(self.operation.get(key).and_then(Json::as_str).unwrap_or_default())
    }

    fn draft(&self, document: &'d Json, reader: &mut Reader<'d>, wish: &Wish<'_>) -> Draft {
        let of = plain(document.pointer("/info/title").and_then(Json::as_str).unwrap_or_default());
        let system = wish.system.map_or_else(|| dashed(&of, "api"), str::to_owned);
        let place = format!("{} {}", self.method.to_ascii_uppercase(), self.path);
        let id = self.operation.get("operationId").and_then(Json::as_str).unwrap_or(&place);
        let action = dashed(id, "action");
        let [summary, description] = ["summary", "description"].map(|key| self.text(key));
        let title = if summary.is_empty() { spoken(id) } else { summary.trim_end_matches('.').to_owned() };
        let title = if title.is_empty() { action.clone() } else { title };
        let call = self.call(reader);
        let answer = self.answer(reader);
        let outputs = answer.map(|schema| reader.outputs(schema)).unwrap_or_default();
        let may_lack =
            self.path.contains('{') || self.operation.get("responses").is_some_and(|all| all.get("404").is_some());
        let mut notes = Vec::new();
        let reached =
            (!wish.declared.contains(&system.as_str())).then(|| self.reached(document, &system, reader, &mut notes));
        let source = if of.is_empty() { place } else { format!("{place} of “{of}”") };
        Draft {
            source,
            system,
            reached,
            action,
            title,
            about: description,
            call,
            outputs,
            may_lack,
            notes,
            inputs: Vec::new(),
        }
    }

    /// The parameters of the operation, and those of the path that it does not say otherwise.
    fn parameters(&self, reader: &mut Reader<'d>) -> Vec<&'d Json> {
        let mut found: Vec<&'d Json> = Vec::new();
        let own = self.operation.get("parameters");
        for parameter in [own, self.beside.get("parameters")].into_iter().flatten().filter_map(Json::as_array).flatten()
        {
            let parameter = reader.resolved(parameter);
            let same = |other: &&Json| ["name", "in"].iter().all(|key| other.get(key) == parameter.get(key));
            let is_named = parameter.get("name").and_then(Json::as_str).is_some_and(|name| !name.trim().is_empty());
            if is_named && !found.iter().any(same) {
                found.push(parameter);
            }
        }
        found
    }

    fn call(&self, reader: &mut Reader<'d>) -> Call {
        let (mut query, mut headers, mut left, mut in_path) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for parameter in self.parameters(reader) {
            let name = parameter.get("name").and_then(Json::as_str).unwrap_or_default();
            let place = parameter.get("in").and_then(Json::as_str).unwrap_or_default();
            if place == "header" && OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
                continue;
            }
            let content = || parameter.get("content")?.as_object()?.values().next()?.get("schema");
            let schema = parameter.get("schema").or_else(content).cloned().unwrap_or(Json::Null);
            let schema = reader.flat(&schema, 0);
            let needed = place == "path" || parameter.get("required") == Some(&Json::Bool(true));
            let default = schema.get("default").or_else(|| schema.get("const")).and_then(word);
            let value = match default.filter(|_| !needed && !reader.wants_optional()) {
                Some(default) if !default.contains(['{', '}']) => default,
                _ if !needed && !reader.wants_optional() => {
                    left.push(plain(name));
                    continue;
                }
                _ => format!("{{{{ inputs.{} }}}}", reader.input(name, &schema, parameter.get("example")).0),
            };
            match place {
                "path" => in_path.push((name.to_owned(), value)),
                "query" => query.push((name.to_owned(), value)),
                "header" => headers.push((name.to_owned(), value)),
                _ => reader.note(format!("“{}” goes into a cookie, which calls do not send", plain(name))),
            }
        }
        if !left.is_empty() {
            reader.note(format!("left out, because it may be: {} (`--optional` asks for it too)", left.join(", ")));
        }
        let path = self.filled(&mut in_path, reader);
        let body = self.body(reader);
        Call::Http { method: self.method.to_owned(), path, query, headers, body }
    }

    /// The path, with inputs where it has names in braces.
    fn filled(&self, known: &mut Vec<(String, String)>, reader: &mut Reader<'d>) -> String {
        let (mut path, mut rest) = (String::new(), self.path.split(['?', '#']).next().unwrap_or_default());
        while let Some((before, (name, after))) =
            rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
        {
            path.push_str(&plainly(before));
            let value = match known.iter().find(|(known, _)| known == name) {
                Some((_, value)) => value.clone(),
                None => {
                    let value = format!("{{{{ inputs.{} }}}}", reader.input(name, &Map::new(), None).0);
                    known.push((name.to_owned(), value.clone()));
                    value
                }
            };
            path.push_str(&value);
            rest = after;
        }
        path.push_str(&plainly(rest));
        if path.starts_with('/') { path } else { format!("/{path}") }
    }

    fn body(&self, reader: &mut Reader<'d>) -> Option<super::draft::Shape> {
        let body = reader.resolved(self.operation.get("requestBody")?);
        let content = body.get("content")?.as_object()?;
        match json_of(content) {
            Some(schema) => reader.shape("body", schema, 0),
            None => {
                let types: Vec<String> = content.keys().map(|name| plain(name)).collect();
                reader.note(format!("it takes {}, and calls send JSON", types.join(", ")));
                None
            }
        }
    }

    /// The schema of what a success answers.
    fn answer(&self, reader: &mut Reader<'d>) -> Option<&'d Json> {
        let responses = self.operation.get("responses")?.as_object()?;
        let mut codes: Vec<&String> = responses.keys().filter(|code| code.starts_with('2')).collect();
        codes.sort_unstable();
        let code = codes.first().map_or("default", |code| code.as_str());
        let response = reader.resolved(responses.get(code)?);
        json_of(response.get("content")?.as_object()?)
    }

    /// How the system is reached, from its servers and its ways to log in.
    fn reached(&self, document: &'d Json, system: &str, reader: &mut Reader<'d>, notes: &mut Vec<String>) -> Reached {
        let listed = |of: Option<&'d Json>| of?.get("servers")?.as_array()?.first();
        let own = self.operation.get("servers").and_then(|servers| servers.as_array()?.first());
        let server = own.or_else(|| listed(Some(self.beside))).or_else(|| listed(Some(document)));
        let lines = url_lines(server, notes);
        let security = self.operation.get("security").or_else(|| document.get("security"));
        let first = security.and_then(|security| security.get(0)?.as_object());
        let secret = dashed(system, "api").replace('-', "_");
        let mut headers = Vec::new();
        for name in first.into_iter().flat_map(Map::keys) {
            let Some(scheme) = document.pointer("/components/securitySchemes").and_then(|all| all.get(name)) else {
                continue;
            };
            let scheme = reader.resolved(scheme);
            let says = |key: &str| scheme.get(key).and_then(Json::as_str).unwrap_or_default();
            let value = format!("{{{{ secret.{secret} }}}}");
            match (says("type"), says("scheme").to_ascii_lowercase().as_str(), says("in")) {
                ("apiKey", _, "header") => headers.push((says("name").to_owned(), value)),
                ("http", "basic", _) => {
                    notes.push(format!("the secret `{secret}` is the base64 of name:password"));
                    headers.push(("authorization".to_owned(), format!("Basic {value}")));
                }
                ("http" | "oauth2" | "openIdConnect", ..) => {
                    headers.push(("authorization".to_owned(), format!("Bearer {value}")));
                }
                _ => notes.push(format!("it logs in by “{}”, which calls cannot: ask for a header", plain(name))),
            }
        }
        headers.retain(|(name, _)| !name.trim().is_empty());
        if !headers.is_empty() {
            notes
                .push(format!("put the secret into a file `{secret}` of the folder that actions.secrets_folder names"));
        }
        Reached { lines, headers }
    }
}

/// The schema of the JSON that a content can be.
fn json_of(content: &Map<String, Json>) -> Option<&Json> {
    let is_json = |name: &&String| {
        let name = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        name == "application/json" || name.ends_with("+json") || name == "*/*"
    };
    content.iter().find(|(name, _)| is_json(name)).and_then(|(_, media)| media.get("schema"))
}

/// `url:`, and `private:` where it is on this machine or near it.
fn url_lines(server: Option<&Json>, notes: &mut Vec<String>) -> Vec<String> {
    const UNKNOWN: &str = "https://api.example.com";
    let mut said = server.and_then(|server| server.get("url")?.as_str()).unwrap_or_default().to_owned();
    for (name, variable) in server.and_then(|server| server.get("variables")?.as_object()).into_iter().flatten() {
        let default = variable.get("default").and_then(word).unwrap_or_default();
        said = said.replace(&format!("{{{name}}}"), &default);
    }
    let mut unknown = |path: &str| {
        notes.push(format!("the document does not say where it is: write the URL in place of {UNKNOWN}"));
        let path = if path.starts_with('/') && !path.contains(['{', '}', '?', '#', ' ']) { path } else { "" };
        vec![format!("url: {}", Json::from(format!("{UNKNOWN}{}", plain(path).trim_end_matches('/'))))]
    };
    let Ok(mut url) = Url::parse(&said) else { return unknown(&said) };
    let is_web = matches!(url.scheme(), "http" | "https");
    if !is_web || Reach::Private.check(&url).is_err() || said.contains(['{', '}']) {
        return unknown("");
    }
    url.set_query(None);
    url.set_fragment(None);
    let _ = (url.set_username(""), url.set_password(None));
    let near = match url.host() {
        Some(Host::Domain(name)) => {
            !name.contains('.') || [".local", ".internal", ".localhost"].iter().any(|end| name.ends_with(end))
        }
        _ => Reach::Public.check(&url).is_err(),
    };
    if url.scheme() == "http" && !near {
        let _ = url.set_scheme("https");
        notes.push("the document says http; calls over the internet are https".to_owned());
    }
    let line = format!("url: {}", Json::from(url.as_str().trim_end_matches('/')));
    if near { vec![line, "private: true".to_owned()] } else { vec![line] }
}

/// A part of a path that no text of Jinja begins in.
fn plainly(text: &str) -> String {
    text.replace('\\', "/").replace('{', "%7B").replace('}', "%7D")
}
