//! What a turn does about who the customer is: what they can prove it with, what becomes of a code, and whom a right one makes
//! them.

use std::{borrow::Cow, sync::Arc};

use contract::{
    Address, Author, Body, ChallengeId, CustomerId, EntryId, Inbound, MessageId, Outbound, OutboundId, Sender,
    Timestamp,
};

use super::{Occasion, Setting, Turn, merged_event, opens};
use crate::{
    actions::{Advance, Challenge, Means, Permission, Recipient, Verification},
    identity::{Verifier, identify, is_vouched},
    routing::{Otherwise, Trigger},
    store::{
        Recall,
        conversation::{Conversation, Owner},
        customer::{IdentifierKind, Verified},
        entry::{Entry, EntryAuthor, Event, What},
        outbox::DeliveryState,
    },
    understand::Signals,
};

/// Who writes, vouched for where this is what proves an address theirs: the right code, or the link that came with it. Else
/// as the channel says.
#[must_use]
pub fn vouched<'i>(
    verifier: &Verifier,
    recall: &Recall,
    inbound: &'i Inbound,
    occasion: Occasion<'_>,
    now: Timestamp,
) -> Cow<'i, Sender> {
    let conversation = recall.conversation.as_deref();
    let proven = match occasion {
        Occasion::Message { .. } if opens(inbound) => conversation.and_then(|conversation| {
            let challenge = asked(conversation, now)?;
            let holds = holds(verifier);
            let means = Means { holds: &holds, ..Means::NONE };
            challenge.is_answered(inbound.content.text(), now, &means).then_some(challenge)
        }),
        Occasion::Proven { conversation: id, challenge, .. } => conversation
            .filter(|conversation| conversation.id == id)
            .and_then(|conversation| waiting(conversation, challenge, now)),
        _ => None,
    };
    let Some(Challenge { kind, address, .. }) = proven else { return Cow::Borrowed(&inbound.from) };
    let mut from = inbound.from.clone();
    match kind {
        IdentifierKind::Email => (from.email, from.email_verified) = (Some(address.clone()), true),
        IdentifierKind::Phone => (from.phone, from.phone_verified) = (Some(address.clone()), true),
    }
    Cow::Owned(from)
}

fn holds(verifier: &Verifier) -> impl Fn(&Challenge, u32) -> bool {
    |challenge, typed| verifier.codes.holds(challenge.id, &challenge.address, typed)
}

fn asked(conversation: &Conversation, now: Timestamp) -> Option<&Challenge> {
    let dialogue = conversation.dialogue.as_deref().filter(|dialogue| now < dialogue.until)?;
    dialogue.challenge().filter(|_| conversation.owner != Owner::Closed)
}

/// A challenge that the customer can still answer.
#[must_use]
pub fn waiting(conversation: &Conversation, challenge: ChallengeId, now: Timestamp) -> Option<&Challenge> {
    asked(conversation, now).filter(|asked| asked.id == challenge && asked.sent && now < asked.until)
}

impl<'a> Turn<'a> {
    /// The customer pressed the button behind a link.
    pub(super) fn on_proof(
        setting: &'a Setting<'a>,
        recall: &'a Recall,
        (before, challenge): (&Conversation, ChallengeId),
        of: MessageId,
        inbound: &'a Arc<Inbound>,
        signals: Arc<Signals>,
    ) -> Option<Self> {
        let to = waiting(before, challenge, setting.now)?.masked();
        let identity = identify(recall, setting.from, setting.ids, setting.now);
        let merged = identity.merges.clone();
        let mut turn = Self::new(setting, recall, inbound, of, signals, identity, before.clone());
        (turn.entry, turn.on) = (setting.ids.next(setting.now), Trigger::Signals);
        turn.event = Some(Event::VerificationPassed { by: "link".to_owned(), to });
        turn.open_with(merged.iter().map(merged_event));
        turn.vouch();
        Some(turn)
    }

