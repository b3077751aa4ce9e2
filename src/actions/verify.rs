//! Who the customer is, found out within a dialogue: which address the company knows them by, and the code that was sent there.
//! Pure; what is said and done is the same whether or not anybody has the address.
//!
//! ```text
//!   begin ─► Address ─► Code ─► the action, from its first question on
//!       └───────────────► ▲ └─► wrong five times: `otherwise`
//! ```

use std::fmt;

use contract::{Body, Button, ButtonAction, ChallengeId, Timestamp, normalise_email, normalise_phone};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    dialogue::{Advance, Dialogue, Ended, Heard, Reaction, Step, Why, button_value},
    phrases::{self, Phrase},
    scene::Scene,
    spec::{Action, Actions, Identity},
};
use crate::{
    identity::codes::MARK,
    store::customer::IdentifierKind::{self, Email, Phone},
};

/// How many wrong codes are taken.
const TRIES: u8 = 5;
/// Digits of a code.
const DIGITS: usize = 6;
/// How many characters may stand around a code: `my code is 123456, thanks`.
const AROUND: usize = 24;

/// What has to be proven in a dialogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The customer is asked for the address that the company knows them by.
    Address {
        /// How often they were not understood.
        asked: u8,
    },
    /// The customer is asked for a code.
    Code(Box<Challenge>),
}

/// Somebody is asked for the code that an address was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Challenge {
    /// What it is called. The code follows from it, and is kept nowhere.
    pub id: ChallengeId,
    /// What kind of address it is.
    pub kind: IdentifierKind,
    /// The address, normalised.
    pub address: String,
    /// Whether a code went there: somebody has the address, and it was not sent too many. Else no code is right.
    pub sent: bool,
    /// How many wrong codes are still taken.
    pub left: u8,
    /// How often the customer was not understood.
    pub asked: u8,
    /// When the code was sent.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub since: Timestamp,
    /// Until when it is good.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub until: Timestamp,
}

/// Where a code is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// What kind of address.
    pub kind: IdentifierKind,
    /// The address, normalised.
    pub address: String,
}

/// What may be done about a code that is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// Whether this customer may ask for one: they are told if not.
    pub may_ask: bool,
    /// Whether one goes to the address: nobody is told if not.
    pub goes: bool,
}

/// How customers can prove who they are.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// Whether codes go by mail.
    pub email: bool,
    /// Whether codes go to phones.
    pub phone: bool,
    /// Whether a mail has a link that does for the code.
    pub link: Option<&'a str>,
    /// How long a code is good.
    pub lasts: SignedDuration,
    /// After how long one may be sent again.
    pub again_after: SignedDuration,
    /// What may be done now, where a code is to be sent: [`Actions::wants_code`] says whether.
    pub permission: Option<Permission>,
    /// What the next challenge is called.
    pub next: &'a (dyn Fn() -> ChallengeId + Sync),
    /// Whether that is the code of a challenge.
    pub holds: &'a (dyn Fn(&Challenge, u32) -> bool + Sync),
}

impl Means<'static> {
    /// No means: nobody is asked for anything.
    pub const NONE: Self = Self {
        email: false,
        phone: false,
        link: None,
        lasts: SignedDuration::ZERO,
        again_after: SignedDuration::ZERO,
        permission: None,
        next: &|| ChallengeId::NONE,
        holds: &|_, _| false,
    };
}

impl fmt::Debug for Means<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Means").field("email", &self.email).field("phone", &self.phone).finish_non_exhaustive()
    }
}

/// What became known about who the customer is.
#[derive(Debug, Clone, PartialEq)]
pub enum Verification {
    /// A code is to be sent, with these words.
    Asked(Challenge, Box<Body>),
    /// The address is the customer's.
    Passed(Challenge),
    /// It is not proven: `wrong`, `expired`, or for good by `tries`; or no code was sent, because of `limit`.
    Failed(&'static str, Option<Challenge>),
}

impl Challenge {
    /// Whether the customer's words are its code.
    #[must_use]
    pub fn is_answered(&self, text: &str, now: Timestamp, means: &Means<'_>) -> bool {
        code_in(text).is_some_and(|typed| (means.holds)(self, typed) & self.sent & (now < self.until))
    }

