//! What is named in a message: order and tracking numbers, addresses, phone numbers, money, dates, links. Regular
//! expressions of linear time over the part of the message that is looked at.

use regex::{Regex, RegexSet};

use crate::signals::Entity;

/// The most entities of one message.
const MOST: usize = 20;

/// In order of preference: what an earlier one takes, a later one does not see. The group is the entity itself.
const BUILT_IN: [(&str, &str, usize); 13] = [
    ("url", r#"(?i)(?:https?://|(?-u:\b)www\.)([^\s<>"'\x{3000}-\x{303f}\x{4e00}-\x{9fff}\x{ff00}-\x{ffef}]+)"#, 0),
    ("email", r"(?i-u:[a-z0-9][a-z0-9._%+-]*@[a-z0-9-]+(?:\.[a-z0-9-]+)+)", 0),
    (
        "tracking",
        r"(?i)(?:(?-u:\b)tracking(?:\s+(?:number|no\.?|id|code))?|运单(?:号码|编号|号)?|快递单?号|物流单?号|運單號碼?)\s*(?:is|是|为)?\s*[:：#]?\s*([a-z0-9]{8,30})(?-u:\b)",
        1,
    ),
    // UPS, the Universal Postal Union's S10, SF Express, YTO, JD.
    (
        "tracking",
        r"(?-u:\b)(1Z[0-9A-Z]{16}|[A-Z]{2}[0-9]{9}[A-Z]{2}|SF[0-9]{12,15}|YT[0-9]{13}|JD[A-Z]{0,2}[0-9]{10,15})(?-u:\b)",
        1,
    ),
    (
        "order",
        r"(?i)(?:(?-u:\b)order(?:\s+(?:number|no\.?|id|nr\.?))?|订单(?:号码|编号|号)?|訂單(?:號碼|編號|號)?|单号|單號)\s*(?:is|是|为|為)?\s*[:：#＃]?\s*#?([a-z]{0,5}-?[0-9][a-z0-9-]{3,29})",
        1,
    ),
    ("order", r"#([0-9]{4,12})(?-u:\b)", 1),
    ("date", r"(?-u:\b)(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{2,4})(?-u:\b)", 0),
    ("date", r"(?:[0-9]{4}年)?[0-9]{1,2}月[0-9]{1,2}[日号號]", 0),
    (
        "date",
        r"(?i-u:\b(?:[0-9]{1,2}(?:st|nd|rd|th)?\s+)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\.?\s+[0-9]{1,2}(?:st|nd|rd|th)?(?:,?\s+[0-9]{4})?\b)",
        0,
    ),
    (
        "money",
        r"(?i)(?:[$€£¥￥₹]\s?[0-9][0-9.,]*[0-9]|[$€£¥￥₹]\s?[0-9]|(?-u:\b)[0-9][0-9.,]*\s?(?:元|块钱?|塊錢?|€|£|(?:usd|eur|gbp|cny|rmb|dollars?|euros?|pounds?|bucks)(?-u:\b)))",
        0,
    ),
    ("order", r"(?-u:\b)([A-Z]{2,4}-?[0-9]{5,12})(?-u:\b)", 1),
    ("phone", r"(?:\+|(?-u:\b)00)[1-9](?:[ .()-]{0,2}[0-9]){7,14}", 0),
    (
        "phone",
        r"(?-u:\b)1[3-9][0-9](?:[ -]?[0-9]{4}){2}(?-u:\b)|(?:\(0?[0-9]{2,4}\)|(?-u:\b)0?[0-9]{2,4})[ .-][0-9]{3,4}[ .-][0-9]{4}(?-u:\b)",
        0,
    ),
];

/// Finds entities.
#[derive(Debug, Clone)]
pub struct Patterns {
    /// One look tells which patterns are worth a search.
    any: RegexSet,
    patterns: Vec<(String, Regex, usize)>,
}

impl Patterns {
    /// Only the built-in ones.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test uses them")]
    pub fn built_in() -> Self {
        Self::new(&[]).expect("the built-in patterns are right")
    }

    /// Those of the business, each a kind and a regular expression, before the built-in ones. The first group of an
    /// expression, if it has one, is the entity.
    ///
    /// # Errors
    /// The number of the expression that cannot be used, and why.
    pub fn new(own: &[(String, String)]) -> Result<Self, (usize, String)> {
        let mut patterns = Vec::new();
        for (number, (kind, pattern)) in own.iter().enumerate() {
            let regex = Regex::new(pattern).map_err(|error| (number, error.to_string()))?;
            let group = usize::from(regex.captures_len() > 1);
            patterns.push((kind.clone(), regex, group));
        }
        for (kind, pattern, group) in BUILT_IN {
            let regex = Regex::new(pattern).map_err(|error| (own.len(), error.to_string()))?;
            patterns.push((kind.to_owned(), regex, group));
        }
        let all = patterns.iter().map(|(_, regex, _)| regex.as_str());
        let any = RegexSet::new(all).map_err(|error| (own.len(), error.to_string()))?;
        Ok(Self { any, patterns })
    }

    /// The entities of a text in the order in which they stand there, each once.
    #[must_use]
    pub fn find(&self, text: &str) -> Vec<Entity> {
        let built_in_only = self.patterns.len() == BUILT_IN.len();
        if built_in_only && !may_name(text) {
            return Vec::new();
        }
        let mut found: Vec<(usize, usize, Entity)> = Vec::new();
        for number in self.any.matches(text) {
            let (kind, regex, group) = &self.patterns[number];
            for whole in regex.find_iter(text).take(MOST) {
                let part = if *group == 0 {
                    Some(whole)
                } else {
                    regex.captures_at(text, whole.start()).and_then(|captures| captures.get(*group))
                };
                let Some(part) = part else { continue };
                let word = match kind.as_str() {
                    "url" => part.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '}']),
                    "money" => part.as_str().trim_end_matches(['.', ',']),
                    _ => part.as_str(),
                };
                let (start, end) = (part.start(), part.start() + word.len());
                let taken = found.iter().any(|(from, to, entity)| {
                    (start < *to && *from < end) || (entity.kind == *kind && entity.text == word)
                });
                if !taken && found.len() < MOST {
                    found.push((start, end, Entity { kind: kind.clone(), text: word.to_owned() }));
                }
            }
        }
        found.sort_by_key(|(start, ..)| *start);
        found.into_iter().map(|(.., entity)| entity).collect()
    }
}

