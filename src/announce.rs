//! Telling those who watch what was committed: consoles, widgets, the desk, the couriers. Nothing here can fail or
//! change what was committed; whoever misses something reads the record.

use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::{
    ConversationId, Inbound, OutboundId, Thread, ThreadAuthor, ThreadEntry, ThreadEvent, ThreadOwner, ThreadStatus,
};
use serde_json::{Value, json};

use crate::{
    courier::Bell,
    desk::Board,
    http::views::{AgentView, ConversationView, EntryView, LiveFrame, QueueView, shown},
    inbox::rabbitmq::Events,
    live::{Audience, Event, Frame, Live, Shared, Topic},
    roster::Roster,
    store::{
        FullEntry, Once,
        conversation::{Conversation, Owner},
        entry::{DecisionRecord, Entry, EntryAuthor, What},
        outbox::{Delivery, DeliveryState},
    },
};

/// What was committed.
#[derive(Clone, Copy)]
pub struct News<'a> {
    /// The conversation before it, if there was one.
    pub before: Option<&'a Conversation>,
    /// The conversation after it.
    pub after: &'a Conversation,
    /// What was appended to its journal.
    pub entries: &'a [Entry],
    /// The replies among them, and the state that they start in.
    pub outbox: &'a [(OutboundId, DeliveryState)],
    /// The customer's message, where one of them is its turn.
    pub inbound: Option<&'a Arc<Inbound>>,
    /// What one of them was sent as by a browser.
    pub once: Option<&'a Once>,
}

/// Tells those who watch.
pub struct Announcer {
    live: Arc<dyn Live>,
    shared: Arc<dyn Shared>,
    roster: Arc<Roster>,
    board: Arc<ArcSwap<Board>>,
    couriers: Arc<Bell>,
    /// Where other systems are told.
    events: Option<Events>,
}

impl Announcer {
    /// Tells over `live` and `shared`; wakes couriers by `couriers`.
    #[must_use]
    pub fn new(
        live: Arc<dyn Live>,
        shared: Arc<dyn Shared>,
        roster: Arc<Roster>,
        board: Arc<ArcSwap<Board>>,
        couriers: Arc<Bell>,
    ) -> Self {
        Self { live, shared, roster, board, couriers, events: None }
    }

    /// Tells other systems too.
    #[must_use]
    pub fn with_events(mut self, events: Option<Events>) -> Self {
        self.events = events;
        self
    }

    /// The people of the company.
    #[must_use]
    pub fn roster(&self) -> &Arc<Roster> {
        &self.roster
    }

    /// A commit stands.
    pub fn committed(&self, news: News<'_>) {
        if news.outbox.iter().any(|(_, state)| *state == DeliveryState::Pending) {
            self.wake_couriers();
        }
        if let Some(events) = &self.events {
            tell_others(events, news);
        }
        self.tell_widgets(news);
        if self.live.is_watched(&Topic::Consoles) {
            self.tell_consoles(news);
        }
    }

    /// A conversation changed in what the desk looks at: whichever daemon runs it looks again.
    pub fn moved(&self, conversation: ConversationId) {
        self.live.publish(&Topic::Desk, Event::Conversation(conversation));
    }

    /// The people of the company changed, on this daemon: the others read them again.
    pub fn people(&self) {
        self.live.publish(&Topic::People, Event::Changed);
    }

    /// The desk at a glance, for the daemons that do not run it.
    pub fn board(&self, epoch: u64, board: &Board) {
        match serde_json::to_vec(board) {
            Ok(json) => self.shared.put_board(epoch, json.into()),
            Err(error) => tracing::error!(%error, "The board cannot be written down for the other daemons."),
        }
    }

    /// Something may be due in the outbox.
    pub fn wake_couriers(&self) {
        self.tell_couriers(Event::Changed);
    }

    /// A person wants something sent, whatever was refused before.
    pub fn insist(&self) {
        self.tell_couriers(Event::Insisted);
    }

    fn tell_couriers(&self, event: Event) {
        // Where daemons listen to each other, this one hears itself too, and rings once.
        match self.live.is_watched(&Topic::Outbox) {
            true => self.live.publish(&Topic::Outbox, event),
            false => self.couriers.ring(&event),
        }
    }

