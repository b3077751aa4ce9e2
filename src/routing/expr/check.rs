//! From source to a checked expression: parses with the `cel` crate, resolves names, checks types.

use std::{borrow::Cow, collections::BTreeSet, ops::Range};

use cel::common::ast::{
    CallExpr, ComprehensionExpr, Expr as Ast, IdedExpr, LiteralValue, SelectExpr, SourceInfo, operators,
};
use jiff::SignedDuration;

use super::{
    Comparison, EntityPart, Expr, FIELDS, Kind, Needles, Operator, Pattern, QUEUE_FIELDS, Ty, Val, schema,
    source::Source,
};
use crate::routing::finding::suggest;

/// The longest expression, in bytes.
const MAX_BYTES: usize = 2048;
/// The deepest nesting of brackets and conditions.
const MAX_NESTING: usize = 24;
/// The deepest nesting of operations.
const MAX_DEPTH: usize = 100;

const ROOTS: [&str; 5] = ["message", "conversation", "customer", "queues", "now"];
pub(in crate::routing) const FUNCTIONS: &[&str] = &[
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "size",
    "lowerAscii",
    "any_word",
    "exists",
    "all",
    "filter",
    "has",
    "open",
    "duration",
    "timestamp",
];

/// Something wrong in an expression, at bytes of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::routing) struct Problem {
    pub span: Range<usize>,
    pub message: String,
    pub help: String,
}

/// The names that a rule set defines.
#[derive(Debug, Default)]
pub(in crate::routing) struct Vocabulary {
    /// In the order of [`super::World::calendars`].
    pub calendars: Vec<String>,
    pub queues: BTreeSet<String>,
    pub intents: BTreeSet<String>,
}

/// Checks a condition. Called on a thread with a large stack, because the parser needs one.
pub(in crate::routing) fn compile(
    text: &str,
    vocabulary: &Vocabulary,
    needles: &mut Needles,
) -> Result<Expr, Vec<Problem>> {
    let mut checker = Checker::parse(text, vocabulary, needles)?;
    let ast = std::mem::take(&mut checker.ast);
    let checked = checker.expr(&ast);
    if let Some(expr) = &checked
        && expr.ty != Ty::Bool
    {
        let message = format!("a condition is true or false, and this is {}", expr.ty.name());
        checker.problem(expr.span.clone(), message, "compare it with something");
    }
    match checked {
        Some(expr) if checker.problems.is_empty() => Ok(expr),
        _ => Err(checker.problems),
    }
}

/// Checks the inside of `${…}`: one field that can be written as text.
pub(in crate::routing) fn compile_path(text: &str, vocabulary: &Vocabulary) -> Result<Expr, Vec<Problem>> {
    let mut needles = Needles::default();
    let mut checker = Checker::parse(text, vocabulary, &mut needles)?;
    let ast = std::mem::take(&mut checker.ast);
    let checked = checker.expr(&ast);
    if let Some(expr) = &checked {
        let is_field = matches!(expr.kind, Kind::Field(_) | Kind::Attribute(..) | Kind::Queue(..));
        if !is_field || !(expr.ty.is_text() || expr.ty.is_number() || expr.ty == Ty::Bool) {
            let message = "only one field can stand in ${…}, and it must be a text, a number, or true or false";
            checker.problem(expr.span.clone(), message, "for example ${message.language}");
        }
    }
    match checked {
        Some(expr) if checker.problems.is_empty() => Ok(expr),
        _ => Err(checker.problems),
    }
}

