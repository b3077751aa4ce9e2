//! What is named in a message: order numbers, email addresses, phone numbers, links. Regular expressions of linear
//! time over the part of the message that is looked at.

use std::sync::LazyLock;

use regex::Regex;

use super::Entity;

/// The most entities of one message.
const MOST: usize = 20;

/// In order of preference: what an earlier one takes, a later one does not see.
static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    [
        ("url", r#"(?i)(?-u:\b)(?:https?://|www\.)([^\s<>"'\x{3000}-\x{303f}\x{4e00}-\x{9fff}\x{ff00}-\x{ffef}]+)"#, 0, &[':', 'w', 'W'][..]),
        ("email", r"(?i-u:[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+)", 0, &['@']),
        (
            "order",
            r"(?i)(?:(?-u:\b)order(?:\s+(?:number|no\.?|id|nr\.?))?|订单(?:号码|编号|号)?|訂單(?:號碼|編號|號)?|单号|單號)\s*(?:is|是|为|為)?\s*[:：#＃]?\s*#?([a-z]{0,5}-?[0-9][a-z0-9-]{3,29})",
            1,
            &[],
        ),
        ("order", r"#([0-9]{4,12})(?-u:\b)", 1, &['#']),
        ("order", r"(?-u:\b)([A-Z]{2,4}-?[0-9]{5,12})(?-u:\b)", 1, &[]),
        ("phone", r"(?:\+|(?-u:\b)00)[1-9](?:[ .()-]{0,2}[0-9]){7,14}", 0, &[]),
        ("phone", r"(?-u:\b)1[3-9][0-9](?:[ -]?[0-9]{4}){2}(?-u:\b)", 0, &[]),
        ("phone", r"(?:\(0?[0-9]{2,4}\)|(?-u:\b)0?[0-9]{2,4})[ .-][0-9]{3,4}[ .-][0-9]{4}(?-u:\b)", 0, &[]),
    ]
    .into_iter()
    .filter_map(|(kind, regex, group, needs)| Some(Pattern { kind, regex: Regex::new(regex).ok()?, group, needs }))
    .collect()
});

struct Pattern {
    kind: &'static str,
    regex: Regex,
    group: usize,
    /// One of these must stand in the text for the pattern to be tried; none: a digit.
    needs: &'static [char],
}

/// The entities of a text in the order in which they stand there, each once.
pub(super) fn find(text: &str) -> Vec<Entity> {
    let digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let mut found: Vec<(usize, usize, Entity)> = Vec::new();
    for pattern in PATTERNS.iter() {
        if if pattern.needs.is_empty() { !digits } else { !text.contains(pattern.needs) } {
            continue;
        }
        for captures in pattern.regex.captures_iter(text).take(MOST) {
            let Some(part) = captures.get(pattern.group) else { continue };
            let whole = part.as_str();
            let text = if pattern.kind == "url" {
                whole.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}'])
            } else {
                whole
            };
            let span = (part.start(), part.start() + text.len());
            let taken = found.iter().any(|(start, end, entity)| {
                (span.0 < *end && *start < span.1) || (entity.kind == pattern.kind && entity.text == text)
            });
            if !taken && found.len() < MOST {
                found.push((span.0, span.1, Entity { kind: pattern.kind.to_owned(), text: text.to_owned() }));
            }
        }
    }
    found.sort_by_key(|(start, ..)| *start);
    found.into_iter().map(|(.., entity)| entity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_named_is_found() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("Where is order #10423?", &[("order", "10423")]),
            ("my order number is AB-20391-X and", &[("order", "AB-20391-X")]),
            ("订单号：2024051299887766，还没到", &[("order", "2024051299887766")]),
            ("訂單編號 SW88123 不見了", &[("order", "SW88123")]),
            ("SW-100234 arrived broken", &[("order", "SW-100234")]),
            ("write to Li.Wei@Example.com.", &[("email", "Li.Wei@Example.com")]),
            ("我的手机13800138000，邮箱li@example.cn", &[("phone", "13800138000"), ("email", "li@example.cn")]),
            ("call +44 20 7946 0958 today", &[("phone", "+44 20 7946 0958")]),
            ("or (415) 555-0134", &[("phone", "(415) 555-0134")]),
            ("see https://shop.example/a?b=1).", &[("url", "https://shop.example/a?b=1")]),
            ("看这个https://shop.example/x，不对", &[("url", "https://shop.example/x")]),
            ("I ordered 2 shirts on 2024-05-01 for 1999", &[]),
            ("order status please", &[]),
        ];
        assert_eq!(PATTERNS.len(), 8, "a pattern does not compile");
        for (text, expected) in cases {
            let found = find(text);
            let found: Vec<_> = found.iter().map(|entity| (entity.kind.as_str(), entity.text.as_str())).collect();
            assert_eq!(found, *expected, "{text}");
        }
    }

    #[test]
    fn entities_are_bounded_and_named_once() {
        let many: String = (10_000..10_100).map(|n| format!("#{n} ")).collect();
        assert_eq!(find(&many).len(), MOST);
        assert_eq!(find("#12345 #12345").len(), 1);
    }
}
