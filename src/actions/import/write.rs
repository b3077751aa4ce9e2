//! A draft as the text of a file. All texts are quoted as JSON quotes them, which YAML reads as they are.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    draft::{Call, Draft, Input, Kind, Shape},
    names::is_chinese,
};

/// What marks the places that a person has to look at.
const MARK: &str = "# TODO:";

impl Draft {
    /// The text of the file.
    pub(super) fn written(&self) -> String {
        let mut out = String::new();
        let _ = writeln!(
            out,
            "# A first version, made from {}. Look at every {MARK:?}, then add tests.",
            one_line(&self.source)
        );
        for note in &self.notes {
            let _ = writeln!(out, "{MARK} {}", one_line(note));
        }
        if let Some(reached) = &self.reached {
            let _ = writeln!(out, "\nsystems:\n  {}:", self.system);
            reached.lines.iter().for_each(|line| _ = writeln!(out, "    {line}"));
            if !reached.headers.is_empty() {
                let _ = writeln!(out, "    headers:");
                reached
                    .headers
                    .iter()
                    .for_each(|(name, value)| _ = writeln!(out, "      {}: {}", quoted(name), quoted(value)));
            }
        }
        let _ = writeln!(out, "\nactions:\n  {}:", self.action);
        self.titles(&mut out);
        if !self.inputs.is_empty() {
            out.push_str("    inputs:\n");
            self.inputs.iter().for_each(|input| input.write(&mut out));
        }
        if self.call.effect() {
            self.confirm(&mut out);
        }
        self.call.write(&self.system, &mut out);
        self.outputs(&mut out);
        self.outcomes(&mut out);
        out
    }

    fn titles(&self, out: &mut String) {
        let _ = writeln!(out, "    {MARK} say it in every language of yours");
        let _ = writeln!(out, "    title: {{en: {0}, zh: {0}}}", quoted(&self.title));
        if !self.about.is_empty() {
            let _ = writeln!(out, "    about: {{en: {0}, zh: {0}}}", quoted(&self.about));
        }
        let _ = writeln!(out, "    {MARK} `known` or `verified`, where it is about a customer's own affairs");
        out.push_str("    identity: none\n");
    }

    fn confirm(&self, out: &mut String) {
        let named = |colon: &str| {
            let each = self.inputs.iter().map(|input| format!("{}{colon}{{{{ inputs.{} }}}}", input.title, input.name));
            each.collect::<Vec<_>>()
        };
        let (english, chinese) = (named(" "), named(" "));
        let [en, zh] = if english.is_empty() {
            [format!("Shall I do this: {}?", self.title), format!("确认要办理“{}”吗？", self.title)]
        } else {
            [
                format!("Shall I do this: {} ({})?", self.title, english.join(", ")),
                format!("确认要办理“{}”吗（{}）？", self.title, chinese.join("，")),
            ]
        };
        let _ = writeln!(out, "    {MARK} what the customer has to say yes to");
        let _ = writeln!(out, "    confirm:\n      en: {}\n      zh: {}", quoted(&en), quoted(&zh));
    }

    fn outputs(&self, out: &mut String) {
        if self.outputs.is_empty() {
            return;
        }
        out.push_str("    outputs:\n");
        for output in &self.outputs {
            let optional = if output.optional { ", optional: true" } else { "" };
            let _ = writeln!(
                out,
                "      {}: {{from: {}, type: {}{optional}}}",
                output.name,
                quoted(&output.from),
                output.kind
            );
        }
    }

    fn outcomes(&self, out: &mut String) {
        out.push_str("    outcomes:\n");
        if self.may_lack {
            let _ = writeln!(out, "      {MARK} what is said where there is no such thing");
            out.push_str("      - when: status == 404\n        say:\n");
            let _ = writeln!(out, "          en: \"I cannot find that.\"\n          zh: \"没有找到。\"");
            if let Some(first) = self.inputs.first() {
                let _ = writeln!(out, "        ask: {}", first.name);
            }
        }
        let said: Vec<_> =
            self.outputs.iter().filter(|output| matches!(output.kind, "text" | "number")).take(3).collect();
        let values: Vec<String> = said.iter().map(|output| format!("{{{{ outputs.{} }}}}", output.name)).collect();
        let [en, zh] = match values.is_empty() {
            true => [format!("Done: {}.", self.title), format!("已办好：{}。", self.title)],
            false => {
                [format!("{}: {}", self.title, values.join(", ")), format!("{}：{}", self.title, values.join("，"))]
            }
        };
        let _ = writeln!(out, "      {MARK} what the customer is told");
        let _ = writeln!(out, "      - say:\n          en: {}\n          zh: {}", quoted(&en), quoted(&zh));
    }
}

