//! Who wrote a mail, and whether one's own mail server vouches for it.

use contract::{Address, Sender, clean_line, normalise_email};
use mail_parser::{HeaderName, Message};

/// The address space of mail: an address means the same person in every mailbox.
pub(super) const SPACE: &str = "email";

/// Who is to be answered. `None` where no address can be read.
///
/// `Reply-To` counts only where it is the writer's own domain: else anybody could have mail of this conversation sent
/// to a third person.
pub(super) fn sender(mail: &Message<'_>, trusted: &[String]) -> Option<Sender> {
    let from = mail.from()?;
    let first = from.first()?;
    let email = normalise_email(first.address()?)?;
    let name = first.name().map(|name| clean_line(name, 100)).filter(|name| !name.is_empty());
    let verified = from.iter().count() == 1 && vouched(mail, &email, trusted);
    let reply_to = mail.reply_to().and_then(|to| to.first()).and_then(|to| normalise_email(to.address()?));
    let handle = reply_to.filter(|to| domain(to) == domain(&email)).unwrap_or_else(|| email.clone());
    let email_verified = verified && handle == email;
    Some(Sender {
        address: Address { space: SPACE.to_owned(), handle },
        name,
        email: Some(email),
        phone: None,
        email_verified,
        phone_verified: false,
        attributes: Default::default(),
    })
}

/// Whom a mail of ours did not reach.
pub(super) fn bounced_sender(peer: &str) -> Sender {
    Sender {
        address: Address { space: SPACE.to_owned(), handle: peer.to_owned() },
        name: None,
        email: normalise_email(peer),
        phone: None,
        email_verified: false,
        phone_verified: false,
        attributes: [("email_bounces".to_owned(), "true".to_owned())].into(),
    }
}

