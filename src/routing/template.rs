//! What is said to customers without an agent: templates by language.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
};

use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

use super::rule::{RuleSet, Titles};

/// The work that one template may do, in minijinja's instructions.
const FUEL: u64 = 20_000;
/// The longest text that comes out, in bytes.
const MAX_OUTPUT: usize = 16 * 1024;

/// The variables that a template can use.
pub(super) const VARIABLES: &[&str] = &[
    "customer.name",
    "queue.name",
    "queue.title",
    "position",
    "estimated_wait",
    "conversation.id",
    "ticket",
    "ticket_url",
    "message.text",
    "message.language",
    "language",
];

/// What a template can speak of. What is `None` is empty in the text and false in `{% if … %}`.
#[derive(Debug, Clone, Copy, Default)]
pub struct TemplateContext<'a> {
    /// `customer.name`.
    pub customer_name: Option<&'a str>,
    /// `queue.name` and `queue.title`, by the queue's name.
    pub queue: Option<&'a str>,
    /// `position` in the queue, from 1.
    pub position: Option<u64>,
    /// `estimated_wait`: given in seconds, written in whole minutes, rounded up.
    pub estimated_wait: Option<u64>,
    /// `conversation.id`.
    pub conversation: Option<&'a str>,
    /// `ticket`: its number, as people write it.
    pub ticket: Option<&'a str>,
    /// `ticket_url`: where its page is.
    pub ticket_url: Option<&'a str>,
    /// `message.text`.
    pub message_text: Option<&'a str>,
}

/// The compiled templates.
#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
    /// The languages of each template.
    languages: BTreeMap<String, Vec<String>>,
    /// Those that say the same to everybody.
    plain: HashMap<String, String>,
}

/// Where texts of admins are compiled: plain text comes out, after so much work at most.
pub(crate) fn bounded_environment(undefined: UndefinedBehavior, fuel: u64) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(undefined);
    environment.set_fuel(Some(fuel));
    environment.set_recursion_limit(20);
    environment
}

impl Default for Templates {
    fn default() -> Self {
        let environment = bounded_environment(UndefinedBehavior::Lenient, FUEL);
        Self { environment, languages: BTreeMap::new(), plain: HashMap::new() }
    }
}

impl Templates {
    /// Compiles one text of one template.
    pub(super) fn add(&mut self, name: &str, language: &str, source: &str) -> Result<(), minijinja::Error> {
        self.languages.entry(name.to_owned()).or_default().push(language.to_owned());
        if !source.contains('{') && source.len() <= MAX_OUTPUT {
            self.plain.insert(key(name, language), source.trim().to_owned());
        }
        self.environment.add_template_owned(key(name, language), source.to_owned())
    }

    /// The variables of a template that no context has.
    pub(super) fn unknown_variables(&self, name: &str, language: &str) -> Vec<String> {
        let Ok(template) = self.environment.get_template(&key(name, language)) else { return Vec::new() };
        let known =
            |variable: &str| VARIABLES.contains(&variable) || matches!(variable, "range" | "dict" | "namespace");
        let mut unknown: Vec<String> =
            template.undeclared_variables(true).into_iter().filter(|variable| !known(variable)).collect();
        unknown.sort_unstable();
        unknown
    }

    /// Renders with every variable filled and with none, to see that it can.
    pub(super) fn try_out(&self, name: &str, language: &str) -> Result<(), minijinja::Error> {
        let template = self.environment.get_template(&key(name, language))?;
        let full = TemplateContext {
            customer_name: Some("Li Wei"),
            queue: Some("care"),
            position: Some(3),
            estimated_wait: Some(240),
            conversation: Some("cnv_01kaq3v9d4qfw"),
            ticket: Some("#10023"),
            ticket_url: Some("https://chat.example.com/t/01kaq3v9d4qfw0123456789abcdef01234567"),
            message_text: Some("Where is my order? 我的订单在哪里？"),
        };
        for context in [full, TemplateContext::default()] {
            template.render_captured_to(values(&context, &Titles::new(), language), &mut Bounded::default())?;
        }
        Ok(())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// Which of a template's languages serves a customer of `language`.
    pub(super) fn language<'t>(&'t self, name: &str, language: &str, default: &str) -> Option<&'t str> {
        nearest_language(self.languages.get(name)?, language, default)
    }
}

impl RuleSet {
    /// The names of the templates, in their order.
    pub fn templates(&self) -> impl Iterator<Item = &str> {
        self.templates.names()
    }