/// Whether a text has a digit, a mail address or a link in it: nothing built in is without. Looks at many bytes at once.
fn may_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_of_name = |byte: &u8| byte.is_ascii_digit() | (*byte == b'@') | (*byte == b'/');
    bytes.chunks(64).any(|part| part.iter().fold(false, |found, byte| found | is_of_name(byte)))
        || text.match_indices('.').any(|(dot, _)| bytes[..dot].last_chunk().is_some_and(is_www))
}

fn is_www(three: &[u8; 3]) -> bool {
    three.eq_ignore_ascii_case(b"www")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String)> {
        Patterns::built_in().find(text).into_iter().map(|entity| (entity.kind, entity.text)).collect()
    }

    #[test]
    fn what_is_named_is_found() {
        let cases: &[(&str, &[(&str, &str)])] = &[
            ("Where is order #10423?", &[("order", "10423")]),
            ("my order number is AB-20391-X and", &[("order", "AB-20391-X")]),
            ("订单号：2024051299887766，还没到", &[("order", "2024051299887766")]),
            ("訂單編號 SW88123 不見了", &[("order", "SW88123")]),
            ("SW-100234 arrived broken", &[("order", "SW-100234")]),
            ("tracking number 1Z999AA10123456784 shows nothing", &[("tracking", "1Z999AA10123456784")]),
            ("RR123456785CN, where is it", &[("tracking", "RR123456785CN")]),
            ("快递单号SF1234567890123没更新", &[("tracking", "SF1234567890123")]),
            ("write to Li.Wei@Example.com.", &[("email", "Li.Wei@Example.com")]),
            ("我的手机13800138000，邮箱li@example.cn", &[("phone", "13800138000"), ("email", "li@example.cn")]),
            ("call +44 20 7946 0958 today", &[("phone", "+44 20 7946 0958")]),
            ("or (415) 555-0134", &[("phone", "(415) 555-0134")]),
            ("see https://shop.example/a?b=1).", &[("url", "https://shop.example/a?b=1")]),
            ("看这个https://shop.example/x，不对", &[("url", "https://shop.example/x")]),
            ("charged $49.99, not 30 euros", &[("money", "$49.99"), ("money", "30 euros")]),
            ("多扣了128.5元", &[("money", "128.5元")]),
            ("I ordered 2 shirts on 2024-05-01 for 1999", &[("date", "2024-05-01")]),
            ("到2026年3月5日为止", &[("date", "2026年3月5日")]),
            ("by March 3rd, 2026 at the latest", &[("date", "March 3rd, 2026")]),
            ("order status please", &[]),
        ];
        for (text, expected) in cases {
            let expected: Vec<_> = expected.iter().map(|(kind, text)| (kind.to_string(), text.to_string())).collect();
            assert_eq!(found(text), expected, "{text}");
        }
    }

    #[test]
    fn the_business_has_patterns_of_its_own() {
        let own = [("policy".to_owned(), r"\bP-([0-9]{3})\b".to_owned())];
        let patterns = Patterns::new(&own).unwrap();
        let found = patterns.find("about P-123");
        assert_eq!((found[0].kind.as_str(), found[0].text.as_str()), ("policy", "123"));
        assert_eq!(Patterns::new(&[("x".to_owned(), "(".to_owned())]).unwrap_err().0, 0);
    }

    #[test]
    fn entities_are_bounded_and_named_once() {
        let many: String = (10_000..10_100).map(|n| format!("#{n} ")).collect();
        assert_eq!(found(&many).len(), MOST);
        assert_eq!(found("#12345 #12345").len(), 1);
    }
}
