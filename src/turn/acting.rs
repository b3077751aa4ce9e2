//! What a turn does of an action: begins it, hears what the customer says to it, and takes what a business system answers.

use std::collections::BTreeMap;

use contract::{Author, Body, Content, Sender, Timestamp};
use serde_json::Value as Json;
use understand::answers::assent;

use super::{TICKET, Turn};
use crate::{
    actions::{
        Actions, Advance, Dialogue, Ended, Heard, Means, NOWHERE, Opens, Planned, Reaction, Scene, Step, Who, Why,
    },
    calls::Returned,
    routing::{Destination, Do, Handoff, Otherwise, RuleSet, title},
    store::{
        Recall,
        conversation::{Conversation, Owner, TicketNumber},
        customer::{Customer, IdentifierKind},
        entry::{EntryAuthor, Event, What},
    },
    tickets::{Links, Named},
};

/// How a dialogue ends that the conversation leaves behind.
pub(super) const LEFT: &str = "left";

/// What a message is to an action that is under way.
#[derive(Debug, Clone, PartialEq)]
pub enum Hearing {
    /// It went on or ended; what is to be carried out where it cannot be done.
    Went(Option<Box<Otherwise>>),
    /// It is no answer to what was asked.
    NotUnderstood,
    /// A call is under way: the message is noted.
    Waits,
    /// Nothing is under way any more.
    Nothing,
}

/// Where and with whom an action takes place.
#[derive(Debug)]
pub struct Stage {
    who: Who,
    language: String,
    conversation: String,
    message: String,
    text: String,
    ticket: Option<Named>,
    next_ticket: Option<Named>,
}

impl Stage {
    /// That of a conversation whose customer is known.
    #[must_use]
    pub fn of(
        conversation: &Conversation,
        recall: &Recall,
        (customer, from): (&Customer, &Sender),
        now: Timestamp,
        (entry, text): (&str, &str),
    ) -> Self {
        let identifier = |kind| {
            let mut of_kind: Vec<_> = recall.ties.identifiers.iter().filter(|known| known.kind == kind).collect();
            of_kind.sort_by_key(|known| !known.verified);
            of_kind.first().map(|known| known.value.clone())
        };
        // What is proven by this very message is not in the record yet.
        let email = from.email.clone().filter(|_| from.email_verified).or_else(|| identifier(IdentifierKind::Email));
        let phone = from.phone.clone().filter(|_| from.phone_verified).or_else(|| identifier(IdentifierKind::Phone));
        let identity = match (conversation.is_verified(&from.address, now), &email, &phone) {
            (true, ..) => crate::actions::Identity::Verified,
            (false, None, None) => crate::actions::Identity::None,
            (false, ..) => crate::actions::Identity::Known,
        };
        let language = Some(conversation.language.clone()).filter(|language| !language.is_empty());
        Self {
            who: Who {
                id: customer.id.to_string(),
                name: customer.name.clone(),
                email,
                phone,
                claimed_email: from.email.clone(),
                claimed_phone: from.phone.clone(),
                identity,
                attributes: customer.attributes.clone(),
            },
            language: language.or_else(|| customer.language.clone()).unwrap_or_default(),
            conversation: conversation.id.to_string(),
            message: entry.to_owned(),
            text: text.to_owned(),
            ticket: None,
            next_ticket: None,
        }
    }

    /// The same with the conversation's ticket, or the number that it is given if the action opens one.
    #[must_use]
    pub fn with_ticket(self, links: &Links, conversation: &Conversation, number: Option<TicketNumber>) -> Self {
        let named = |number| links.named(conversation.id, number);
        let ticket = conversation.ticket.as_ref().map(|ticket| named(ticket.number));
        Self { next_ticket: ticket.clone().or_else(|| number.map(named)), ticket, ..self }
    }

    /// How sure it is who the customer is.
    #[must_use]
    pub const fn identity(&self) -> crate::actions::Identity {
        self.who.identity
    }

    /// The language that the customer is answered in; empty where none is known.
    #[must_use]
    pub fn language(&self) -> &str {
        &self.language
    }

    /// The same where somebody of the company says who the customer is.
    #[must_use]
    pub fn vouched(mut self, is_so: bool) -> Self {
        if is_so {
            self.who.identity = crate::actions::Identity::Verified;
        }
        self
    }

    /// What an action sees of it.
    #[must_use]
    pub fn scene<'s>(&'s self, action: &'s str, rules: &'s RuleSet, now: Timestamp) -> Scene<'s> {
        let default_language = rules.default_language();
        Scene {
            action,
            who: &self.who,
            language: if self.language.is_empty() { default_language } else { &self.language },
            default_language,
            conversation: &self.conversation,
            message: &self.message,
            text: &self.text,
            ticket: self.ticket.as_ref(),
            next_ticket: self.next_ticket.as_ref(),
            now,
            zone: rules.zone(),
            means: Means::NONE,
        }
    }
}