fn domain(email: &str) -> &str {
    email.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Whether the topmost `Authentication-Results` of a trusted server (RFC 8601) says that this address is genuine: DMARC
/// passes, or, where DMARC was not looked at, DKIM or SPF passes for the address's own domain.
///
/// Only the topmost one counts: those below may have come with the mail.
fn vouched(mail: &Message<'_>, email: &str, trusted: &[String]) -> bool {
    let name = HeaderName::Other("Authentication-Results".into());
    let all = mail.headers_raw().filter(|(found, _)| found.eq_ignore_ascii_case(name.as_str()));
    let results = all
        .map(|(_, text)| Results::read(text))
        .find(|results| trusted.iter().any(|server| server.eq_ignore_ascii_case(&results.server)));
    let Some(results) = results else { return false };
    let own = |value: &str| {
        let value = value.rsplit_once('@').map_or(value, |(_, domain)| domain).to_ascii_lowercase();
        !value.is_empty()
            && (domain(email) == value || domain(email).ends_with(&format!(".{value}")) && value.contains('.'))
    };
    let passes = |method: &str, property: &str| {
        results.of(method).any(|found| {
            found.result == "pass" && found.properties.iter().any(|(name, value)| name == property && own(value))
        })
    };
    if results.of("dmarc").next().is_some() {
        return passes("dmarc", "header.from");
    }
    passes("dkim", "header.d") || passes("dkim", "header.i") || passes("spf", "smtp.mailfrom")
}

/// One `Authentication-Results` header.
struct Results {
    server: String,
    methods: Vec<Method>,
}

/// What one method found; lower-case but for values.
struct Method {
    name: String,
    result: String,
    properties: Vec<(String, String)>,
}

impl Results {
    fn read(text: &str) -> Self {
        let mut parts = split(text).into_iter();
        let server = parts.next().and_then(|words| words.into_iter().next()).unwrap_or_default();
        let methods = parts.filter_map(|words| {
            let mut pairs = words.into_iter().filter_map(|word| {
                let (name, value) = word.split_once('=')?;
                Some((name.to_ascii_lowercase(), value.to_owned()))
            });
            let (name, result) = pairs.next()?;
            let name = name.split('/').next().unwrap_or_default().to_owned();
            Some(Method { name, result: result.to_ascii_lowercase(), properties: pairs.collect() })
        });
        Self { server, methods: methods.collect() }
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(move |method| method.name == name)
    }
}

/// The words of a structured header between its semicolons: comments left out, quotes taken off, `a = b` joined.
fn split(text: &str) -> Vec<Vec<String>> {
    let (mut parts, mut word) = (vec![Vec::new()], String::new());
    let (mut depth, mut quoted, mut escaped) = (0_u32, false, false);
    let end = |parts: &mut Vec<Vec<String>>, word: &mut String| {
        if !word.is_empty()
            && let Some(part) = parts.last_mut()
        {
            let joins = word.starts_with('=') || part.last().is_some_and(|last: &String| last.ends_with('='));
            match part.last_mut().filter(|_| joins) {
                Some(last) => last.push_str(word),
                None => part.push(word.clone()),
            }
            word.clear();
        }
    };
    for c in text.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                if depth == 0 {
                    word.push(c);
                }
            }
            '\\' if quoted || depth > 0 => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            _ if quoted => word.push(c),
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth > 0 => {}
            ';' => {
                end(&mut parts, &mut word);
                parts.push(Vec::new());
            }
            c if c.is_whitespace() => end(&mut parts, &mut word),
            c => word.push(c),
        }
    }
    end(&mut parts, &mut word);
    parts
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;

    use super::*;

    fn read(headers: &str) -> Option<Sender> {
        let mail = format!("{headers}\r\n\r\nx");
        sender(&MessageParser::new().parse(mail.as_bytes()).unwrap(), &["mx.shop.example".to_owned()])
    }

    #[test]
    fn only_ones_own_server_vouches() {
        let from = "From: Li Wei <Li.Wei@Mail.Example.com>";
        let rows = [
            ("mx.shop.example; dmarc=pass header.from=mail.example.com", true),
            (
                "mx.shop.example 1; spf=pass smtp.mailfrom=x@other.example; dmarc=pass (p=none) header.from = mail.example.com",
                true,
            ),
            ("MX.Shop.Example; dkim=pass (2048 bit; ok) header.d=example.com", true),
            ("mx.shop.example; spf=pass smtp.mailfrom=li.wei@mail.example.com", true),
            ("mx.shop.example; dkim=pass header.i=@mail.example.com", true),
            ("mx.shop.example; dmarc=fail header.from=mail.example.com; dkim=pass header.d=mail.example.com", false),
            ("mx.shop.example; dkim=pass header.d=evil.example", false),
            ("mx.shop.example; dkim=pass header.d=com", false),
            ("mx.shop.example; dmarc=pass header.from=evil.example", false),
            ("mx.evil.example; dmarc=pass header.from=mail.example.com", false),
            ("mx.shop.example; dmarc=fail (dmarc=pass header.from=mail.example.com)", false),
            ("mx.shop.example; spf=pass reason=\"; dmarc=pass header.from=mail.example.com\"", false),
            ("mx.shop.example; none", false),
            ("", false),
        ];
        for (results, verified) in rows {
            let sender = read(&format!("Authentication-Results: {results}\r\n{from}")).unwrap();
            assert_eq!(sender.email_verified, verified, "{results}");
            assert_eq!(sender.email.as_deref(), Some("li.wei@mail.example.com"));
        }
    }

    #[test]
    fn a_result_that_came_with_the_mail_is_not_believed() {
        let forged = "Authentication-Results: mx.shop.example; dmarc=none\r\n\
                      Authentication-Results: mx.shop.example; dmarc=pass header.from=a.example\r\nFrom: x@a.example";
        assert!(!read(forged).unwrap().email_verified);
    }

    #[test]
    fn replies_go_to_the_writers_domain_alone() {
        let handle = |headers: &str| read(headers).map(|sender| sender.address.handle);
        assert_eq!(handle("From: a@b.example\r\nReply-To: desk@b.example").as_deref(), Some("desk@b.example"));
        assert_eq!(handle("From: a@b.example\r\nReply-To: victim@c.example").as_deref(), Some("a@b.example"));
        assert_eq!(handle("From: =?utf-8?B?5p2O5Lyf?= <a@b.example>").as_deref(), Some("a@b.example"));
        assert_eq!(read("From: =?utf-8?B?5p2O5Lyf?= <a@b.example>").unwrap().name.as_deref(), Some("李伟"));
        for wrong in ["From: nobody", "From: <>", "Subject: x", "From: undisclosed-recipients:;"] {
            assert_eq!(handle(wrong), None, "{wrong}");
        }
    }
}