    /// Its address as it is shown: `l•••@example.com`, `•••8000`.
    #[must_use]
    pub fn masked(&self) -> String {
        match self.address.split_once('@') {
            Some((name, domain)) => format!("{}•••@{domain}", name.chars().next().unwrap_or_default()),
            None => {
                let end = self.address.len().saturating_sub(4);
                format!("•••{}", self.address.get(end..).unwrap_or_default())
            }
        }
    }
}

impl Dialogue {
    /// The challenge that the customer has not answered yet.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        match &self.step {
            Step::Verifies(Proof::Code(challenge)) => Some(challenge),
            _ => None,
        }
    }
}

impl Actions {
    /// Where a code is going to be sent if the customer is now heard, or an action begun. It is to be found out first whether
    /// that may be.
    #[must_use]
    pub fn wants_code(&self, scene: &Scene<'_>, under_way: Option<&Dialogue>, heard: &Heard<'_>) -> Option<Recipient> {
        let spec = self.actions.get(scene.action)?;
        if spec.identity < Identity::Verified || scene.who.identity >= spec.identity {
            return None;
        }
        let Some(dialogue) = under_way else { return own_address(scene) };
        match &dialogue.step {
            Step::Calls { .. } => None,
            Step::Verifies(Proof::Address { .. }) => address_in(scene, heard),
            Step::Verifies(Proof::Code(challenge)) => match address_in(scene, heard) {
                Some(other) if other.address != challenge.address => Some(other),
                _ if asks_again(scene, heard) && !is_too_soon(scene, challenge) => Some(recipient_of(challenge)),
                _ => None,
            },
            Step::Asks { .. } | Step::Confirms { .. } => own_address(scene),
        }
    }

    /// Asks who the customer is: for the code that goes to their address, or for the address first.
    pub(super) fn ask_who(&self, scene: &Scene<'_>, spec: &Action, mut next: Dialogue) -> Advance {
        let has_means = scene.means.email || scene.means.phone;
        if spec.identity < Identity::Verified || !has_means {
            let says = vec![phrases::say(self, scene, Phrase::Identity)];
            return Advance { says, ended: Some(Ended::Otherwise(Why::Identity)), ..Advance::default() };
        }
        if let Some(own) = own_address(scene) {
            return self.send_code(scene, next, own, TRIES);
        }
        next.step = Step::Verifies(Proof::Address { asked: 0 });
        let says = self.question(scene, &next).into_iter().collect();
        Advance { dialogue: Some(next), says, ..Advance::default() }
    }