impl Input {
    fn write(&self, out: &mut String) {
        let _ = writeln!(out, "      {}:", self.name);
        let _ = writeln!(out, "        title: {{en: {0}, zh: {0}}}", quoted(&self.title));
        let kind = match &self.kind {
            Kind::Text { .. } | Kind::Choice(_) => None,
            Kind::Number => Some("number"),
            Kind::Email => Some("email"),
            Kind::Phone => Some("phone"),
            Kind::Date => Some("date"),
            Kind::Moment => Some("moment"),
        };
        kind.into_iter().for_each(|kind| _ = writeln!(out, "        type: {kind}"));
        match &self.kind {
            Kind::Text { pattern: Some(pattern) } => _ = writeln!(out, "        pattern: {}", quoted(pattern)),
            Kind::Choice(choices) => {
                out.push_str("        choices:\n");
                for (value, [en, zh]) in choices {
                    let _ = writeln!(out, "          {}: {{en: {}, zh: {}}}", quoted(value), quoted(en), quoted(zh));
                }
            }
            _ => {}
        }
        let example = self.example.as_ref();
        let [for_en, for_zh] = [("For example ", "."), ("例如：", "。")]
            .map(|(before, after)| example.map(|example| format!("{before}{example}{after}")).unwrap_or_default());
        let [en, zh] = match &self.kind {
            Kind::Choice(_) => [format!("Which {}?", self.title), format!("请选择{}。", spaced(&self.title))],
            _ => [
                format!("What is the {}? {for_en}", self.title),
                format!("请问{}是什么？{for_zh}", spaced(&self.title)),
            ],
        };
        let _ = writeln!(out, "        {MARK} the question");
        let _ = writeln!(out, "        ask:\n          en: {}\n          zh: {}", quoted(en.trim()), quoted(zh.trim()));
    }
}

impl Call {
    fn write(&self, system: &str, out: &mut String) {
        let _ = writeln!(out, "    call:\n      system: {system}");
        match self {
            Self::Http { method, path, query, headers, body } => {
                let _ = writeln!(out, "      {method}: {}", quoted(path));
                for (what, pairs) in [("query", query), ("headers", headers)] {
                    if !pairs.is_empty() {
                        let _ = writeln!(out, "      {what}:");
                        pairs
                            .iter()
                            .for_each(|(name, value)| _ = writeln!(out, "        {}: {}", quoted(name), quoted(value)));
                    }
                }
                body.iter().for_each(|body| _ = writeln!(out, "      body: {}", body.flow()));
            }
            Self::Tool { name, arguments, effect, idempotent } => {
                let _ = writeln!(out, "      tool: {}\n      arguments: {}", quoted(name), arguments.flow());
                let _ =
                    writeln!(out, "      {MARK} whether it changes something, and does it once when it hears it twice");
                let _ = writeln!(out, "      effect: {effect}\n      idempotent: {idempotent}");
            }
        }
    }
}

impl Shape {
    /// On one line.
    fn flow(&self) -> String {
        match self {
            Self::Value(expression) => quoted(&format!("{{{{ {expression} }}}}")),
            Self::Plain(Json::String(text)) => quoted(text),
            Self::Plain(value) => value.to_string(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::flow).collect::<Vec<_>>().join(", ")),
            Self::Object(fields) => {
                let each = fields.iter().map(|(name, shape)| format!("{}: {}", quoted(name), shape.flow()));
                format!("{{{}}}", each.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// As a word within Chinese: Latin words stand apart.
fn spaced(title: &str) -> String {
    if is_chinese(title) { title.to_owned() } else { format!(" {title} ") }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Quoted; without what cannot be printed, which YAML does not take.
fn quoted(text: &str) -> String {
    let printed: String =
        text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')).collect();
    Json::from(printed).to_string()
}
