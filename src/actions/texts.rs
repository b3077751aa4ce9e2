//! The texts and expressions of action files, compiled: minijinja, with what an action can speak of.

use std::collections::BTreeMap;

use jiff::{
    Zoned,
    fmt::temporal::Pieces,
    tz::{Offset, TimeZone},
};
use minijinja::{Environment, Error, UndefinedBehavior, Value};
use serde_json::Value as Json;

use crate::routing::{Bounded, bounded_environment, nearest_language};

/// The work that one text or expression may do, in minijinja's instructions.
const FUEL: u64 = 50_000;

/// What a text or expression can name, and after the dot what is checked against the file.
pub(crate) const ROOTS: &[&str] = &[
    "inputs",
    "outputs",
    "status",
    "body",
    "failure",
    "item",
    "customer",
    "conversation",
    "message",
    "ticket",
    "language",
    "now",
];

/// A text in several languages.
#[derive(Debug, Clone, PartialEq)]
pub struct Say {
    name: String,
    languages: Vec<String>,
}

/// A text in no language: a header, a part of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(String);

/// An expression: `body.items[0].price * 2`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression(String);

impl Expression {
    /// As the file says it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0
    }
}

/// What texts and expressions were compiled to.
#[derive(Debug)]
pub(crate) struct Texts {
    environment: Environment<'static>,
    count: usize,
}

impl Default for Texts {
    fn default() -> Self {
        let mut environment = bounded_environment(UndefinedBehavior::Chainable, FUEL);
        environment.add_filter("money", money);
        environment.add_filter("when", when);
        environment.add_filter("said_in", said_in);
        Self { environment, count: 0 }
    }
}

impl Texts {
    pub fn template(&mut self, source: &str) -> Result<Template, Error> {
        self.count += 1;
        let name = self.count.to_string();
        self.environment.add_template_owned(name.clone(), source.to_owned())?;
        Ok(Template(name))
    }

    pub fn say(&mut self, texts: &BTreeMap<String, String>) -> Result<Say, (String, Error)> {
        self.count += 1;
        let say = Say { name: self.count.to_string(), languages: texts.keys().cloned().collect() };
        for (language, text) in texts {
            self.environment
                .add_template_owned(format!("{}/{language}", say.name), text.clone())
                .map_err(|error| (language.clone(), error))?;
        }
        Ok(say)
    }

    pub fn expression(&self, source: &str) -> Result<Expression, Error> {
        self.environment.compile_expression(source)?;
        Ok(Expression(source.to_owned()))
    }

    /// What a template names: `inputs.order`, `now`.
    pub fn names_of(&self, template: &Template) -> Vec<String> {
        let found = self.environment.get_template(&template.0);
        found.map(|template| sorted(template.undeclared_variables(true))).unwrap_or_default()
    }

    pub fn names_of_say(&self, say: &Say, language: &str) -> Vec<String> {
        self.names_of(&Template(format!("{}/{language}", say.name)))
    }

    pub fn names_of_expression(&self, expression: &Expression) -> Vec<String> {
        let found = self.environment.compile_expression(&expression.0);
        found.map(|expression| sorted(expression.undeclared_variables(true))).unwrap_or_default()
    }

    /// The text; where a part of it cannot be said, why.
    pub fn fill(&self, template: &Template, context: &Value) -> Result<String, String> {
        self.filled(&template.0, context)
    }

    /// The text in the language nearest to one. What cannot be said is left out.
    pub fn say_in(&self, say: &Say, language: &str, default: &str, context: &Value) -> String {
        let nearest = nearest_language(&say.languages, language, default).or(say.languages.first().map(String::as_str));
        let Some(nearest) = nearest else { return String::new() };
        let text = self.filled(&format!("{}/{nearest}", say.name), context).unwrap_or_default();
        text.trim().to_owned()
    }

    /// The value; what is not there is null.
    pub fn value(&self, expression: &Expression, context: &Value) -> Result<Json, String> {
        let compiled = self.environment.compile_expression(&expression.0).map_err(|error| error.to_string())?;
        let value = compiled.eval(context).map_err(|error| error.to_string())?;
        serde_json::to_value(value).map_err(|error| error.to_string())
    }

    /// Whether a condition holds; one that cannot be computed does not.
    pub fn holds(&self, expression: &Expression, context: &Value) -> bool {
        let compiled = self.environment.compile_expression(&expression.0);
        compiled.and_then(|compiled| compiled.eval(context)).is_ok_and(|value| value.is_true())
    }