    /// The customer says something while they are asked who they are.
    pub(super) fn hear_proof(
        &self,
        scene: &Scene<'_>,
        spec: &Action,
        (mut next, proof): (Dialogue, &Proof),
        heard: &Heard<'_>,
    ) -> Reaction {
        let goes = |advance| Reaction::Goes(Box::new(advance));
        if let Proof::Code(challenge) = proof
            && challenge.is_answered(heard.text, scene.now, &scene.means)
        {
            return goes(self.passed(scene, spec, next, challenge));
        }
        if spec.identity <= scene.who.identity {
            // A channel vouches for them by now.
            return goes(self.go_on_as(scene, spec, next, Vec::new()));
        }
        let Proof::Code(challenge) = proof else {
            return address_in(scene, heard)
                .map_or(Reaction::NotUnderstood, |to| goes(self.send_code(scene, next, to, TRIES)));
        };
        if let Some(other) = address_in(scene, heard).filter(|other| other.address != challenge.address) {
            return goes(self.send_code(scene, next, other, TRIES));
        }
        let mut stays = |phrase, verification: Option<&'static str>| {
            let mut challenge = challenge.clone();
            challenge.asked = 0;
            if verification == Some("wrong") {
                challenge.left -= 1;
            }
            let says = vec![Body { buttons: vec![self.again_button(scene)], ..self.told(scene, phrase, &challenge) }];
            next.step = Step::Verifies(Proof::Code(challenge.clone()));
            let verification = verification.map(|how| Verification::Failed(how, Some(*challenge)));
            goes(Advance { dialogue: Some(next.clone()), says, verification, ..Advance::default() })
        };
        match code_in(heard.text) {
            Some(_) if scene.now >= challenge.until => stays(Phrase::OldCode, Some("expired")),
            Some(_) if challenge.left > 1 => stays(Phrase::WrongCode, Some("wrong")),
            Some(_) => {
                let verification = Some(Verification::Failed("tries", Some((**challenge).clone())));
                goes(Advance { verification, ..self.unverified(scene) })
            }
            None if !asks_again(scene, heard) => Reaction::NotUnderstood,
            None if is_too_soon(scene, challenge) => stays(Phrase::CodeWait, None),
            None => {
                let (to, left) = (recipient_of(challenge), challenge.left);
                goes(self.send_code(scene, next, to, left))
            }
        }
    }

    /// The customer has proven who they are elsewhere: by the link that came with the code.
    #[must_use]
    pub fn proven(&self, scene: &Scene<'_>, dialogue: &Dialogue) -> Option<Advance> {
        let (spec, challenge) = (self.actions.get(&dialogue.action)?, dialogue.challenge()?);
        Some(self.passed(scene, spec, dialogue.clone(), challenge))
    }

    fn passed(&self, scene: &Scene<'_>, spec: &Action, next: Dialogue, challenge: &Challenge) -> Advance {
        let thanks = vec![phrases::say(self, scene, Phrase::Verified)];
        let verification = Some(Verification::Passed(challenge.clone()));
        if spec.identity > scene.who.identity {
            // Whoever commits this has not said so: nobody is let in by a defect.
            return self.unverified(scene);
        }
        Advance { verification, ..self.go_on_as(scene, spec, next, thanks) }
    }

    /// Goes on with what is known of the customer, now that it may be used.
    fn go_on_as(&self, scene: &Scene<'_>, spec: &Action, mut next: Dialogue, says: Vec<Body>) -> Advance {
        for input in &spec.inputs {
            if let Some(value) = self.known_before(scene, input, &next.inputs) {
                next.put(spec, &input.name, value);
            }
        }
        self.go_on(scene, spec, next, says)
    }

    fn unverified(&self, scene: &Scene<'_>) -> Advance {
        let says = vec![phrases::say(self, scene, Phrase::Unverified)];
        Advance { says, ended: Some(Ended::Otherwise(Why::Identity)), ..Advance::default() }
    }

    fn send_code(&self, scene: &Scene<'_>, mut next: Dialogue, to: Recipient, left: u8) -> Advance {
        let Some(Permission { may_ask: true, goes }) = scene.means.permission else {
            let says = vec![phrases::say(self, scene, Phrase::NoCode)];
            let verification = Some(Verification::Failed("limit", None));
            let ended = Some(Ended::Otherwise(Why::Identity));
            return Advance { says, verification, ended, ..Advance::default() };
        };
        let until = scene.now.checked_add(scene.means.lasts).unwrap_or(Timestamp::MAX);
        let (id, Recipient { kind, address }) = ((scene.means.next)(), to);
        let challenge = Challenge { id, kind, address, sent: goes, left, asked: 0, since: scene.now, until };
        let verification = Some(Verification::Asked(challenge.clone(), Box::new(self.letter(scene, &challenge))));
        next.step = Step::Verifies(Proof::Code(Box::new(challenge)));
        let says = self.question(scene, &next).into_iter().collect();
        Advance { dialogue: Some(next), says, verification, ..Advance::default() }
    }

    /// What goes to the address.
    fn letter(&self, scene: &Scene<'_>, challenge: &Challenge) -> Body {
        let mut text = self.worded(scene, Phrase::CodeLetter, challenge);
        if let Some(link) = scene.means.link {
            text = format!("{text}\n\n{}", self.worded(scene, Phrase::CodeLink, challenge).replace("{link}", link));
        }
        let subject = Some(phrases::text(self, scene, Phrase::CodeSubject));
        Body { subject, challenge: Some(challenge.id), ..Body::text(text) }
    }

    fn told(&self, scene: &Scene<'_>, phrase: Phrase, challenge: &Challenge) -> Body {
        Body::text(self.worded(scene, phrase, challenge))
    }

    fn worded(&self, scene: &Scene<'_>, phrase: Phrase, challenge: &Challenge) -> String {
        let minutes = (scene.means.lasts.as_secs() + 59) / 60;
        phrases::text(self, scene, phrase)
            .replace("{address}", &challenge.masked())
            .replace("{minutes}", &minutes.to_string())
            .replace("{left}", &challenge.left.to_string())
            .replace("{code}", MARK)
    }

    fn again_button(&self, scene: &Scene<'_>) -> Button {
        let value = button_value(scene.action, "code", &"again".into());
        Button { title: phrases::text(self, scene, Phrase::Resend), action: ButtonAction::Postback(value) }
    }

    /// The question of this step.
    pub(super) fn question_who(&self, scene: &Scene<'_>, proof: &Proof) -> Body {
        match proof {
            Proof::Address { .. } => {
                let phrase = match (scene.means.email, scene.means.phone) {
                    (true, true) => Phrase::AskAddress,
                    (false, true) => Phrase::AskPhone,
                    (_, false) => Phrase::AskEmail,
                };
                phrases::say(self, scene, phrase)
            }
            Proof::Code(challenge) => {
                let buttons = vec![self.again_button(scene)];
                Body { buttons, ..self.told(scene, Phrase::CodeSent, challenge) }
            }
        }
    }
}

