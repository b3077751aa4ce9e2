//! Links to tickets' pages, which only this installation can make.

use channels::Seal;
use contract::ConversationId;

/// How much of the mark is in a link, in bytes: at a thousand tries a second, the first one is found in 10^18 years.
const MARK_BYTES: usize = 12;
/// What ids of conversations begin with, which links leave out.
const PREFIX: &str = "cnv_";
/// How long an id is behind that, in characters.
const ID_CHARS: usize = 13;

/// Makes and checks links. The conversation is in them and not the number: it cannot be counted up, and another record under
/// the same secret has other ones.
pub struct Links {
    seal: Seal,
    public_url: String,
}

impl Links {
    /// Those of an installation with this secret, which browsers reach at `public_url`.
    #[must_use]
    pub fn new(secret: &[u8; 32], public_url: &str) -> Self {
        Self { seal: Seal::new(secret, "ticket", ""), public_url: public_url.trim_end_matches('/').to_owned() }
    }

    /// Where the page of a conversation's ticket is.
    #[must_use]
    pub fn url(&self, conversation: ConversationId) -> String {
        format!("{}/t/{}", self.public_url, self.token(conversation))
    }

    /// What the address of a page ends with.
    #[must_use]
    pub fn token(&self, conversation: ConversationId) -> String {
        let id = conversation.to_string();
        let mark = self.seal.short(&[&id], MARK_BYTES);
        format!("{}{mark}", id.strip_prefix(PREFIX).unwrap_or(&id))
    }

    /// The conversation that a token was made for. Nothing else is looked up for it.
    #[must_use]
    pub fn conversation(&self, token: &str) -> Option<ConversationId> {
        let (id, mark) = token.split_at_checked(ID_CHARS)?;
        let id = format!("{PREFIX}{id}");
        self.seal.holds_short(&[&id], mark, MARK_BYTES).then(|| id.parse().ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_its_conversation_and_nobody_makes_another() {
        let links = Links::new(&[1; 32], "https://chat.example.com/");
        let id = ConversationId::from(1 << 62 | 77);
        let url = links.url(id);
        let token = url.strip_prefix("https://chat.example.com/t/").unwrap();
        assert_eq!((token.len(), links.conversation(token)), (ID_CHARS + 2 * MARK_BYTES, Some(id)));
        let other = Links::new(&[2; 32], "").token(id);
        let next = ConversationId::from((1 << 62 | 77) + 1).to_string();
        let moved = token.replace(&token[..ID_CHARS], next.strip_prefix(PREFIX).unwrap());
        let (cut, longer, chinese) = (&token[1..], format!("{token}0"), "票".repeat(20));
        for forged in ["", "x", other.as_str(), &moved, cut, &longer, &chinese, &token.replace(&token[ID_CHARS..], "")]
        {
            assert_eq!(links.conversation(forged), None, "{forged}");
        }
    }
}
