//! What the counts of a period come to. Pure: the counts, the moment and what is asked for are passed in.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::count::{Count, Figure};

/// For how many hours a conversation with the bot is still under way after the last word; then it counts as solved.
const UNDER_WAY: i64 = 24;
/// How many buckets a doubling of a duration has: neighbours differ by 9 %.
const PER_DOUBLING: f64 = 8.0;

/// For how many hours a conversation with the bot is under way after the last word.
#[must_use]
pub const fn under_way_for() -> i64 {
    UNDER_WAY
}

/// The bucket of a duration in milliseconds, as rows keep it.
pub(super) fn bucket(millis: i128) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a bucket is coarser than that")]
    let millis = millis.clamp(1, i128::from(u32::MAX)) as f64;
    #[expect(clippy::cast_possible_truncation, reason = "below 32 doublings")]
    let bucket = (millis.log2() * PER_DOUBLING).floor() as i64;
    bucket.to_string()
}

/// The middle of a bucket, in milliseconds.
fn middle(bucket: i64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "below 32 doublings")]
    let middle = ((bucket as f64 + 0.5) / PER_DOUBLING).exp2().round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above zero and below 2³²")]
    let middle = middle as u64;
    middle
}

/// Which conversations are looked at; everything where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// On the channel of this name.
    pub channel: Option<String>,
    /// In this language, `zh` for every kind of Chinese.
    pub language: Option<String>,
    /// That were in this queue.
    pub queue: Option<String>,
}

impl Filter {
    fn takes(&self, count: &Count) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|wanted| wanted == has);
        let language = &count.language;
        is(&self.channel, &count.channel)
            && is(&self.queue, &count.queue)
            && (is(&self.language, language) || is(&self.language, language.split('-').next().unwrap_or_default()))
    }
}

/// The conversations of a period, by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MeasuredConversations)]
pub struct Conversations {
    /// Opened in the period.
    pub opened: u64,
    /// Of these: closed, or silent for a day, without a person.
    pub contained: u64,
    /// Of these: handed to a person at some time.
    pub handed: u64,
    /// Of these: still with the bot.
    pub under_way: u64,
}

impl Conversations {
    fn add(&mut self, count: &Count, now: i64) {
        let times = times(count);
        self.opened += times;
        let is_silent = || count.detail.parse::<i64>().is_ok_and(|last| last + UNDER_WAY <= now);
        match count.label.as_str() {
            "handed" => self.handed += times,
            "open" if !is_silent() => self.under_way += times,
            _ => self.contained += times,
        }
    }

    /// The share of those that ended which no person had to see, 0 to 1.
    #[must_use]
    pub fn containment(&self) -> Option<f64> {
        share(self.contained, self.contained + self.handed)
    }
}

/// How often a rule handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MeasuredHandoffs)]
pub struct Handoffs {
    /// The rule, or what was given as the reason where it was none.
    pub rule: String,
    /// To which queue.
    pub queue: String,
    /// How often.
    pub count: u64,
}

/// How long something took, in milliseconds, to within 5 %.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MeasuredTimes)]
pub struct Times {
    /// How often.
    pub count: u64,
    /// Half of them took at most this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<u64>,
    /// Nine of ten did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p90: Option<u64>,
    /// 99 of 100 did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99: Option<u64>,
}

impl Times {
    fn of(buckets: &BTreeMap<i64, u64>) -> Self {
        let count: u64 = buckets.values().sum();
        let at = |percent: u64| {
            let rank = (count * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let found = buckets.iter().find(|(_, times)| {
                seen += **times;
                seen >= rank
            });
            found.map(|(bucket, _)| middle(*bucket))
        };
        Self { count, p50: at(50), p90: at(90), p99: at(99) }
    }
}

/// What became of an action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = MeasuredAction)]
pub struct ActionFigures {
    /// Its name.
    pub action: String,
    /// How often it was begun.
    pub begun: u64,
    /// How often it was done.
    pub done: u64,
    /// How often the customer did not want it any more.
    pub cancelled: u64,
    /// How often it ended in another way, by how.
    pub otherwise: BTreeMap<String, u64>,
    /// The share of those that ended which were done, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<f64>,
    /// How long its calls to business systems took.
    pub calls: Times,
}

/// How customers liked it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = MeasuredSatisfaction)]
pub struct Satisfaction {
    /// How often somebody was asked, after a closing.
    pub asked: u64,
    /// How many answered.
    pub rated: u64,
    /// The mean rating, 1 to 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average: Option<f64>,
    /// How many gave 1, 2, 3, 4 and 5.
    pub ratings: [u64; 5],
}

impl Satisfaction {
    fn add(&mut self, count: &Count) {
        let rating = count.label.parse::<usize>().ok().and_then(|rating| rating.checked_sub(1));
        if let Some(place) = rating.and_then(|rating| self.ratings.get_mut(rating)) {
            *place = place.saturating_add_signed(count.count);
        }
    }