struct Checker<'a> {
    source: Source<'a>,
    info: SourceInfo,
    ast: IdedExpr,
    vocabulary: &'a Vocabulary,
    needles: &'a mut Needles,
    /// The macros' variables in scope, from the outermost.
    variables: Vec<(String, Ty)>,
    depth: usize,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn parse(text: &'a str, vocabulary: &'a Vocabulary, needles: &'a mut Needles) -> Result<Self, Vec<Problem>> {
        let refuse = |span, message: String, help: &str| Err(vec![Problem { span, message, help: help.to_owned() }]);
        let whole = 0..text.len().min(80);
        if text.len() > MAX_BYTES {
            let message = format!("the expression has {} bytes; {MAX_BYTES} are the most", text.len());
            return refuse(whole, message, "split it into several rules, or put words into one any_word([…])");
        }
        let source = Source::new(text);
        if source.nesting() > MAX_NESTING {
            let message = format!("brackets and conditions are nested deeper than {MAX_NESTING}");
            return refuse(whole, message, "split it into several rules");
        }
        if text.trim().is_empty() {
            return refuse(
                whole,
                "the condition is empty".to_owned(),
                "leave out `when` for a rule that always matches",
            );
        }
        match cel::parser::Parser::new().parse_with_source_info(text) {
            Ok((ast, info)) => Ok(Self {
                source,
                info,
                ast,
                vocabulary,
                needles,
                variables: Vec::new(),
                depth: 0,
                problems: Vec::new(),
            }),
            Err(errors) => Err(vec![syntax_problem(&source, &errors)]),
        }
    }

    fn problem(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(Problem { span, message: message.into(), help: help.into() });
    }

    /// Notes a problem where nothing can be returned.
    fn fail(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Option<Expr> {
        self.problem(span, message, help);
        None
    }

    fn expr(&mut self, ast: &IdedExpr) -> Option<Expr> {
        let span = self.span(ast);
        if self.depth == MAX_DEPTH {
            return self.fail(
                span,
                format!("nested deeper than {MAX_DEPTH} operations"),
                "split it into several rules",
            );
        }
        self.depth += 1;
        let checked = self.kind(ast, &span).map(|(kind, ty)| Expr { kind, ty, span });
        self.depth -= 1;
        checked
    }

    fn kind(&mut self, ast: &IdedExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        match &ast.expr {
            Ast::Literal(literal) => match literal_value(literal) {
                Some(value) => Some((Kind::Literal(value.0), value.1)),
                None => self.unsupported(span, "this kind of literal"),
            },
            Ast::Ident(name) => self.name(name, span),
            Ast::Select(select) => self.select(select, span),
            Ast::Call(call) => self.call(call, span),
            Ast::Comprehension(loop_) => self.comprehension(loop_, span),
            Ast::List(_) => self.none(span, "a list can only stand after `in` and in any_word([…])", ""),
            Ast::Map(_) | Ast::Struct(_) => self.unsupported(span, "a map literal"),
            Ast::Unspecified => self.unsupported(span, "this"),
        }
    }

    fn none<T>(&mut self, span: &Range<usize>, message: impl Into<String>, help: impl Into<String>) -> Option<T> {
        self.problem(span.clone(), message, help);
        None
    }

    fn unsupported<T>(&mut self, span: &Range<usize>, what: &str) -> Option<T> {
        let message = format!("{what} is CEL, but not supported in rules");
        self.none(span, message, "docs/rules.md lists what can be used")
    }

    fn name(&mut self, name: &str, span: &Range<usize>) -> Option<(Kind, Ty)> {
        if let Some(depth) = self.variables.iter().rposition(|(variable, _)| variable == name) {
            return Some((Kind::Variable(depth), self.variables[depth].1));
        }
        if ROOTS.contains(&name) {
            let message = format!("`{name}` is a group of fields, not a value");
            return self.none(span, message, group_help(name));
        }
        let known = ROOTS.into_iter().chain(self.variables.iter().map(|(name, _)| name.as_str()));
        let help = suggest(name, known);
        let help = if name.chars().all(char::is_alphanumeric) { format!("{help} A text needs quotes.") } else { help };
        self.none(span, format!("there is no `{name}`"), help)
    }

    fn select(&mut self, select: &SelectExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        let (kind, ty) = self.field(select, span)?;
        if !select.test {
            return Some((kind, ty));
        }
        if !matches!(kind, Kind::Field(_) | Kind::Attribute(..) | Kind::Queue(..)) {
            return self.none(span, "has() asks whether one field is known", "for example has(message.language)");
        }
        let inner = Expr { kind, ty, span: span.clone() };
        Some((Kind::Has(Box::new(inner)), Ty::Bool))
    }

    fn field(&mut self, select: &SelectExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        let Some(path) = path_of(select) else {
            let operand = self.expr(&select.operand)?;
            let message = format!("{} has no field `{}`", operand.ty.name(), select.field);
            return self.none(span, message, "fields belong to message, conversation, customer, queues and now");
        };
        let root = path[0];
        if let Some(depth) = self.variables.iter().rposition(|(variable, _)| variable == root) {
            return self.part_of_variable(depth, &path, span);
        }
        if !ROOTS.contains(&root) {
            return self.name(root, span);
        }
        let dotted = path.join(".");
        if let Some(field) = schema::field(&dotted) {
            return Some((Kind::Field(field), field.ty));
        }
        if let ["conversation" | "customer", "attributes", key] = path[..] {
            let map = schema::field(&format!("{root}.attributes"))?;
            return Some((Kind::Attribute(map, key.to_owned()), Ty::Text));
        }
        if root == "queues" {
            return self.queue_field(&path, span);
        }
        if FIELDS.iter().any(|field| field.path.starts_with(&format!("{dotted}."))) {
            return self.none(span, format!("`{dotted}` is a group of fields, not a value"), group_help(&dotted));
        }
        let help = suggest(&dotted, FIELDS.iter().map(|field| field.path).filter(|path| path.starts_with(root)));
        self.none(span, format!("there is no field `{dotted}`"), help)
    }

    fn part_of_variable(&mut self, depth: usize, path: &[&str], span: &Range<usize>) -> Option<(Kind, Ty)> {
        match (self.variables[depth].1, &path[1..]) {
            (Ty::Entity, ["kind"]) => Some((Kind::PartOfEntity(depth, EntityPart::Kind), Ty::Text)),
            (Ty::Entity, ["text"]) => Some((Kind::PartOfEntity(depth, EntityPart::Text), Ty::Text)),
            (Ty::Entity, _) => {
                self.none(span, format!("an entity has no `{}`", path[1..].join(".")), "it has .kind and .text")
            }
            (ty, _) => self.none(span, format!("`{}` is {} and has no fields", path[0], ty.name()), ""),
        }
    }

    fn queue_field(&mut self, path: &[&str], span: &Range<usize>) -> Option<(Kind, Ty)> {
        let [_, queue, field] = path[..] else {
            return self.none(span, "a queue's fact is queues.<name>.<field>", group_help("queues"));
        };
        if !self.vocabulary.queues.contains(queue) {
            let help = suggest(queue, self.vocabulary.queues.iter().map(String::as_str));
            return self.none(span, format!("there is no queue `{queue}`"), help);
        }
        match QUEUE_FIELDS.iter().find(|known| known.name == field) {
            Some(known) => Some((Kind::Queue(queue.to_owned(), known), known.ty)),
            None => {
                let help = suggest(field, QUEUE_FIELDS.iter().map(|known| known.name));
                self.none(span, format!("a queue has no fact `{field}`"), help)
            }
        }
    }

    fn call(&mut self, call: &CallExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        if let Some(comparison) = comparison(&call.func_name) {
            return self.compare(comparison, &call.args, span);
        }
        if let Some(operator) = operator(&call.func_name) {
            return self.arithmetic(operator, &call.args, span);
        }
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_AND, [a, b]) => Some((Kind::And(self.two(a, b, Ty::Bool)?), Ty::Bool)),
            (operators::LOGICAL_OR, [a, b]) => Some((Kind::Or(self.two(a, b, Ty::Bool)?), Ty::Bool)),
            (operators::LOGICAL_NOT, [a]) => Some((Kind::Not(Box::new(self.typed(a, Ty::Bool)?)), Ty::Bool)),
            (operators::NEGATE, [a]) => {
                let inner = self.expr(a)?;
                if !inner.ty.is_number() {
                    return self.none(span, format!("`-` needs a number, and this is {}", inner.ty.name()), "");
                }
                let ty = inner.ty;
                Some((Kind::Negate(Box::new(inner)), ty))
            }
            (operators::CONDITIONAL, [condition, yes, no]) => self.conditional(condition, yes, no, span),
            (operators::IN, [item, list]) => self.membership(item, list, span),
            (operators::INDEX, [map, key]) => self.index(map, key, span),
            _ => self.function(call, span),
        }
    }

    /// Both of one type; both are checked even when the first is wrong.
    fn two(&mut self, a: &IdedExpr, b: &IdedExpr, ty: Ty) -> Option<Box<[Expr; 2]>> {
        let (a, b) = (self.typed(a, ty), self.typed(b, ty));
        Some(Box::new([a?, b?]))
    }

    fn typed(&mut self, ast: &IdedExpr, ty: Ty) -> Option<Expr> {
        let expr = self.expr(ast)?;
        let fits = expr.ty == ty || ty.is_text() && expr.ty.is_text();
        if fits {
            return Some(expr);
        }
        let message = format!("{} is needed here, and this is {}", ty.name(), expr.ty.name());
        let help = if ty == Ty::Bool { "compare it with something" } else { "" };
        self.fail(expr.span, message, help)
    }

    fn conditional(
        &mut self,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
        span: &Range<usize>,
    ) -> Option<(Kind, Ty)> {
        let (condition, yes, no) = (self.typed(condition, Ty::Bool), self.expr(yes), self.expr(no));
        let (condition, yes, no) = (condition?, yes?, no?);
        let ty = match (yes.ty, no.ty) {
            (a, b) if a == b => a,
            (a, b) if a.is_text() && b.is_text() => Ty::Text,
            (a, b) => {
                let message = format!("`?:` gives {} or {}", a.name(), b.name());
                return self.none(span, message, "both must be of one type");
            }
        };
        Some((Kind::If(Box::new([condition, yes, no])), ty))
    }

    fn compare(&mut self, comparison: Comparison, args: &[IdedExpr], span: &Range<usize>) -> Option<(Kind, Ty)> {
        let [a, b] = args else { return self.unsupported(span, "this comparison") };
        let (a, b) = (self.expr(a), self.expr(b));
        let (a, b) = (a?, b?);
        if matches!(a.ty, Ty::Texts | Ty::Entities | Ty::Entity | Ty::Map) {
            let message = format!("{} cannot be compared", a.ty.name());
            return self.none(&a.span, message, "use `in`, .exists(x, …) or .size()");
        }
        let same = a.ty == b.ty || a.ty.is_text() && b.ty.is_text() || a.ty.is_number() && b.ty.is_number();
        if !same {
            let message = format!("this is {}, and it is compared with {}", b.ty.name(), a.ty.name());
            let help = if a.ty == Ty::Duration { "write a duration as duration(\"5m\")" } else { "" };
            return self.none(&b.span, message, help);
        }
        let ordered = !matches!(comparison, Comparison::Equal | Comparison::Unequal);
        if ordered && (a.ty.is_text() || a.ty == Ty::Bool) {
            let message = format!("{} has no order", a.ty.name());
            return self.none(span, message, "use == or !=, or `in` with a list");
        }
        self.check_word(&a, &b);
        self.check_word(&b, &a);
        Some((Kind::Compare(comparison, Box::new([a, b])), Ty::Bool))
    }

    /// A literal that a field can never have is a mistake.
    fn check_word(&mut self, field: &Expr, value: &Expr) {
        let Kind::Literal(Val::Text(text)) = &value.kind else { return };
        match (&field.kind, field.ty) {
            (_, Ty::Word(words)) if !words.contains(&text.as_ref()) => {
                let help = match text.as_ref() {
                    "unknown" => "what is unknown matches nothing; ask with !has(…)".to_owned(),
                    _ => suggest(text, words.iter().copied()),
                };
                self.problem(value.span.clone(), format!("this is never “{text}”"), help);
            }
            (Kind::Field(known), _)
                if known.path == "message.intent.name" && !self.vocabulary.intents.contains(&**text) =>
            {
                let help = suggest(text, self.vocabulary.intents.iter().map(String::as_str));
                self.problem(value.span.clone(), format!("there is no intent “{text}” in intents.yaml"), help);
            }
            (Kind::Field(known), _)
                if known.path == "conversation.queue" && !self.vocabulary.queues.contains(&**text) =>
            {
                let help = suggest(text, self.vocabulary.queues.iter().map(String::as_str));
                self.problem(value.span.clone(), format!("there is no queue “{text}”"), help);
            }
            (Kind::Field(known), _) if known.path.ends_with(".language") && text.as_ref() == "zh" => {
                let help = format!("write {}.startsWith(\"zh\") for both", known.path);
                self.problem(value.span.clone(), "Chinese is “zh-Hans” or “zh-Hant”, never “zh” alone", help);
            }
            _ => {}
        }
    }

    fn arithmetic(&mut self, operator: Operator, args: &[IdedExpr], span: &Range<usize>) -> Option<(Kind, Ty)> {
        let [a, b] = args else { return self.unsupported(span, "this operation") };
        let (a, b) = (self.expr(a), self.expr(b));
        let (a, b) = (a?, b?);
        let sum = matches!(operator, Operator::Add | Operator::Subtract);
        let ty = match (a.ty, b.ty) {
            (Ty::Int, Ty::Int) => Ty::Int,
            (Ty::Double, Ty::Double) if operator != Operator::Remainder => Ty::Double,
            (Ty::Duration, Ty::Duration) if sum => Ty::Duration,
            (Ty::Time, Ty::Duration) if sum => Ty::Time,
            (Ty::Time, Ty::Time) if operator == Operator::Subtract => Ty::Duration,
            (a, b) if a.is_number() && b.is_number() => {
                let message = "a whole number and a fraction cannot be combined";
                return self.none(
                    span,
                    message,
                    "write whole numbers as 1.0 beside fractions; % takes whole numbers only",
                );
            }
            (a, b) => {
                let message = format!("this operation does not work on {} and {}", a.name(), b.name());
                return self.none(span, message, "");
            }
        };
        Some((Kind::Arithmetic(operator, Box::new([a, b])), ty))
    }

    fn membership(&mut self, item: &IdedExpr, list: &IdedExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        let Ast::List(literals) = &list.expr else {
            let (item, list) = (self.typed(item, Ty::Text), self.expr(list));
            let (item, list) = (item?, list?);
            if !matches!(list.ty, Ty::Texts | Ty::Map) {
                let message = format!("`in` needs a list, and this is {}", list.ty.name());
                return self.none(&list.span, message, "");
            }
            return Some((Kind::In(Box::new([item, list])), Ty::Bool));
        };
        let item = self.expr(item);
        let elements: Vec<Option<Expr>> = literals.elements.iter().map(|element| self.expr(element)).collect();
        let item = item?;
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let element = element?;
            let fits = element.ty == item.ty
                || element.ty.is_text() && item.ty.is_text()
                || element.ty.is_number() && item.ty.is_number();
            let value = match element.kind {
                Kind::Literal(ref value) if fits => value.clone(),
                Kind::Literal(_) => {
                    let message = format!("this is {}, and it is compared with {}", element.ty.name(), item.ty.name());
                    return self.none(&element.span, message, "");
                }
                _ => return self.none(&element.span, "a list after `in` has literals only", "use == and || instead"),
            };
            self.check_word(&item, &element);
            values.push(value);
        }
        if values.is_empty() {
            return self.none(span, "nothing is in an empty list", "");
        }
        Some((Kind::OneOf(Box::new(item), values), Ty::Bool))
    }

    fn index(&mut self, map: &IdedExpr, key: &IdedExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        let map = self.expr(map)?;
        match (&map.kind, literal_text(key)) {
            (Kind::Field(field), Some(key)) if map.ty == Ty::Map => {
                Some((Kind::Attribute(field, key.to_owned()), Ty::Text))
            }
            _ => self.none(
                span,
                "only attributes have […], with a literal key",
                "for example customer.attributes[\"plan\"]",
            ),
        }
    }

    fn function(&mut self, call: &CallExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        let target = call.target.as_deref();
        match (call.func_name.as_str(), target, call.args.as_slice()) {
            ("contains", Some(text), [part]) => self.contains(text, part),
            ("startsWith", Some(text), [part]) => Some((Kind::StartsWith(self.two(text, part, Ty::Text)?), Ty::Bool)),
            ("endsWith", Some(text), [part]) => Some((Kind::EndsWith(self.two(text, part, Ty::Text)?), Ty::Bool)),
            ("matches", Some(text), [pattern]) => self.matches(text, pattern),
            ("any_word", Some(text), [words]) => self.any_word(text, words),
            ("lowerAscii", Some(text), []) => Some((Kind::LowerAscii(Box::new(self.typed(text, Ty::Text)?)), Ty::Text)),
            ("size", Some(of), []) | ("size", None, [of]) => self.size(of, span),
            ("open", None, [calendar]) => self.open(calendar, span),
            ("duration", None, [text]) => match literal_text(text).and_then(parse_duration) {
                Some(duration) => Some((Kind::Literal(Val::Duration(duration)), Ty::Duration)),
                None => self.none(span, "this is not a duration", "write it as duration(\"90s\"), \"5m\" or \"1h30m\""),
            },
            ("timestamp", None, [text]) => match literal_text(text).and_then(|text| text.parse().ok()) {
                Some(time) => Some((Kind::Literal(Val::Time(time)), Ty::Time)),
                None => self.none(span, "this is not a time", "write it as timestamp(\"2026-11-23T09:00:00Z\")"),
            },
            (name, ..) if FUNCTIONS.contains(&name) => {
                self.none(span, format!("{name} is not called like this"), usage(name))
            }
            (name, ..) => {
                let help = suggest(name, FUNCTIONS.iter().copied());
                self.none(span, format!("there is no function `{name}` in rules"), help)
            }
        }
    }

    fn contains(&mut self, text: &IdedExpr, part: &IdedExpr) -> Option<(Kind, Ty)> {
        let pair = self.two(text, part, Ty::Text)?;
        let kind = match (&pair[0].kind, &pair[1].kind) {
            (Kind::Field(field), Kind::Literal(Val::Text(part)))
                if field.path == "message.text" && !part.is_empty() =>
            {
                Kind::TextContains(self.needles.contained(part))
            }
            _ => Kind::Contains(pair),
        };
        Some((kind, Ty::Bool))
    }

    fn matches(&mut self, text: &IdedExpr, pattern: &IdedExpr) -> Option<(Kind, Ty)> {
        let text = self.typed(text, Ty::Text);
        let span = self.span(pattern);
        let Some(source) = literal_text(pattern) else {
            return self.none(
                &span,
                "the pattern must be a literal text",
                "for example matches(\"(?i)order #[0-9]+\")",
            );
        };
        match self.needles.pattern(source) {
            Ok(None) => self.none(
                &span,
                "the regular expressions of all rules are too large together",
                "write any_word([…]), contains or startsWith where they do, and [a-z] for \\w",
            ),
            Ok(Some(regex)) => Some((Kind::Matches(Box::new(text?), Pattern(regex)), Ty::Bool)),
            Err(error) => {
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.none(
                    &span,
                    format!("the regular expression cannot be used: {reason}"),
                    "see the syntax of Rust's regex crate",
                )
            }
        }
    }

    fn any_word(&mut self, text: &IdedExpr, words: &IdedExpr) -> Option<(Kind, Ty)> {
        let text = self.typed(text, Ty::Text);
        let span = self.span(words);
        let literals = match &words.expr {
            Ast::List(list) => list.elements.iter().map(literal_text).collect::<Option<Vec<&str>>>(),
            _ => None,
        };
        let words = match literals {
            Some(words) if !words.is_empty() && words.iter().all(|word| !word.trim().is_empty()) => words,
            _ => {
                return self.none(
                    &span,
                    "any_word needs a list of words",
                    "for example any_word([\"refund\", \"退款\"])",
                );
            }
        };
        let text = text?;
        let kind = match &text.kind {
            Kind::Field(field) if field.path == "message.text" => {
                Kind::TextAnyWord(words.iter().map(|word| self.needles.word(word)).collect())
            }
            _ => Kind::AnyWord(Box::new(text), words.into_iter().map(str::to_owned).collect()),
        };
        Some((kind, Ty::Bool))
    }

    fn size(&mut self, of: &IdedExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        if let Ast::Comprehension(loop_) = &of.expr
            && let Some(("filter", body)) = macro_of(loop_)
        {
            let pair = self.quantified(loop_, body)?;
            return Some((Kind::Count(pair), Ty::Int));
        }
        let of = self.expr(of)?;
        if !(of.ty.is_text() || matches!(of.ty, Ty::Texts | Ty::Entities | Ty::Map)) {
            return self.none(span, format!("{} has no size", of.ty.name()), "size() counts texts and lists");
        }
        Some((Kind::Size(Box::new(of)), Ty::Int))
    }

    fn open(&mut self, calendar: &IdedExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        let Some(name) = literal_text(calendar) else {
            return self.none(span, "open() takes the name of a calendar", "for example open(\"shop\")");
        };
        match self.vocabulary.calendars.iter().position(|known| known == name) {
            Some(index) => Some((Kind::Open(index), Ty::Bool)),
            None => {
                let help = suggest(name, self.vocabulary.calendars.iter().map(String::as_str));
                let span = self.span(calendar);
                self.none(&span, format!("there is no calendar “{name}”"), help)
            }
        }
    }

    fn comprehension(&mut self, loop_: &ComprehensionExpr, span: &Range<usize>) -> Option<(Kind, Ty)> {
        match macro_of(loop_) {
            Some(("exists", body)) => Some((Kind::Exists(self.quantified(loop_, body)?), Ty::Bool)),
            Some(("all", body)) => Some((Kind::All(self.quantified(loop_, body)?), Ty::Bool)),
            Some(("filter", _)) => self.none(span, "filter() can only be counted", "write .filter(x, …).size()"),
            _ => self.unsupported(span, "this macro"),
        }
    }

    fn quantified(&mut self, loop_: &ComprehensionExpr, body: &IdedExpr) -> Option<Box<[Expr; 2]>> {
        let list = self.expr(&loop_.iter_range)?;
        let element = match list.ty {
            Ty::Texts | Ty::Map => Ty::Text,
            Ty::Entities => Ty::Entity,
            ty => return self.none(&list.span, format!("a list is needed here, and this is {}", ty.name()), ""),
        };
        if self.variables.len() == 2 {
            return self.none(&list.span, "macros nest two deep at most", "split it into several rules");
        }
        self.variables.push((loop_.iter_var.clone(), element));
        let body = self.typed(body, Ty::Bool);
        self.variables.pop();
        Some(Box::new([list, body?]))
    }

    fn span(&self, ast: &IdedExpr) -> Range<usize> {
        self.source.balanced(self.hull(ast))
    }

    /// The bytes from the first to the last token of an expression, perhaps without outer brackets.
    fn hull(&self, ast: &IdedExpr) -> Range<usize> {
        let token = self.info.offset_for(ast.id).map_or(0..0, |(start, stop)| start as usize..stop as usize + 1);
        let end = self.source.text.len();
        let token = token.start.min(end)..token.end.min(end);
        match &ast.expr {
            Ast::Select(select) => {
                let operand = self.hull(&select.operand);
                let after = self.source.through(operand.end, b'.');
                operand.start..self.source.name_after(after)
            }
            Ast::Call(call) => {
                let parts = call.target.as_deref().into_iter().chain(&call.args);
                let hulls: Vec<Range<usize>> = parts.map(|part| self.hull(part)).collect();
                let named = call.func_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                    && !call.func_name.starts_with('_');
                let start = hulls.iter().map(|hull| hull.start).min().unwrap_or(token.start);
                let stop = hulls.iter().map(|hull| hull.end).max().unwrap_or(token.end);
                match call.target {
                    None if named => {
                        self.source.name_before(token.start)..self.source.through(stop.max(token.end), b')')
                    }
                    Some(_) => start..self.source.through(stop.max(token.end), b')'),
                    None if call.func_name == operators::INDEX => start..self.source.through(stop, b']'),
                    None => start.min(token.start)..stop.max(token.end),
                }
            }
            Ast::List(list) => {
                let last = list.elements.last().map_or(token.end, |element| self.hull(element).end);
                token.start..self.source.through(last, b']')
            }
            Ast::Comprehension(loop_) => {
                let range = self.hull(&loop_.iter_range);
                let body = macro_of(loop_).map_or(range.end, |(_, body)| self.hull(body).end);
                range.start..self.source.through(body.max(token.end), b')')
            }
            _ => token,
        }
    }
}