    fn tell_widgets(&self, News { before, after, entries, inbound, .. }: News<'_>) {
        let topic = Topic::Thread(after.thread());
        if !self.live.is_watched(&topic) {
            return;
        }
        for entry in entries {
            if let Some(seen) = seen_by_customer(entry, inbound.map(|inbound| &**inbound)) {
                self.live.publish(&topic, Event::Thread(Arc::new(ThreadEvent::Entry(seen))));
            }
        }
        if before.is_none_or(|before| before.owner != after.owner || before.agent != after.agent) {
            self.tell_status(after);
        }
    }

    /// Tells a widget who speaks for the company now.
    pub fn tell_status(&self, conversation: &Conversation) {
        let status = ThreadEvent::Status(self.status(conversation));
        self.live.publish(&Topic::Thread(conversation.thread()), Event::Thread(Arc::new(status)));
    }

    /// Who speaks for the company in a conversation's thread now.
    #[must_use]
    pub fn status(&self, conversation: &Conversation) -> ThreadStatus {
        let waits = conversation.owner == Owner::Queue;
        ThreadStatus {
            owner: conversation.owner,
            agent: conversation.agent.map(|agent| self.roster.name(agent)),
            position: waits.then(|| self.position(conversation.id)).flatten(),
        }
    }

    fn position(&self, conversation: ConversationId) -> Option<u32> {
        self.board.load().positions.get(&conversation).copied()
    }

    fn tell_consoles(&self, News { before, after, entries, outbox, inbound, once }: News<'_>) {
        let audience = audience(before, after);
        for entry in entries {
            let started = outbox.iter().find(|(id, _)| id.get() == entry.id.get());
            let mut view = EntryView::new(FullEntry {
                conversation: after.id,
                entry: entry.clone(),
                inbound: inbound.cloned(),
                delivery: started.map(|(_, state)| Delivery::first(*state)),
            });
            view.client_id = once.filter(|once| once.entry == entry.id).map(|once| once.client_id.clone());
            self.tell(audience.clone(), &LiveFrame::Entry { entry: &view });
        }
        self.tell(audience, &LiveFrame::Conversation { conversation: &self.view(after) });
    }

    /// An entry has changed: a file of it has come.
    pub fn entry(&self, conversation: &Conversation, entry: FullEntry) {
        let view = EntryView::new(entry);
        self.tell(audience(None, conversation), &LiveFrame::Entry { entry: &view });
    }

    /// A conversation as lists show it now.
    #[must_use]
    pub fn view(&self, conversation: &Conversation) -> ConversationView {
        ConversationView::new(conversation, &self.roster, self.position(conversation.id))
    }

    /// A delivery has come further.
    pub fn delivery(&self, conversation: &Conversation, outbound: OutboundId, delivery: &Delivery) {
        let frame =
            LiveFrame::Delivery { conversation: conversation.id.to_string(), outbound: outbound.to_string(), delivery };
        self.tell(audience(None, conversation), &frame);
    }

    /// The customer is writing.
    pub fn customer_types(&self, conversation: &Conversation) {
        let frame = LiveFrame::Typing { conversation: conversation.id.to_string() };
        self.tell(audience(None, conversation), &frame);
    }

    /// Somebody of the company is writing.
    pub fn agent_types(&self, thread: Thread, name: String) {
        self.live.publish(&Topic::Thread(thread), Event::Thread(Arc::new(ThreadEvent::Typing { name })));
    }

    /// What the bot has written so far of an answer; empty where nothing comes of it. The answer itself is told when it is
    /// committed.
    pub fn bot_writes(&self, thread: Thread, text: String) {
        let topic = Topic::Thread(thread);
        if self.live.is_watched(&topic) {
            self.live.publish(&topic, Event::Thread(Arc::new(ThreadEvent::Writing { text })));
        }
    }

    /// An agent came, went, or changed.
    pub fn agent(&self, agent: contract::AgentId) {
        if let Some(found) = self.roster.get(agent) {
            let view = AgentView::new(&found, self.board.load().agent(agent));
            self.tell(Audience::Everyone, &LiveFrame::Agent { agent: &view });
        }
    }

    /// The queues moved.
    pub fn queues(&self, queues: &[QueueView]) {
        self.tell(Audience::Everyone, &LiveFrame::Queues { queues });
    }

