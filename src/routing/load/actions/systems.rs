//! `systems:` of an action file: where calls may go, and how they are made there.

use std::ops::Range;

use url::Url;

use super::{NO_NAMES, Names, Reader};
use crate::{
    actions::{Speaks, System},
    calls::Reach,
    routing::{
        load::{read, rules::first_line},
        yaml::Node,
    },
};

/// In seconds: how long a call may take, and where the file does not say it.
const TIMEOUT: std::ops::RangeInclusive<u64> = 1..=30;
const USUAL_TIMEOUT: u64 = 5;
/// How many calls of a system are under way at once, where the file does not say it.
const USUAL_AT_ONCE: i64 = 16;

impl Reader<'_, '_> {
    pub(super) fn system(&mut self, name: &str, at: &Range<usize>, node: &Node) -> Option<System> {
        let known = ["url", "mcp", "private", "headers", "timeout", "at_once", "per_second"];
        let fields = read::fields(node, "a system", &known, self.notes)?;
        let private = fields.get("private").and_then(|node| read::boolean(node, "`private`", self.notes));
        let reach = if private == Some(true) { Reach::Private } else { Reach::Public };
        let (speaks, url) = self.spoken_to(at, fields, reach)?;
        let secret = Names { also: &["secret"], ..NO_NAMES };
        let headers = fields.get("headers").map(|node| self.templates(node, "headers", secret)).unwrap_or_default();
        if let (Speaks::Program(_), Some(node)) = (&speaks, fields.get("headers").or(fields.get("private"))) {
            let help = "the configuration says what a program gets, in actions.mcp";
            self.notes.error(&first_line(node), "a program has no network and no headers", help);
        }
        let timeout = fields.get("timeout").and_then(|node| {
            let seconds = read::seconds(node, "`timeout`", self.notes)?;
            if !TIMEOUT.contains(&seconds) {
                self.notes.error(&node.span, "a call takes from 1s to 30s", "");
            }
            Some(seconds)
        });
        let mut number = |name: &str, most: i64| {
            let node = fields.get(name)?;
            read::whole(node, name, 1..=most, self.notes).and_then(|number| u32::try_from(number).ok())
        };
        Some(System {
            name: name.to_owned(),
            url,
            reach,
            headers,
            timeout: timeout.unwrap_or(USUAL_TIMEOUT) * 1000,
            at_once: number("at_once", 1000).unwrap_or(USUAL_AT_ONCE as u32),
            per_second: number("per_second", 100_000),
            speaks,
        })
    }

    /// How a system is spoken to, and where it is.
    fn spoken_to(&mut self, at: &Range<usize>, fields: read::Fields<'_>, reach: Reach) -> Option<(Speaks, Url)> {
        let (speaks, url) = match (fields.get("url"), fields.get("mcp")) {
            (Some(url), None) => (Speaks::Http, url),
            (None, Some(mcp)) => {
                let of_mcp = read::fields(mcp, "`mcp`", &["url", "program"], self.notes)?;
                match (of_mcp.get("url"), of_mcp.get("program")) {
                    (Some(url), None) => (Speaks::Mcp, url),
                    (None, Some(program)) => {
                        let name = read::name(program, "a program", self.notes)?;
                        return Some((Speaks::Program(name.to_owned()), Url::parse(&format!("mcp:{name}")).ok()?));
                    }
                    _ => {
                        let help =
                            "write `mcp: {url: …}`, or `mcp: {program: …}` for one that the configuration declares";
                        self.notes.error(&first_line(mcp), "an MCP server has a URL or is a program", help);
                        return None;
                    }
                }
            }
            (Some(url), Some(_)) => {
                self.notes.error(&url.span, "a system has a URL or speaks MCP", "write `mcp: {url: …}`");
                return None;
            }
            (None, None) => {
                self.notes.error(at, "a system needs a URL", "write `url: https://shop.example/api`");
                return None;
            }
        };
        self.url(url, reach).map(|url| (speaks, url))
    }

    fn url(&mut self, url_node: &Node, reach: Reach) -> Option<Url> {
        let url = read::text(url_node, "a URL", self.notes)?;
        let parsed = Url::parse(url).map_err(|error| error.to_string()).and_then(|url| match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                Err("names and passwords go into `headers`, as secrets".to_owned())
            }
            _ if url.query().is_some() || url.fragment().is_some() => {
                Err("it ends before the question mark".to_owned())
            }
            "https" => reach.check(&url).map(|()| url),
            "http" if reach == Reach::Private => reach.check(&url).map(|()| url),
            "http" => {
                Err("http is read by anyone on the way: use https, or `private: true` for your own network".to_owned())
            }
            _ => Err("it begins with https://".to_owned()),
        });
        match parsed {
            Ok(url) => Some(url),
            Err(why) => {
                self.notes.error(&url_node.span, format!("this is not a system's URL: {why}"), "");
                None
            }
        }
    }
}
