//! What follows what a model said: a state machine without time and network. A model can ask to know more, wish for an
//! action, hand over, or answer; it can do nothing itself.
//!
//! ```text
//!   order, history, passages ─► asked ─► said ─┬─► wants to know ─► told ─► asked again
//!                                              ├─► an action: the ordinary dialogue begins
//!                                              ├─► hands over
//!                                              └─► an answer, if it rests on something
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value as Json, json};

use super::{
    answer::{has_invented_link, shown_so_far, states_nothing, without_marks},
    client::Failure,
    mask::Mask,
    persona::Persona,
    said::{Said, ToolCall},
    tools::{self, Tool, Tools},
};
use crate::{
    actions::{Actions, Dialogue, Heard, Scene, Step},
    bot::{Answer, Citation},
    calls::Returned,
    routing::{Otherwise, RuleSet},
};

/// How often the same may be asked of the same tool.
const REPEATS: u32 = 2;
/// The longest result of a tool, in bytes.
const RESULT_BYTES: usize = 16 * 1024;

/// What is thought about, and by whom.
#[derive(Clone, Copy)]
pub struct Matter<'a> {
    /// Who speaks.
    pub persona: &'a Persona,
    /// The rules in force.
    pub rules: &'a RuleSet,
    /// With whom, by action.
    pub scene: &'a (dyn Fn(&'a str) -> Scene<'a> + Sync),
    /// What the customer's last message says.
    pub heard: Heard<'a>,
    /// What happens where nothing comes of it.
    pub otherwise: &'a Otherwise,
    /// The language that is answered in.
    pub language: &'a str,
    /// Whether the customer only greeted or thanked.
    pub small_talk: bool,
    /// What is known of the customer and may be told.
    pub facts: &'a Json,
    /// How often a model may be asked.
    pub steps: u32,
}

/// Something that the model wants to know.
#[derive(Debug)]
pub enum Wish {
    /// Passages of knowledge.
    Search {
        /// What its result is told under.
        call: String,
        /// What for.
        query: String,
    },
    /// What a business system answers; nothing is changed by that.
    Call {
        /// What its result is told under.
        call: String,
        /// The action, with all that it needs.
        dialogue: Box<Dialogue>,
    },
}

/// What follows.
#[derive(Debug)]
pub enum Next {
    /// It is asked again, once these are told.
    Know(Vec<Wish>),
    /// It is over.
    End(End),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// This is the answer.
    Answer {
        /// What the customer is told.
        text: String,
        /// What it rests on, of the knowledge.
        citations: Vec<Citation>,
    },
    /// The ordinary dialogue of an action begins, with what the model knows of it.
    Act {
        /// The action's name.
        action: String,
        /// Its inputs, as the model has them.
        arguments: BTreeMap<String, Json>,
    },
    /// A person takes over.
    HandOff {
        /// To which queue, of those that are allowed.
        queue: Option<String>,
        /// Why, in the model's words.
        reason: String,
    },
    /// Nothing comes of it.
    Failed(Why),
}

/// Why nothing comes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The model's server.
    Server(Failure),
    /// It asked and asked.
    Steps,
    /// What it states rests on nothing.
    Uncited,
    /// It sends customers where nobody of the company does.
    Link,
    /// It speaks of something that it was never given.
    Placeholder,
    /// The conversation or the day has used what it may.
    Budget,
    /// It took too long.
    Time,
    /// Nobody was heard of.
    Lost,
    /// The files do not have the persona any more.
    Gone,
}

impl Why {
    /// The word for it, in journals and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Server(failure) => failure.as_str(),
            Self::Steps => "steps",
            Self::Uncited => "uncited",
            Self::Link => "link",
            Self::Placeholder => "placeholder",
            Self::Budget => "budget",
            Self::Time => "time",
            Self::Lost => "lost",
            Self::Gone => "gone",
        }
    }
}

/// Where something that the model was told comes from.
#[derive(Debug)]
struct Source {
    citation: Option<Citation>,
    text: String,
}

/// A model at work on one message.
pub struct Thinking<'a> {
    matter: Matter<'a>,
    tools: Tools<'a>,
    mask: Mask<'a>,
    messages: Vec<Json>,
    sources: BTreeMap<String, Source>,
    asked: HashMap<(String, String), u32>,
    steps: u32,
    called: Vec<String>,
    sets: Vec<(String, String)>,
}