    /// Goes on with the action that waited for the proof.
    pub fn take_proof(&mut self) -> Option<Box<Otherwise>> {
        let dialogue = self.conversation.dialogue.clone()?;
        let mut advance = self.in_scene(&dialogue.action, |actions, scene| actions.proven(scene, &dialogue))?;
        // The turn's own entry says that they passed.
        advance.verification = None;
        self.advance(&dialogue.action, &dialogue.otherwise, advance)
    }

    /// Notes that who the customer is has been proven, where that is so.
    pub(super) fn vouch(&mut self) {
        let Setting { from, now, verifier, .. } = self.setting;
        if is_vouched(from) {
            let until = now.checked_add(verifier.holds).unwrap_or(Timestamp::MAX);
            self.conversation.verified = Some(Verified { address: from.address.clone(), until });
        }
    }

    /// Where a code is going to be sent in this turn, where an action is begun or hears the message. It is to be
    /// [permitted](Self::permit) before.
    #[must_use]
    pub fn wants_code(&self, begins: Option<&str>) -> Option<Recipient> {
        let under_way = if begins.is_none() { self.conversation.dialogue.as_deref() } else { None };
        let action = begins.or(under_way.map(|dialogue| dialogue.action.as_str()))?;
        let heard = self.heard();
        self.in_scene(action, |actions, scene| actions.wants_code(scene, under_way, &heard))
    }

    /// What may be done about it.
    pub fn permit(&mut self, permission: Permission) {
        self.permission = Some(permission);
    }

    /// The customer, and the entry of this turn: by what a code is counted.
    #[must_use]
    pub fn counted_by(&self) -> (CustomerId, EntryId) {
        (self.identity.customer.id, self.entry)
    }

    /// Has an action see what customers can prove who they are with.
    pub(super) fn with_means<T>(&self, act: impl FnOnce(Means<'_>) -> T) -> T {
        let Setting { verifier, ids, now, .. } = self.setting;
        let next = || ids.next(*now);
        let holds = holds(verifier);
        act(Means {
            email: verifier.email.is_some(),
            phone: verifier.phone.is_some(),
            link: verifier.link.as_deref(),
            lasts: verifier.lasts,
            again_after: verifier.again_after,
            permission: self.permission,
            next: &next,
            holds: &holds,
        })
    }

    /// Notes what became known, and sends what is to be sent.
    pub(super) fn note_verification(&mut self, advance: &mut Advance) {
        let Some(verification) = advance.verification.take() else { return };
        let event = match verification {
            Verification::Asked(challenge, letter) => {
                let to = challenge.masked();
                let by = self.setting.verifier.route(challenge.kind).map(|route| route.channel.clone());
                if challenge.sent {
                    self.send_code(challenge, *letter);
                }
                Event::VerificationAsked { by: by.unwrap_or_default(), to }
            }
            Verification::Passed(challenge) => {
                Event::VerificationPassed { by: "code".to_owned(), to: challenge.masked() }
            }
            Verification::Failed(how, challenge) => Event::VerificationFailed {
                how: how.to_owned(),
                to: challenge.map(|challenge| challenge.masked()).unwrap_or_default(),
            },
        };
        self.event(event);
    }

    /// The code goes into the outbox with everything else of the turn: into this conversation where it reaches the customer at
    /// that address, so that their answer to it is one here, else into a thread of its own.
    fn send_code(&mut self, challenge: Challenge, letter: Body) {
        let Some(route) = self.setting.verifier.route(challenge.kind) else { return };
        let id: OutboundId = self.setting.ids.next(self.setting.now);
        let conversation = &self.conversation;
        let to = Address { space: route.space.clone(), handle: challenge.address };
        let is_here = conversation.channel == route.channel && conversation.address == to;
        let outbound = Outbound {
            id,
            conversation: conversation.id,
            channel: route.channel.clone(),
            to,
            thread: if is_here { conversation.thread.clone() } else { challenge.id.to_string() },
            queue: None,
            author: Author::Bot,
            body: letter,
            in_reply_to: None,
        };
        self.outbox.push((id, DeliveryState::Pending));
        let what = What::Reply { outbound: Box::new(outbound), citation: None, also: Vec::new() };
        self.entries.push(Entry { id: id.into(), at: self.setting.now, author: EntryAuthor::Bot, what });
    }
}