fn syntax_problem(source: &Source<'_>, errors: &cel::ParseErrors) -> Problem {
    let first = errors.errors.first();
    let at = first.map_or(0, |error| source.byte_at(error.pos.0, error.pos.1));
    let said = first.map_or("", |error| error.msg.as_str()).lines().next().unwrap_or_default();
    let said: String = said.chars().take(160).collect();
    let width = source.text[at..].chars().next().map_or(0, char::len_utf8);
    let bytes = source.text.as_bytes();
    let single = (0..bytes.len())
        .find(|&i| bytes[i] == b'=' && bytes.get(i + 1) != Some(&b'=') && (i == 0 || !b"=!<>".contains(&bytes[i - 1])));
    let help = match single {
        Some(_) => "equality is written ==",
        None if source.text.contains(" and ") || source.text.contains(" or ") => {
            "“and” is written &&, “or” is written ||"
        }
        None => "conditions are written in CEL; docs/rules.md shows how",
    };
    Problem { span: at..at + width, message: format!("the condition cannot be read: {said}"), help: help.to_owned() }
}

fn path_of(select: &SelectExpr) -> Option<Vec<&str>> {
    let mut path = vec![select.field.as_str()];
    let mut at = &select.operand.expr;
    loop {
        match at {
            Ast::Ident(name) => {
                path.push(name);
                path.reverse();
                return Some(path);
            }
            Ast::Select(inner) if !inner.test => {
                path.push(&inner.field);
                at = &inner.operand.expr;
            }
            _ => return None,
        }
    }
}