    fn filled(&self, name: &str, context: &Value) -> Result<String, String> {
        let mut out = Bounded::default();
        let template = self.environment.get_template(name).map_err(|error| error.to_string())?;
        template.render_captured_to(context, &mut out).map_err(|error| error.to_string())?;
        Ok(out.text().to_owned())
    }
}

/// What serde can write, for texts and expressions.
/// A moment as expressions and systems have it: RFC 3339, with the offset of the business.
pub(crate) fn instant(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

pub(crate) fn value_of<T: serde::Serialize>(value: T) -> Value {
    Value::from(minijinja::value::Serde(value))
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    names.sort_unstable();
    names
}

/// An amount in hundredths of a currency's unit, as people write it: `1250 | money("CNY")` is `¥12.50`.
fn money(amount: i64, currency: &str) -> String {
    let (sign, cents) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    let (whole, part) = (cents / 100, cents % 100);
    match currency {
        "CNY" => format!("{sign}¥{whole}.{part:02}"),
        "EUR" => format!("{sign}€{whole}.{part:02}"),
        "GBP" => format!("{sign}£{whole}.{part:02}"),
        "USD" => format!("{sign}${whole}.{part:02}"),
        other => format!("{sign}{whole}.{part:02} {other}"),
    }
}

/// Of texts by language the one that serves a reader of a language: `body.title | said_in(language)`.
fn said_in(texts: Value, language: &str) -> Result<Value, Error> {
    let languages: Vec<String> = texts.try_iter()?.filter_map(|tag| Some(tag.as_str()?.to_owned())).collect();
    let nearest = nearest_language(&languages, language, "en").or(languages.first().map(String::as_str));
    nearest.map_or(Ok(Value::UNDEFINED), |nearest| texts.get_attr(nearest))
}

/// An instant or a day as people read it: `inputs.start | when(language)`, `Thu 3 Dec, 15:00`, `12月3日 周四 15:00`. The time of
/// day is that of the instant's own offset. What is neither stays as it is.
pub(crate) fn when(value: String, language: &str) -> String {
    const DAYS: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];
    let zoned = value.parse::<jiff::Timestamp>().ok().and_then(|instant| {
        let offset = Pieces::parse(&value).ok()?.to_numeric_offset().unwrap_or(Offset::UTC);
        Some(instant.to_zoned(TimeZone::fixed(offset)))
    });
    let chinese = language.starts_with("zh");
    let day = |date: jiff::civil::Date| {
        let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        match chinese {
            true => format!("{}月{}日 周{}", date.month(), date.day(), DAYS[weekday]),
            false => date.strftime("%a %-d %b").to_string(),
        }
    };
    match (zoned, value.parse::<jiff::civil::Date>()) {
        (Some(zoned), _) => {
            let comma = if chinese { " " } else { ", " };
            format!("{}{comma}{}", day(zoned.date()), zoned.time().strftime("%H:%M"))
        }
        (None, Ok(date)) => day(date),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn amounts_and_moments_are_written_as_people_read_them() {
        let mut texts = Texts::default();
        for (source, expected) in [
            ("{{ 1250 | money('CNY') }}", "¥12.50"),
            ("{{ -5 | money('JPY') }}", "-0.05 JPY"),
            ("{{ '2026-12-03T15:00:00+08:00' | when('en') }}", "Thu 3 Dec, 15:00"),
            ("{{ '2026-12-03T15:00:00+08:00' | when('zh-Hans') }}", "12月3日 周四 15:00"),
            ("{{ '2026-12-03' | when('zh') }}", "12月3日 周四"),
            ("{{ 'soon' | when('en') }}", "soon"),
        ] {
            let template = texts.template(source).unwrap();
            assert_eq!(texts.fill(&template, &context! {}).unwrap(), expected, "{source}");
        }
    }

    #[test]
    fn what_is_not_there_is_nothing_and_no_error() {
        let texts = Texts::default();
        let value = |source: &str| {
            let expression = texts.expression(source).unwrap();
            texts.value(&expression, &context! { body => context! { items => vec![1, 2] } }).unwrap()
        };
        assert_eq!(value("body.items[1]"), 2);
        assert_eq!(value("body.a.b.c"), Json::Null);
        assert!(texts.expression("body.").is_err());
    }
}