impl Turn<'_> {
    /// The action that is under way with the customer, here or elsewhere.
    #[must_use]
    pub fn under_way(&self) -> Option<&str> {
        let here = self.conversation.dialogue.as_deref();
        here.or_else(|| self.waiting_elsewhere().map(|(_, waits)| waits)).map(|dialogue| dialogue.action.as_str())
    }

    /// Whether it took over what waited in another conversation: that is to be told to the other one.
    #[must_use]
    pub fn followed(&self) -> Option<&Conversation> {
        self.setting.elsewhere.as_deref().filter(|_| self.followed)
    }

    /// What waits for the customer's word in another conversation of theirs, and may go on here: for an action that wants to
    /// know who they are, they have to be as well known here.
    fn waiting_elsewhere(&self) -> Option<(&Conversation, &Dialogue)> {
        let elsewhere = self.setting.elsewhere.as_deref()?;
        let dialogue = elsewhere.dialogue.as_deref().filter(|waits| self.setting.now < waits.until)?;
        let spec = self.actions().actions.get(&dialogue.action)?;
        let is_known = || self.in_scene(&spec.name, |_, scene| spec.identity <= scene.who.identity);
        // A code is of the conversation that it was asked for in.
        let is_bound = matches!(dialogue.step, Step::Calls { .. } | Step::Verifies(_));
        let goes_on = self.conversation.dialogue.is_none() && !is_bound && is_known();
        goes_on.then_some((elsewhere, dialogue))
    }

    /// Goes on here with what waited elsewhere.
    fn follow(&mut self) -> Option<Dialogue> {
        let (elsewhere, dialogue) = self.waiting_elsewhere()?;
        let (conversation, dialogue) = (elsewhere.id, dialogue.clone());
        self.followed = true;
        self.event(Event::Related { conversation });
        self.conversation.dialogue = Some(Box::new(dialogue.clone()));
        Some(dialogue)
    }

    /// Whether the customer plainly asks for a person, or is furious. What is less plain may be the classifier's mistake about a
    /// short answer, such as a name; a yes or a no is neither.
    #[must_use]
    pub fn insists(&self) -> bool {
        const PLAINLY: f32 = 0.8;
        const FURIOUS: f32 = -0.75;
        if assent(self.inbound.content.text()).is_some() {
            return false;
        }
        let wants = self.signals.wants_human.known().is_some_and(|wants| *wants >= PLAINLY);
        wants || self.signals.sentiment.label.known().is_some() && self.signals.sentiment.score <= FURIOUS
    }

    /// Whether a button said it for the customer. Its words were chosen to be understood: what rules make of them is no mistake
    /// about a short answer.
    #[must_use]
    pub fn is_said_by_a_button(&self) -> bool {
        self.inbound.content.said().is_some()
    }

    /// Whether a business system is being asked.
    #[must_use]
    pub fn is_calling(&self) -> bool {
        self.conversation.dialogue.as_ref().is_some_and(|dialogue| matches!(dialogue.step, Step::Calls { .. }))
    }

    /// Begins an action; answers what is to be carried out where it cannot be done.
    pub fn act_for(&mut self, wanted: &Do) -> Option<Box<Otherwise>> {
        if self.waiting_elsewhere().is_some_and(|(_, waits)| waits.action == wanted.action) {
            self.follow();
            self.ask_again();
            return None;
        }
        self.act_with(&wanted.action, &wanted.otherwise, &BTreeMap::new())
    }

    /// The same, of which some inputs are named apart from the message.
    pub(super) fn act_with(
        &mut self,
        action: &str,
        otherwise: &Otherwise,
        named: &BTreeMap<String, Json>,
    ) -> Option<Box<Otherwise>> {
        self.leave(LEFT);
        let heard = self.heard();
        let begun = self.in_scene(action, |actions, scene| actions.begin_with(scene, action, otherwise, &heard, named));
        self.event(Event::ActionBegun { action: action.to_owned() });
        match begun {
            Some(advance) => self.advance(action, otherwise, advance),
            None => Some(Box::new(otherwise.clone())),
        }
    }

    /// The customer wrote while an action is under way.
    pub fn hear(&mut self) -> Hearing {
        let Some(dialogue) = self.conversation.dialogue.clone() else { return self.hear_elsewhere() };
        let heard = self.heard();
        match self.in_scene(&dialogue.action, |actions, scene| actions.hear(scene, &dialogue, &heard)) {
            Reaction::Goes(advance) => Hearing::Went(self.advance(&dialogue.action, &dialogue.otherwise, *advance)),
            Reaction::NotUnderstood => Hearing::NotUnderstood,
            Reaction::Waits => Hearing::Waits,
            Reaction::Forgotten => {
                if let Some(planned) = dialogue.planned {
                    planned.put_off(self.setting.now).put(&mut self.conversation.later);
                }
                self.conversation.dialogue = None;
                let (action, inputs) = (dialogue.action, dialogue.inputs);
                self.event(Event::ActionEnded { action, how: "forgotten".to_owned(), inputs });
                Hearing::Nothing
            }
        }
    }

    /// The customer wrote here and an action waits elsewhere: if it is an answer to that, it goes on here.
    fn hear_elsewhere(&mut self) -> Hearing {
        let Some((_, dialogue)) = self.waiting_elsewhere() else { return Hearing::Nothing };
        let spec = self.actions().actions.get(&dialogue.action);
        if !spec.is_some_and(|spec| dialogue.is_told_apart(spec)) {
            return Hearing::Nothing;
        }
        let heard = self.heard();
        match self.in_scene(&dialogue.action, |actions, scene| actions.hear(scene, dialogue, &heard)) {
            Reaction::Goes(advance) => match self.follow() {
                Some(Dialogue { action, otherwise, .. }) => Hearing::Went(self.advance(&action, &otherwise, *advance)),
                None => Hearing::Nothing,
            },
            _ => Hearing::Nothing,
        }
    }

    /// The customer was not understood.
    pub fn misunderstood(&mut self) -> Option<Box<Otherwise>> {
        let dialogue = self.conversation.dialogue.clone()?;
        let advance = self.in_scene(&dialogue.action, |actions, scene| actions.misunderstood(scene, &dialogue));
        self.advance(&dialogue.action, &dialogue.otherwise, advance)
    }

    /// Puts the open question once more, behind something else that was answered.
    pub fn ask_again(&mut self) {
        let Some(dialogue) = self.conversation.dialogue.clone() else { return };
        if let Some(question) = self.in_scene(&dialogue.action, |actions, scene| actions.question(scene, &dialogue)) {
            self.reply(Author::Bot, question, None);
        }
    }

    /// A business system answered, or did not.
    pub fn take_answer(&mut self, returned: &Returned) -> Option<Box<Otherwise>> {
        let dialogue = self.conversation.dialogue.clone()?;
        let advance = self.in_scene(&dialogue.action, |actions, scene| actions.returned(scene, &dialogue, returned));
        let advance = advance.unwrap_or_else(Advance::gone);
        if matches!(self.conversation.owner, Owner::Bot | Owner::Queue) || dialogue.planned.is_some() {
            return self.advance(&dialogue.action, &dialogue.otherwise, advance);
        }
        // A person has taken over in the meantime: what the bot would have said is for them.
        self.conversation.dialogue = None;
        if let Some(opens) = advance.opens {
            self.give_ticket(&opens.queue, opens.subject);
        }
        for body in advance.says {
            self.push(EntryAuthor::System, What::Note { body: Body::text(body.in_words()) });
        }
        None
    }

    /// Begins what was planned.
    pub fn begin_planned(&mut self, planned: &Planned) {
        self.conversation.later.retain(|known| known != planned);
        let begun = self.in_scene(&planned.action, |actions, scene| actions.begin_planned(scene, planned));
        // The files do not have the action any more: then there is nothing to be done.
        let advance = begun.unwrap_or_else(|| Advance { ended: Some(Ended::Done), ..Advance::default() });
        self.conversation.dialogue = None;
        self.unasked = true;
        self.advance(&planned.action, &NOWHERE, advance);
    }

    /// The conversation goes elsewhere: what was under way is left, and whoever takes over is told what was gathered.
    pub fn leave(&mut self, how: &str) {
        let Some(dialogue) = &self.conversation.dialogue else { return };
        let (action, inputs) = (dialogue.action.clone(), dialogue.inputs.clone());
        self.gathered = gathered(self.actions(), &action, &inputs, self.setting.rules.default_language());
        if !matches!(dialogue.step, Step::Calls { .. }) {
            self.conversation.dialogue = None;
            self.event(Event::ActionEnded { action, how: how.to_owned(), inputs });
        }
    }

    fn actions(&self) -> &'_ Actions {
        self.setting.rules.actions()
    }

    pub(super) fn in_scene<T>(&self, action: &str, act: impl FnOnce(&Actions, &Scene<'_>) -> T) -> T {
        let (who, now) = ((&self.identity.customer, self.setting.from), self.setting.now);
        let (entry, text) = (self.entry.to_string(), self.inbound.content.text());
        let stage = Stage::of(&self.conversation, self.recall, who, now, (&entry, text));
        let stage = stage.with_ticket(self.setting.links, &self.conversation, self.setting.number);
        let scene = stage.scene(action, self.setting.rules, now);
        self.with_means(|means| act(self.actions(), &Scene { means, ..scene }))
    }

    pub(super) fn heard(&self) -> Heard<'_> {
        let pressed = match &self.inbound.content {
            // A button that says something is as if the customer had written it.
            Content::Postback { value, .. } if !self.is_said_by_a_button() => Some(value.as_str()),
            _ => None,
        };
        Heard { text: self.inbound.content.text(), pressed, entities: &self.signals.entities }
    }

    pub(super) fn advance(
        &mut self,
        action: &str,
        otherwise: &Otherwise,
        mut advance: Advance,
    ) -> Option<Box<Otherwise>> {
        self.note_verification(&mut advance);
        let Advance { dialogue, mut says, sets, later, ended, opens, .. } = advance;
        let planned = self.conversation.dialogue.as_mut().and_then(|before| before.planned.take());
        self.unasked |= planned.is_some();
        if let Some(later) = later {
            later.put(&mut self.conversation.later);
        }
        if let (Some(planned), Some(Ended::Otherwise(why))) = (planned, &ended) {
            // Nobody asked, so nobody hears that it did not work.
            says.clear();
            let again = matches!(why, Why::Failed(_)).then(|| planned.again(self.setting.now)).flatten();
            again.into_iter().for_each(|again| again.put(&mut self.conversation.later));
        }
        if let Some(opens) = &opens {
            // Before it is said.
            self.give_ticket(&opens.queue, opens.subject.clone());
            self.gathered = gathered(self.actions(), action, &opens.known, self.setting.rules.default_language());
        }
        if ended.is_some() && self.gathered.is_none() {
            let before = self.conversation.dialogue.as_ref();
            self.gathered = before.and_then(|before| {
                gathered(self.actions(), &before.action, &before.inputs, self.setting.rules.default_language())
            });
        }
        let inputs = self.conversation.dialogue.take().map(|before| before.inputs).unwrap_or_default();
        self.conversation.dialogue = dialogue.map(Box::new);
        if self.unasked && self.conversation.owner == Owner::Agent && !self.is_calling() {
            // A person is there: what the bot would ask is theirs to ask.
            self.conversation.dialogue = None;
        }
        self.conversation.attributes.extend(sets);
        if !says.is_empty() && !self.unasked {
            self.conversation.bot_turns += 1;
            self.conversation.bot_misses = 0;
        }
        for body in says {
            self.reply(Author::Bot, body, None);
        }
        let how = match ended? {
            Ended::Done => "done".to_owned(),
            Ended::Cancelled => "cancelled".to_owned(),
            Ended::Otherwise(why) => why.word(),
        };
        let goes_on = !matches!(how.as_str(), "done" | "cancelled");
        self.event(Event::ActionEnded { action: action.to_owned(), how, inputs });
        if let Some(opens) = opens.filter(|_| matches!(self.conversation.owner, Owner::Bot | Owner::Queue)) {
            self.open_ticket(action, opens, otherwise);
        }
        goes_on.then(|| Box::new(otherwise.clone()))
    }

    /// The action hands the conversation to a queue, which may be closed: the desk offers it when it is open.
    fn open_ticket(&mut self, action: &str, opens: Opens, otherwise: &Otherwise) {
        let Opens { queue, priority, reason, .. } = opens;
        let rules = self.setting.rules;
        if rules.closed_hours(&queue, self.setting.now).is_some() {
            self.event(Event::QueueClosed { queue: queue.clone() });
        }
        self.conversation.tags.insert(TICKET.to_owned());
        let priority = priority.unwrap_or(self.conversation.priority);
        // What the rule asks of the agent who helps where the bot cannot is asked of the one who helps here.
        let handoff = match &otherwise.destination {
            Destination::Handoff(handoff) if handoff.queue == queue => Handoff { priority, reason, ..handoff.clone() },
            _ => Handoff {
                escalate: rules.escalation(&queue),
                queue,
                priority,
                skills: Vec::new(),
                reason,
                rule: action.into(),
            },
        };
        self.hand_off(&handoff);
    }
}

/// What the bot has found out, in a line for whoever takes over.
fn gathered(actions: &Actions, action: &str, known: &BTreeMap<String, Json>, language: &str) -> Option<String> {
    let spec = actions.actions.get(action)?;
    let name = title(&spec.title, language).unwrap_or(&spec.name);
    let inputs = spec.inputs.iter().filter_map(|input| {
        let value = known.get(&input.name)?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{} {value}", title(&input.title, language).unwrap_or(&input.name)))
    });
    let inputs: Vec<String> = inputs.collect();
    Some(if inputs.is_empty() { name.to_owned() } else { format!("{name}: {}", inputs.join(", ")) })
}