fn group_help(group: &str) -> String {
    let fields: BTreeSet<&str> = FIELDS
        .iter()
        .filter_map(|field| field.path.strip_prefix(group)?.strip_prefix('.'))
        .map(|rest| rest.split('.').next().unwrap_or(rest))
        .collect();
    if group == "queues" {
        let names: Vec<&str> = QUEUE_FIELDS.iter().map(|field| field.name).collect();
        return format!("for example queues.care.waiting; a queue has: {}", names.join(", "));
    }
    format!("it has: {}", fields.into_iter().collect::<Vec<_>>().join(", "))
}

fn usage(name: &str) -> &'static str {
    match name {
        "contains" | "startsWith" | "endsWith" => "write it as message.text.contains(\"order\")",
        "matches" => "write it as message.text.matches(\"order #[0-9]+\")",
        "lowerAscii" => "write it as message.text.lowerAscii()",
        "any_word" => "write it as message.text.any_word([\"refund\", \"退款\"])",
        "size" => "write it as message.topics.size()",
        "open" => "write it as open(\"shop\")",
        "duration" => "write it as duration(\"5m\")",
        "timestamp" => "write it as timestamp(\"2026-11-23T09:00:00Z\")",
        "has" => "write it as has(message.language)",
        _ => "write it as conversation.tags.exists(tag, tag == \"vip\")",
    }
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::Unequal,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::AtMost,
        operators::GREATER => Comparison::More,
        operators::GREATER_EQUALS => Comparison::AtLeast,
        _ => return None,
    })
}