    /// The text of a template in the language nearest to `language`, at most 16 KiB, trimmed.
    ///
    /// A template that the set does not have gives an empty text; no rule of the set can name one.
    #[must_use]
    pub fn render(&self, template: &str, language: Option<&str>, context: &TemplateContext<'_>) -> String {
        let default = self.default_language();
        let Some(language) = self.templates.language(template, language.unwrap_or(default), default) else {
            return String::new();
        };
        let key = key(template, language);
        if let Some(text) = self.templates.plain.get(&key) {
            return text.clone();
        }
        let mut out = Bounded::default();
        let empty = Titles::new();
        let titles = context.queue.and_then(|queue| self.queues.get(queue)).map_or(&empty, |queue| &queue.title);
        if let Ok(compiled) = self.templates.environment.get_template(&key) {
            // A text that runs out of fuel or room is cut there: what was said so far was checked at load.
            let _ = compiled.render_captured_to(values(context, titles, language), &mut out);
        }
        out.text().trim().to_owned()
    }
}

fn key(name: &str, language: &str) -> String {
    format!("{name}/{language}")
}

fn values(given: &TemplateContext<'_>, titles: &Titles, language: &str) -> Value {
    let title = title(titles, language).or(given.queue);
    context! {
        customer => context! { name => given.customer_name },
        queue => context! { name => given.queue, title => title },
        position => given.position,
        estimated_wait => given.estimated_wait.map(|seconds| seconds.div_ceil(60).max(1)),
        conversation => context! { id => given.conversation },
        ticket => given.ticket,
        ticket_url => given.ticket_url,
        message => context! { text => given.message_text, language => language },
        language => language,
    }
}

/// The title in the language nearest to `language`, or any.
pub(crate) fn title<'t>(titles: &'t Titles, language: &str) -> Option<&'t str> {
    let languages: Vec<String> = titles.keys().cloned().collect();
    let nearest = nearest_language(&languages, language, "en").and_then(|nearest| titles.get(nearest));
    nearest.or_else(|| titles.values().next()).map(String::as_str)
}

/// The language of `have` for someone who reads `wanted`: the same; for Chinese the other script; the same without
/// script and region; any of the same family; `default`.
pub(crate) fn nearest_language<'h>(have: &'h [String], wanted: &str, default: &str) -> Option<&'h str> {
    let find = |language: &str| have.iter().find(|known| known.eq_ignore_ascii_case(language)).map(String::as_str);
    let primary = |language: &'_ str| language.split('-').next().unwrap_or_default().to_ascii_lowercase();
    let script = match wanted {
        "zh-TW" | "zh-HK" | "zh-MO" => Some("zh-Hant"),
        _ if primary(wanted) == "zh" => Some("zh-Hans"),
        _ => None,
    };
    let family = || have.iter().find(|known| primary(known) == primary(wanted)).map(String::as_str);
    find(wanted)
        .or_else(|| script.and_then(find))
        .or_else(|| find(&primary(wanted)))
        .or_else(family)
        .or_else(|| find(default))
        .or_else(|| have.iter().find(|known| primary(known) == primary(default)).map(String::as_str))
}

/// A text that stops growing.
#[derive(Debug, Default)]
pub(crate) struct Bounded(Vec<u8>);

impl Bounded {
    /// What is whole of it.
    pub(crate) fn text(&self) -> &str {
        self.0.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_OUTPUT.saturating_sub(self.0.len()).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Err(io::Error::other("the text is too long"));
        }
        self.0.extend_from_slice(&bytes[..room]);
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_for_every_reader() {
        for (have, wanted, found) in [
            (&["en", "zh-Hans", "zh-Hant"][..], "zh-Hant", Some("zh-Hant")),
            (&["en", "zh-Hans"], "zh-Hant", Some("zh-Hans")),
            (&["en", "zh-Hans", "zh-Hant"], "zh-TW", Some("zh-Hant")),
            (&["en", "zh"], "zh-Hant", Some("zh")),
            (&["en", "zh-Hant"], "zh-Hans", Some("zh-Hant")),
            (&["en", "pt"], "pt-BR", Some("pt")),
            (&["en", "pt-BR"], "pt", Some("pt-BR")),
            (&["zh", "en"], "fi", Some("en")),
            (&["zh"], "fi", None),
        ] {
            let have: Vec<String> = have.iter().map(|language| (*language).to_owned()).collect();
            assert_eq!(nearest_language(&have, wanted, "en"), found, "{wanted} of {have:?}");
        }
    }

    #[test]
    fn a_template_cannot_run_away() {
        let mut templates = Templates::default();
        for (name, source) in [
            ("fuel", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
            ("length", "{% for a in range(2000) %}0123456789012345678901234567890{% endfor %}"),
            ("repeat", "{{ 'x' * 999999999999 }}"),
        ] {
            templates.add(name, "en", source).unwrap();
            assert!(templates.try_out(name, "en").is_err(), "{name}");
        }
        templates.add("html", "en", "{{ message.text }}").unwrap();
        assert!(templates.try_out("html", "en").is_ok());
    }
}