impl<'a> Thinking<'a> {
    /// Begins with the order, what was said (by whom: `user`, `assistant`), and what the knowledge has on it.
    #[must_use]
    pub fn new(
        matter: Matter<'a>,
        mut mask: Mask<'a>,
        order: &str,
        said: &[(&'static str, String)],
        passages: Vec<Answer>,
    ) -> Self {
        let tools = Tools::new(matter.persona, matter.rules.actions(), matter.rules.queues());
        let mut messages = vec![json!({"role": "system", "content": order})];
        for (role, text) in said {
            messages.push(json!({"role": role, "content": mask.hide(text)}));
        }
        let mut new = Self {
            matter,
            tools,
            mask,
            messages,
            sources: BTreeMap::new(),
            asked: HashMap::new(),
            steps: 0,
            called: Vec::new(),
            sets: Vec::new(),
        };
        new.tell_first(passages);
        new
    }

    /// The conversation with the model so far.
    #[must_use]
    pub fn messages(&self) -> &[Json] {
        &self.messages
    }

    /// What it can call.
    #[must_use]
    pub fn tools(&self) -> Vec<Json> {
        self.tools.described(self.matter.language)
    }

    /// The tools that it called.
    #[must_use]
    pub fn called(&self) -> &[String] {
        &self.called
    }

    /// The passages of knowledge that it was given.
    #[must_use]
    pub fn given(&self) -> Vec<String> {
        let cited = self.sources.values().filter_map(|source| source.citation.as_ref());
        cited.map(|citation| format!("{}: {}", citation.file, citation.question)).collect()
    }

    /// What actions that were called on the way note of the conversation.
    #[must_use]
    pub fn sets(&self) -> &[(String, String)] {
        &self.sets
    }

    /// What a customer may see of an answer that is being written.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        let shown = shown_so_far(text, &self.ids(), self.matter.persona.must_cite);
        self.mask.show(&shown).unwrap_or_default()
    }

    /// What follows what the model said.
    pub fn heard(&mut self, said: Said) -> Next {
        self.steps += 1;
        if said.calls.is_empty() {
            return Next::End(self.answered(&said.text));
        }
        let calls: Vec<Json> = said.calls.iter().map(written).collect();
        // What it says beside a call is not told: it may say that something was done.
        self.messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        let mut wishes = Vec::new();
        for call in &said.calls {
            match self.wished(call) {
                Ok(Some(wish)) => wishes.push(wish),
                Ok(None) => {}
                Err(end) => return Next::End(end),
            }
        }
        if self.steps >= self.matter.steps {
            return Next::End(End::Failed(Why::Steps));
        }
        Next::Know(wishes)
    }

    /// Tells it what the knowledge has.
    pub fn found(&mut self, call: &str, passages: Vec<Answer>) {
        let passages = self.numbered(passages);
        self.tell(call, &json!({"passages": passages}));
    }

    /// Tells it what a business system answered: what the file takes out of it, and what it says of it.
    pub fn returned(&mut self, call: &str, dialogue: &Dialogue, returned: &Returned) {
        let id = format!("a{}", self.sources.values().filter(|source| source.citation.is_none()).count() + 1);
        let actions: &'a Actions = self.matter.rules.actions();
        let Some(spec) = actions.actions.get(&dialogue.action) else {
            return self.tell(call, &json!({"error": "this tool is gone"}));
        };
        let scene = (self.matter.scene)(&spec.name);
        let advance = actions.returned(&scene, dialogue, returned).unwrap_or_default();
        let says: Vec<&str> = advance.says.iter().map(|body| body.text.as_str()).collect();
        let outputs = actions.outputs(&scene, dialogue, returned);
        self.sets.extend(advance.sets.iter().cloned());
        let told = json!({"id": id, "outputs": outputs, "says": says});
        self.sources.insert(id, Source { citation: None, text: told.to_string() });
        let hidden = self.mask.hide_in(&told);
        self.tell(call, &hidden);
    }

    /// The first look into the knowledge is made for it, as though it had asked: so what is found comes as data does.
    fn tell_first(&mut self, passages: Vec<Answer>) {
        let mut first = vec![("given_1", tools::SEARCH, json!({"passages": self.numbered(passages)}))];
        if !self.matter.persona.facts.is_empty() {
            first.push(("given_2", tools::FACTS, self.mask.hide_in(self.matter.facts)));
        }
        let calls: Vec<Json> = first
            .iter()
            .map(|(id, name, _)| written(&ToolCall { id: (*id).into(), name: (*name).into(), arguments: "{}".into() }))
            .collect();
        self.messages.push(json!({"role": "assistant", "content": null, "tool_calls": calls}));
        for (id, _, result) in first {
            self.tell(id, &result);
        }
    }

    fn tell(&mut self, call: &str, result: &Json) {
        let mut text = result.to_string();
        if text.len() > RESULT_BYTES {
            text = json!({"error": "the result is too long"}).to_string();
        }
        self.messages.push(json!({"role": "tool", "tool_call_id": call, "content": text}));
    }

    fn refuse(&mut self, call: &ToolCall, why: String) {
        self.tell(&call.id, &json!({"error": why}));
    }

    /// What a call wishes for; an end where it ends.
    fn wished(&mut self, call: &ToolCall) -> Result<Option<Wish>, End> {
        let Some(tool) = self.tools.find(&call.name) else {
            let names = self.tools.names().join(", ");
            self.refuse(call, format!("there is no such tool; there are {names}"));
            return Ok(None);
        };
        self.called.push(call.name.clone());
        let written = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        let arguments = match serde_json::from_str::<Json>(written) {
            Ok(Json::Object(arguments)) => arguments,
            _ => {
                self.refuse(call, "the arguments are not a JSON object".to_owned());
                return Ok(None);
            }
        };
        let Ok(Json::Object(arguments)) = self.mask.show_in(&Json::Object(arguments)) else {
            self.refuse(call, "a placeholder in the arguments stands for nothing".to_owned());
            return Ok(None);
        };
        let times = self.asked.entry((call.name.clone(), Json::Object(arguments.clone()).to_string())).or_default();
        *times += 1;
        if *times > REPEATS {
            return Err(End::Failed(Why::Steps));
        }
        let text = |name: &str| arguments.get(name).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
        match tool {
            Tool::Search => {
                let query = Some(text("query")).filter(|query| !query.is_empty());
                let query = query.unwrap_or_else(|| self.matter.heard.text.to_owned());
                Ok(Some(Wish::Search { call: call.id.clone(), query }))
            }
            Tool::Facts => {
                let facts = self.mask.hide_in(self.matter.facts);
                self.tell(&call.id, &facts);
                Ok(None)
            }
            Tool::HandOff => {
                let wanted = text("queue");
                let queue = self.tools.queue(&wanted).map(str::to_owned);
                if queue.is_none() && !wanted.is_empty() {
                    self.refuse(call, "you may not hand over to that queue".to_owned());
                    return Ok(None);
                }
                Err(End::HandOff { queue, reason: text("reason") })
            }
            Tool::Action(action) => self.acted(call, &action, arguments.into_iter().collect()),
        }
    }

    /// What only reads and has all that it needs is read now. All else goes the way that customers go: what is missing is
    /// asked for, and what changes something is confirmed, by them.
    fn acted(&mut self, call: &ToolCall, action: &str, arguments: BTreeMap<String, Json>) -> Result<Option<Wish>, End> {
        let actions: &'a Actions = self.matter.rules.actions();
        let Some(spec) = actions.actions.get(action) else { return Ok(None) };
        let scene = (self.matter.scene)(&spec.name);
        let begun = actions.begin_with(&scene, action, self.matter.otherwise, &self.matter.heard, &arguments);
        let reads = spec.only_reads() && spec.confirm.is_none();
        match begun.and_then(|begun| begun.dialogue) {
            Some(dialogue) if reads && matches!(dialogue.step, Step::Calls { choices_of: None, .. }) => {
                Ok(Some(Wish::Call { call: call.id.clone(), dialogue: Box::new(dialogue) }))
            }
            _ => Err(End::Act { action: action.to_owned(), arguments }),
        }
    }

    fn answered(&self, said: &str) -> End {
        let marked = without_marks(said, &self.ids());
        let Ok(text) = self.mask.show(&marked.text) else { return End::Failed(Why::Placeholder) };
        if text.is_empty() {
            return End::Failed(Why::Server(Failure::Empty));
        }
        let rests = !marked.on.is_empty() || states_nothing(&text, self.matter.small_talk);
        if self.matter.persona.must_cite && !rests {
            return End::Failed(Why::Uncited);
        }
        if has_invented_link(&text, self.sources.values().map(|source| source.text.as_str())) {
            return End::Failed(Why::Link);
        }
        let sources = marked.on.iter().filter_map(|id| self.sources.get(id));
        End::Answer { text, citations: sources.filter_map(|source| source.citation.clone()).collect() }
    }

    fn ids(&self) -> BTreeSet<String> {
        self.sources.keys().cloned().collect()
    }

    /// Passages with their ids; the same one has the same.
    fn numbered(&mut self, passages: Vec<Answer>) -> Vec<Json> {
        let numbered = passages.into_iter().map(|passage| {
            let Answer { text, citation, .. } = passage;
            let same = |source: &Source| {
                source
                    .citation
                    .as_ref()
                    .is_some_and(|known| known.file == citation.file && known.question == citation.question)
            };
            let known = self.sources.iter().find(|(_, source)| same(source)).map(|(id, _)| id.clone());
            let id = known.unwrap_or_else(|| {
                let count = self.sources.values().filter(|source| source.citation.is_some()).count();
                format!("p{}", count + 1)
            });
            let told = json!({"id": id, "question": citation.question, "text": text});
            self.sources.insert(id, Source { citation: Some(citation), text });
            told
        });
        numbered.collect()
    }
}

fn written(call: &ToolCall) -> Json {
    json!({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
}