    fn averaged(mut self) -> Self {
        self.rated = self.ratings.iter().sum();
        let sum = (1..).zip(self.ratings).map(|(rating, count): (u64, u64)| rating * count).sum();
        self.average = share(sum, self.rated);
        self
    }
}

/// What a model was asked, what came of it, and what that used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = MeasuredModel)]
pub struct ModelFigures {
    /// How many messages it was to answer.
    pub turns: u64,
    /// How these ended, and how often: `answered`, `acts`, `hands_off`, or why nothing came of it.
    pub ended: BTreeMap<String, u64>,
    /// The share that it answered, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered: Option<f64>,
    /// How many conversations it summarised for agents.
    pub summaries: u64,
    /// Requests to its endpoint.
    pub requests: u64,
    /// Tokens, read and written.
    pub tokens: u64,
    /// What that cost, by currency, as prices were when it was asked; empty where none was configured.
    pub costs: BTreeMap<String, Cost>,
}

/// What was paid in one currency. A million millionths is one dollar, euro or yuan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = MeasuredCost)]
pub struct Cost {
    /// For all that was asked, whatever came of it, in millionths of the currency.
    pub micros: u64,
    /// Of these for summaries.
    pub summary_micros: u64,
    /// How many of the answers were paid in this currency.
    pub answers: u64,
    /// What the rest makes for each of these answers, in millionths of the currency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micros_per_answer: Option<u64>,
}

impl ModelFigures {
    fn add(&mut self, count: &Count) {
        let times = times(count);
        match (count.figure, count.label.as_str()) {
            (Figure::Summary, how) => self.summaries += if how == "summarised" { times } else { 0 },
            (Figure::ModelTurn, how) => {
                self.turns += times;
                *self.ended.entry(how.to_owned()).or_default() += times;
                if how == "answered" && !count.detail.is_empty() {
                    self.paid_in(&count.detail).answers += times;
                }
            }
            (_, "requests") => self.requests += times,
            (_, "tokens") => self.tokens += times,
            (_, money) => {
                let cost = self.paid_in(&count.detail);
                cost.micros += times;
                cost.summary_micros += if money == "summary_micros" { times } else { 0 };
            }
        }
    }

    fn paid_in(&mut self, currency: &str) -> &mut Cost {
        self.costs.entry(currency.to_owned()).or_default()
    }

    fn shared(mut self) -> Self {
        self.answered = share(self.ended.get("answered").copied().unwrap_or(0), self.turns);
        for cost in self.costs.values_mut() {
            cost.micros_per_answer = (cost.micros - cost.summary_micros).checked_div(cost.answers);
        }
        self
    }
}

/// One day, or one of the channels, languages and queues.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = MeasuresPart)]
pub struct Part {
    /// Which one.
    pub name: String,
    /// Its conversations.
    pub conversations: Conversations,
    /// The share that no person had to see.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containment: Option<f64>,
    /// Answers from the knowledge.
    pub answers: u64,
    /// Questions without an answer.
    pub misses: u64,
    /// How customers liked it.
    pub satisfaction: Satisfaction,
    /// What a model was asked; absent where none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelFigures>,
}

impl Part {
    fn add(&mut self, count: &Count, now: i64) {
        match count.figure {
            Figure::Conversation => self.conversations.add(count, now),
            Figure::Answer => self.answers += times(count),
            Figure::Miss => self.misses += times(count),
            Figure::Asked => self.satisfaction.asked += times(count),
            Figure::Rated => self.satisfaction.add(count),
            Figure::ModelTurn | Figure::Summary | Figure::ModelUsed => self.model.get_or_insert_default().add(count),
            _ => {}
        }
    }

    fn named(self, name: String) -> Self {
        let (containment, satisfaction) = (self.conversations.containment(), self.satisfaction.averaged());
        let model = self.model.map(ModelFigures::shared);
        Self { name, containment, satisfaction, model, ..self }
    }
}

/// One day of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Which one, where the company is.
    pub date: Date,
    /// The hour that it begins in, as counts have it.
    pub begins: i64,
}