/// An address of the customer's own that can be reached: one that they are known by, else one that they write from.
fn own_address(scene: &Scene<'_>) -> Option<Recipient> {
    let who = scene.who;
    let email = |of: &Option<String>| of.as_deref().filter(|_| scene.means.email).and_then(normalise_email);
    let phone = |of: &Option<String>| of.as_deref().filter(|_| scene.means.phone).and_then(normalise_phone);
    let of = |kind| move |address| Recipient { kind, address };
    let known = email(&who.email).map(of(Email)).or_else(|| phone(&who.phone).map(of(Phone)));
    known.or_else(|| email(&who.claimed_email).map(of(Email))).or_else(|| phone(&who.claimed_phone).map(of(Phone)))
}

/// The one address that the customer's words name, if it can be reached.
fn address_in(scene: &Scene<'_>, heard: &Heard<'_>) -> Option<Recipient> {
    if heard.pressed.is_some() {
        return None;
    }
    if scene.means.email && heard.text.contains('@') {
        let mut words = heard.text.split(|c: char| c.is_whitespace() || "<>()[],;:，；：。“”\"'".contains(c));
        let mut named = words.by_ref().filter_map(|word| normalise_email(word.trim_end_matches(['.', '!', '?'])));
        let first = named.next()?;
        return named.all(|other| other == first).then_some(Recipient { kind: Email, address: first });
    }
    let phone = normalise_phone(heard.text).filter(|_| scene.means.phone)?;
    Some(Recipient { kind: Phone, address: phone })
}

fn recipient_of(challenge: &Challenge) -> Recipient {
    Recipient { kind: challenge.kind, address: challenge.address.clone() }
}

fn is_too_soon(scene: &Scene<'_>, challenge: &Challenge) -> bool {
    scene.now.duration_since(challenge.since) < scene.means.again_after
}

/// Whether the customer wants the code sent again.
fn asks_again(scene: &Scene<'_>, heard: &Heard<'_>) -> bool {
    const WORDS: [&str; 23] = [
        "resend",
        "send again",
        "send it again",
        "send another",
        "new code",
        "another code",
        "no code",
        "not get",
        "n't get",
        "didnt get",
        "not receive",
        "n't receive",
        "not arrived",
        "重发",
        "重發",
        "重新发",
        "重新發",
        "再发",
        "再發",
        "没收到",
        "沒收到",
        "没有收到",
        "沒有收到",
    ];
    if let Some(pressed) = heard.pressed {
        return pressed == button_value(scene.action, "code", &"again".into());
    }
    let text = heard.text.to_lowercase().replace('’', "'");
    text.chars().count() <= 60 && WORDS.iter().any(|word| text.contains(word))
}

/// The six digits that a text is, with a few words around them at most.
fn code_in(text: &str) -> Option<u32> {
    let plain = |c: char| match c {
        '０'..='９' => char::from_u32(c as u32 - '０' as u32 + '0' as u32).unwrap_or(c),
        c => c,
    };
    // Two groups of three are one code: 123 456, 123-456.
    let text: String = text.trim().chars().map(plain).filter(|c| !matches!(c, ' ' | '-' | '\u{a0}')).collect();
    let mut groups = text.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty());
    let only = groups.next().filter(|group| group.len() == DIGITS)?;
    let around = text.chars().count() - DIGITS;
    (groups.next().is_none() && around <= AROUND).then(|| only.parse().ok())?
}

#[cfg(test)]
mod tests;