fn operator(name: &str) -> Option<Operator> {
    Some(match name {
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Remainder,
        _ => return None,
    })
}

fn literal_value(literal: &LiteralValue) -> Option<(Val<'static>, Ty)> {
    Some(match literal {
        LiteralValue::Boolean(value) => (Val::Bool(*value.inner()), Ty::Bool),
        LiteralValue::Int(value) => (Val::Int(*value.inner()), Ty::Int),
        LiteralValue::Double(value) => (Val::Double(*value.inner()), Ty::Double),
        LiteralValue::String(value) => (Val::Text(Cow::Owned(value.inner().to_owned())), Ty::Text),
        LiteralValue::Bytes(_) | LiteralValue::Null | LiteralValue::UInt(_) => return None,
    })
}

fn literal_text(ast: &IdedExpr) -> Option<&str> {
    match &ast.expr {
        Ast::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// Which macro a comprehension was written as, and its body.
fn macro_of(loop_: &ComprehensionExpr) -> Option<(&'static str, &IdedExpr)> {
    if loop_.iter_var2.is_some() {
        return None;
    }
    let Ast::Call(step) = &loop_.loop_step.expr else { return None };
    let literal = match &loop_.accu_init.expr {
        Ast::Literal(LiteralValue::Boolean(value)) => Some(*value.inner()),
        _ => None,
    };
    match (step.func_name.as_str(), step.args.as_slice(), literal) {
        (operators::LOGICAL_OR, [_, body], Some(false)) => Some(("exists", body)),
        (operators::LOGICAL_AND, [_, body], Some(true)) => Some(("all", body)),
        (operators::CONDITIONAL, [body, kept, _], None) => {
            let Ast::Call(append) = &kept.expr else { return None };
            let Some(Ast::List(list)) = append.args.get(1).map(|list| &list.expr) else { return None };
            let keeps = matches!(list.elements.as_slice(), [IdedExpr { expr: Ast::Ident(name), .. }] if *name == loop_.iter_var);
            keeps.then_some(("filter", body))
        }
        _ => None,
    }
}

/// Reads a duration as CEL writes it: `90s`, `5m`, `1h30m`, `1.5h`.
fn parse_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let (seconds, width) = match unit.as_bytes() {
            [b'm', b's', ..] => (0.001, 2),
            [b'h', ..] => (3600.0, 1),
            [b'm', ..] => (60.0, 1),
            [b's', ..] => (1.0, 1),
            _ => return None,
        };
        total += number * seconds;
        rest = &unit[width..];
    }
    SignedDuration::try_from_secs_f64(if negative { -total } else { total }).ok()
}