/// The figures of a period.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = Measures)]
pub struct Report {
    /// Everything.
    pub total: Part,
    /// By day; its name is its date.
    pub days: Vec<Part>,
    /// By channel, most conversations first.
    pub channels: Vec<Part>,
    /// By language.
    pub languages: Vec<Part>,
    /// By queue; the one without a name is of those that no person was wanted for.
    pub queues: Vec<Part>,
    /// By rule, most first.
    pub handoffs: Vec<Handoffs>,
    /// By action.
    pub actions: Vec<ActionFigures>,
    /// From opening to the first word, whoever spoke.
    pub first_reply: Times,
    /// From the enqueue to the first word of a person.
    pub person_reply: Times,
}

impl Report {
    /// Of the counts whose hours are those that `days` begin in; `now` is the hour that it is.
    #[must_use]
    pub fn of(counts: &[Count], days: &[Day], filter: &Filter, now: i64) -> Self {
        let mut total = Part::default();
        let mut by_day: BTreeMap<i64, Part> = days.iter().map(|day| (day.begins, Part::default())).collect();
        let mut by: [BTreeMap<&str, Part>; 3] = Default::default();
        let mut handoffs: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        let (mut first, mut person) = (BTreeMap::new(), BTreeMap::new());
        let mut actions = Actions::default();
        for count in counts.iter().filter(|count| filter.takes(count)) {
            total.add(count, now);
            if let Some(day) = by_day.get_mut(&count.hour) {
                day.add(count, now);
            }
            for (by, name) in by.iter_mut().zip([&count.channel, &count.language, &count.queue]) {
                by.entry(name).or_default().add(count, now);
            }
            match count.figure {
                Figure::Handoff => *handoffs.entry((&count.label, &count.queue)).or_default() += times(count),
                Figure::FirstReply => note_time(&mut first, count),
                Figure::PersonReply => note_time(&mut person, count),
                Figure::Begun | Figure::Ended | Figure::Called => actions.add(count),
                _ => {}
            }
        }
        let mut handoffs: Vec<Handoffs> = handoffs
            .into_iter()
            .map(|((rule, queue), count)| Handoffs { rule: rule.to_owned(), queue: queue.to_owned(), count })
            .collect();
        handoffs.sort_by_key(|handoffs| std::cmp::Reverse(handoffs.count));
        let [channels, languages, queues] = by.map(parts);
        Self {
            total: total.named(String::new()),
            days: days
                .iter()
                .map(|day| by_day.remove(&day.begins).unwrap_or_default().named(day.date.to_string()))
                .collect(),
            channels,
            languages,
            queues,
            handoffs,
            actions: actions.figures(),
            first_reply: Times::of(&first),
            person_reply: Times::of(&person),
        }
    }
}

/// What is counted of actions, by their names.
#[derive(Default)]
struct Actions<'c> {
    begun: BTreeMap<&'c str, u64>,
    ended: BTreeMap<&'c str, BTreeMap<&'c str, u64>>,
    calls: BTreeMap<&'c str, BTreeMap<i64, u64>>,
}

impl<'c> Actions<'c> {
    fn add(&mut self, count: &'c Count) {
        let name = count.label.as_str();
        match count.figure {
            Figure::Begun => *self.begun.entry(name).or_default() += times(count),
            Figure::Called => note_time(self.calls.entry(name).or_default(), count),
            _ => *self.ended.entry(name).or_default().entry(&count.detail).or_default() += times(count),
        }
    }

    fn figures(mut self) -> Vec<ActionFigures> {
        let names: BTreeSet<&str> =
            self.begun.keys().chain(self.ended.keys()).chain(self.calls.keys()).copied().collect();
        let figures = names.into_iter().map(|name| {
            let mut ended = self.ended.remove(name).unwrap_or_default();
            let all = ended.values().sum();
            let (done, cancelled) = (ended.remove("done").unwrap_or(0), ended.remove("cancelled").unwrap_or(0));
            ActionFigures {
                action: name.to_owned(),
                begun: self.begun.get(name).copied().unwrap_or(0),
                done,
                cancelled,
                otherwise: ended.into_iter().map(|(how, count)| (how.to_owned(), count)).collect(),
                success: share(done, all),
                calls: self.calls.get(name).map(Times::of).unwrap_or_default(),
            }
        });
        figures.collect()
    }
}

fn parts(by: BTreeMap<&str, Part>) -> Vec<Part> {
    let mut parts: Vec<Part> = by.into_iter().map(|(name, part)| part.named(name.to_owned())).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.conversations.opened));
    parts
}

fn note_time(buckets: &mut BTreeMap<i64, u64>, count: &Count) {
    if let Ok(bucket) = count.detail.parse() {
        *buckets.entry(bucket).or_default() += times(count);
    }
}

fn times(count: &Count) -> u64 {
    u64::try_from(count.count).unwrap_or(0)
}

fn share(part: u64, whole: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a share is shown in percent")]
    let share = (whole > 0).then(|| part as f64 / whole as f64);
    share
}
