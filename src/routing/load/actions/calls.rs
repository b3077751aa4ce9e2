//! `call:` of an action, or of the choices of an input.

use std::sync::Arc;

use super::{Names, Reader};
use crate::{
    actions::{Call, Speaks, System},
    routing::{
        finding::suggest,
        load::{read, rules::first_line},
        yaml::{Node, Value},
    },
};

/// What a path can be asked by.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

impl Reader<'_, '_> {
    pub(super) fn call(&mut self, node: &Node, names: Names<'_>) -> Option<Call> {
        let own = ["system", "query", "headers", "body", "tool", "arguments", "effect", "idempotent", "cache"];
        let known = [&own[..], &METHODS].concat();
        let fields = read::fields(node, "a call", &known, self.notes)?;
        let mut truth = |name: &str| fields.get(name).and_then(|node| read::boolean(node, name, self.notes));
        let (effect, idempotent) = (truth("effect"), truth("idempotent"));
        let (system, call) = self.asked_of(node, fields, names)?;
        let effect = effect.unwrap_or(call.method != "GET");
        let cache = fields.get("cache").and_then(|node| {
            let seconds = read::seconds(node, "`cache`", self.notes)?;
            if effect {
                self.notes.error(&node.span, "what changes something is not remembered", "take it out");
            }
            Some(seconds)
        });
        // HTTP has a header for it, and of a tool nobody knows.
        let idempotent = idempotent.unwrap_or(call.tool.is_none());
        Some(Call { system, effect, idempotent, cache: cache.unwrap_or(0), ..call })
    }

    /// Whom a call asks, and for what: a path by a method, or a tool.
    fn asked_of(&mut self, node: &Node, fields: read::Fields<'_>, names: Names<'_>) -> Option<(Arc<System>, Call)> {
        let mut methods = METHODS.iter().chain(&["tool"]).filter_map(|method| Some((*method, fields.get(method)?)));
        let (Some(system), Some((method, asked))) = (fields.get("system"), methods.next()) else {
            let help = "write `call: {system: shop, get: \"/orders/{{ inputs.order }}\"}`, or `tool:` of an MCP server";
            self.notes.error(&first_line(node), "a call needs a system, and a method with its path", help);
            return None;
        };
        if let Some((_, other)) = methods.next() {
            self.notes.error(&other.span, "a call has one method", format!("take it out, or `{method}`"));
        }
        let name = read::text(system, "a system", self.notes)?;
        let Some(system) = self.actions.systems.get(name).cloned() else {
            let help = suggest(name, self.actions.systems.keys().map(String::as_str));
            self.notes.error(&system.span, format!("there is no system “{name}”"), help);
            return None;
        };
        let speaks_mcp = system.speaks != Speaks::Http;
        if speaks_mcp != (method == "tool") {
            let (message, help) = match speaks_mcp {
                true => (format!("“{name}” speaks MCP"), "name the `tool` that is called, with its `arguments`"),
                false => {
                    (format!("“{name}” has no tools"), "tools are of systems with `mcp:`; name a method with its path")
                }
            };
            self.notes.error(&asked.span, message, help);
            return None;
        }
        let (of_http, of_tools) = (["query", "headers", "body"], ["arguments"]);
        for other in if speaks_mcp { &of_http[..] } else { &of_tools[..] } {
            if let Some(node) = fields.get(other) {
                let message = format!("a {} has no `{other}`", if speaks_mcp { "tool" } else { "request" });
                self.notes.error(
                    &first_line(node),
                    message,
                    "what a tool takes are its `arguments`; a request has a `body`",
                );
            }
        }
        let call = Call {
            system: Arc::clone(&system),
            method: method.to_ascii_uppercase(),
            path: Vec::new(),
            query: fields.get("query").map(|node| self.templates(node, "query", names)).unwrap_or_default(),
            headers: fields.get("headers").map(|node| self.templates(node, "headers", names)).unwrap_or_default(),
            body: fields.get("body").or(fields.get("arguments")).and_then(|node| self.shape(node, names)),
            tool: None,
            effect: true,
            idempotent: true,
            cache: 0,
        };
        if speaks_mcp {
            if let Some(node) = fields.get("arguments").filter(|node| !matches!(node.value, Value::Map(_))) {
                self.notes.error(
                    &node.span,
                    "`arguments` is a mapping",
                    "write `arguments: {city: \"{{ inputs.city }}\"}`",
                );
            }
            let tool = read::line(asked, "a tool", self.notes)?.to_owned();
            return Some((system, Call { tool: Some(tool), ..call }));
        }
        let text = read::text(asked, "a path", self.notes)?;
        if !text.starts_with('/') || text.contains(['?', '#', '\\']) {
            let help = "it begins with “/”, and what follows a question mark goes into `query:`";
            self.notes.error(&asked.span, "this is no path", help);
            return None;
        }
        let path = segments(text).iter().filter_map(|part| self.template_of(asked, part, names)).collect();
        Some((system, Call { path, ..call }))
    }
}

/// The parts of a path between its slashes; a slash within `{{ … }}` is none.
fn segments(path: &str) -> Vec<String> {
    let (mut parts, mut inside, mut before) = (vec![String::new()], 0_u32, ' ');
    for c in path.chars().skip(1) {
        match (before, c) {
            ('{', '{') => inside += 1,
            ('}', '}') => inside = inside.saturating_sub(1),
            _ => {}
        }
        match c {
            '/' if inside == 0 => parts.push(String::new()),
            c => parts.last_mut().into_iter().for_each(|part| part.push(c)),
        }
        before = c;
    }
    parts.retain(|part| !part.is_empty());
    parts
}