    /// A frame for one agent's consoles.
    pub fn tell_agent(&self, agent: contract::AgentId, frame: &LiveFrame<'_>) {
        let frame = Frame { json: frame.to_json(), audience: Audience::Everyone };
        self.live.publish(&Topic::Agent(agent), Event::Frame(Arc::new(frame)));
    }

    /// A frame for consoles.
    pub fn tell(&self, audience: Audience, frame: &LiveFrame<'_>) {
        if self.live.is_watched(&Topic::Consoles) {
            let frame = Frame { json: frame.to_json(), audience };
            self.live.publish(&Topic::Consoles, Event::Frame(Arc::new(frame)));
        }
    }
}

/// Decisions as `decision.<destination>`, or `decision.heard` where an action heard the message instead, and what happens to conversations as `conversation.<event>`.
fn tell_others(events: &Events, News { after, entries, .. }: News<'_>) {
    for Entry { id, at, what, .. } in entries {
        let with = |mut told: Value| {
            told["entry"] = json!(id);
            told["at"] = json!(at);
            told["conversation"] = json!(after.id);
            told["channel"] = json!(after.channel);
            told
        };
        match what {
            What::Message(record) | What::Refined { record, .. } | What::Fired { record, .. } => {
                if let Some(decision) = &record.decision {
                    let DecisionRecord { rule_set, rule, destination, tags, heard, .. } = decision;
                    let mut told =
                        json!({"rule_set": rule_set, "rule": rule, "destination": destination, "tags": tags});
                    let mut led = destination.as_str();
                    if !heard.is_empty() {
                        told["heard"] = json!(heard);
                        led = "heard";
                    }
                    events.publish("decision", led, &with(told));
                }
            }
            What::Event { event } => {
                let mut told = serde_json::to_value(event).unwrap_or_default();
                // What a customer said of themselves stays in the record.
                if let Value::Object(fields) = &mut told {
                    fields.retain(|name, _| !matches!(name.as_str(), "inputs" | "outputs" | "told"));
                }
                let word = told["type"].as_str().unwrap_or_default().to_owned();
                events.publish("conversation", &word, &with(json!({"event": told})));
            }
            What::Reply { .. } | What::Note { .. } => {}
        }
    }
}

fn audience(before: Option<&Conversation>, after: &Conversation) -> Audience {
    let queue_of = |conversation: &Conversation| {
        conversation
            .handoff
            .as_ref()
            .filter(|_| conversation.owner == Owner::Queue)
            .map(|handoff| handoff.queue.clone())
    };
    Audience::Conversation {
        agents: [after.agent, before.and_then(|before| before.agent)],
        queue: queue_of(after).or_else(|| before.and_then(queue_of)),
    }
}

/// An entry as the customer sees it; `None` for what they do not see.
#[must_use]
pub fn seen_by_customer(entry: &Entry, inbound: Option<&Inbound>) -> Option<ThreadEntry> {
    let (author, body, external_id) = match &entry.what {
        What::Message(_) => {
            let inbound = inbound?;
            if !matches!(inbound.content, contract::Content::Message(_) | contract::Content::Postback { .. }) {
                return None;
            }
            (ThreadAuthor::Customer, shown(&inbound.content), Some(inbound.external_id.clone()))
        }
        // What goes elsewhere is for whoever reads there, and that need not be this customer.
        What::Reply { outbound, .. } if outbound.body.challenge.is_some() => return None,
        What::Reply { outbound, .. } => {
            let author = match &entry.author {
                EntryAuthor::Agent { name, .. } => ThreadAuthor::Agent { name: name.clone() },
                EntryAuthor::Bot => ThreadAuthor::Bot,
                EntryAuthor::Customer | EntryAuthor::System => ThreadAuthor::System,
            };
            (author, outbound.body.clone(), None)
        }
        What::Refined { .. } | What::Fired { .. } | What::Note { .. } | What::Event { .. } => return None,
    };
    Some(ThreadEntry { id: entry.id, at: entry.at, author, body, external_id })
}

/// What a widget shows before the first message.
#[must_use]
pub const fn nobody_wrote_yet() -> ThreadStatus {
    ThreadStatus { owner: ThreadOwner::Bot, agent: None, position: None }
}
