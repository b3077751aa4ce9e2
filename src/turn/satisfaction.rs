//! What a turn does about how the customer liked it: asks after a closing, and notes an answer on the conversation that it is
//! about, which stays closed.

use std::sync::Arc;

use contract::{Author, Body, Inbound, MessageId, Timestamp};

use super::{Setting, Turn};
use crate::{
    identity::Identity,
    satisfaction::{self, Heard, Satisfaction},
    store::{Recall, conversation::Conversation, entry::Event},
    understand::Signals,
};

/// The conversation that a message rates, where it does.
pub(super) fn answer<'c>(
    before: Option<&'c Arc<Conversation>>,
    inbound: &Inbound,
    signals: &Signals,
    now: Timestamp,
) -> Option<(&'c Conversation, Heard)> {
    let before = before?;
    Some((before, satisfaction::heard(before, &inbound.content, signals, now)?))
}

impl<'a> Turn<'a> {
    pub(super) fn on_rating(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        (before, message): (&Conversation, MessageId),
        inbound: &'a Arc<Inbound>,
        heard: Heard,
        (identity, signals): (Identity, Arc<Signals>),
    ) -> Self {
        let new = Self::new(setting, recall, inbound, message, signals, identity, before.clone());
        let mut turn = Self { is_rating: true, ..new };
        turn.conversation.last_message = Some(message);
        turn.conversation.last_external_id.clone_from(&inbound.external_id);
        turn.note_rating(heard);
        turn
    }

    fn note_rating(&mut self, heard: Heard) {
        let now = self.setting.now;
        let Some(asked) = self.conversation.satisfaction.as_mut() else { return };
        match heard {
            Heard::Rated(rating) => {
                let is_first = asked.rating.is_none();
                let Some(instead) = asked.rate(&rating, now) else { return };
                let thanks = asked.thanks.clone().filter(|_| is_first);
                self.event(Event::Rated { rating: rating.stars, instead, comment: rating.comment });
                // Empty where the files do not have the template any more.
                let text = thanks.map(|thanks| self.render(&thanks, None, None)).unwrap_or_default();
                if !text.is_empty() {
                    self.reply(Author::Bot, Body::text(text), None);
                }
            }
            Heard::Comment => {
                asked.comment = satisfaction::comment(self.inbound.content.text());
                self.event(Event::Commented);
            }
            Heard::Late => {}
        }
    }

    /// Asks how it was.
    pub(super) fn ask_how_it_was(&mut self, template: &str, thanks: Option<&String>, within: u64) {
        let text = self.render(template, None, None);
        let body = satisfaction::question(text, &self.conversation, self.entry, self.setting.rating_links);
        self.reply(Author::Bot, body, None);
        let asked = Satisfaction::asked(self.entry, self.setting.now, within, thanks.cloned());
        self.conversation.satisfaction = Some(Box::new(asked));
        self.event(Event::SatisfactionAsked { template: template.to_owned() });
    }
}
