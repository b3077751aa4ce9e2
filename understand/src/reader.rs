//! Reads a message: everything that the embedded model says of it, in one call without waiting.

use std::{cell::RefCell, sync::LazyLock};

use crate::{
    automatic,
    entities::Patterns,
    features::{Feature, Group, across, letters},
    folded::{Folded, Kind, window},
    intents::Intents,
    language::{self, UNDETERMINED},
    likely::{softmax, tidy},
    model::{HEADER, Judge, Model, Sums, Tuning, Wish, factors},
    signals::{Sentiment, SentimentLabel, Signal, Signals},
    terms::{self, Known, Stretch},
    words::Words,
};

/// The weights so that each group of n-grams is one cache line.
static WEIGHTS: &Aligned<[u8]> =
    &Aligned { gap: [0; HEADER.next_multiple_of(64) - HEADER], bytes: *include_bytes!("model.bin") };

#[repr(C, align(64))]
struct Aligned<T: ?Sized> {
    gap: [u8; HEADER.next_multiple_of(64) - HEADER],
    bytes: T,
}

/// How much surer than a whole message one clause of it must be of asking for a person.
const SURER: f32 = 5.0;

/// The longest subject that is read, in characters.
const SUBJECT: usize = 200;

/// Where fewer than one in so many of a message's n-grams are known, nothing is said of it.
const LEAST_KNOWN: usize = 20;

/// What is read of a message.
#[derive(Debug, Clone, Copy, Default)]
pub struct Text<'a> {
    /// The message's text; may be empty, of any length and in any language.
    pub text: &'a str,
    /// Its subject, where the channel has such a thing.
    pub subject: Option<&'a str>,
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, subject: None }
    }
}

/// From which confidence on a signal is known, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// Of the language.
    pub language: f32,
    /// Of the tone.
    pub sentiment: f32,
    /// Of each wish, in the order of [`Wish::ALL`].
    pub wishes: [f32; Wish::ALL.len()],
    /// Of the intent.
    pub intent: f32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { language: 0.4, sentiment: 0.5, wishes: [0.55; Wish::ALL.len()], intent: 0.4 }
    }
}

/// How often messages are negative, neutral, positive where they are read, in any unit. The model learned from texts
/// where these are about 35, 40 and 25 of a hundred.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior(pub [f32; 3]);

impl Prior {
    const LEARNED: [f32; 3] = [0.35, 0.4, 0.25];
}

impl Default for Prior {
    fn default() -> Self {
        Self(Self::LEARNED)
    }
}

/// What reading a message needs for a moment, kept for the next one.
#[derive(Default)]
struct Memory {
    folded: Folded,
    likely: Vec<Feature>,
    prints: Vec<u64>,
    words: Words,
    known: Vec<Stretch>,
    clauses: Clauses,
    terms: terms::Memory,
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

/// What was found in a message.
#[derive(Default)]
struct Found {
    /// Whether hardly anything is known of it.
    is_noise: bool,
    /// What the known ones add up to.
    sums: Sums,
}

/// Reads messages.
#[derive(Debug, Clone)]
pub struct Reader {
    model: &'static Model<'static>,
    name: String,
    thresholds: Thresholds,
    /// How much oftener each step of tone is met here than where the model learned.
    prior: [f32; 5],
    intents: Option<Intents>,
    patterns: Patterns,
}

impl Reader {
    /// A reader with the embedded weights. `intents` and `patterns` are the business's own.
    #[must_use]
    pub fn new(thresholds: Thresholds, prior: Prior, intents: Option<Intents>, patterns: Patterns) -> Self {
        automatic::prepare();
        language::prepare();
        let total: f32 = prior.0.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        let shift = |class: usize| (prior.0[class] / total).max(1e-3) / Prior::LEARNED[class];
        let shifts = [shift(0), shift(0), shift(1), shift(2), shift(2)];
        let (model, version) = &*EMBEDDED;
        let name = match &intents {
            Some(intents) => format!("switchboard-{version}+{}", intents.version()),
            None => format!("switchboard-{version}"),
        };
        Self { model, name, thresholds, prior: shifts, intents, patterns }
    }

    /// Its name and version: with it and the text, the same signals come out again.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Everything that is said of a message. At most 2,000 characters of it are looked at, its head and its tail.
    #[must_use]
    pub fn read<'a>(&self, message: impl Into<Text<'a>>) -> Signals {
        let Text { text, subject } = message.into();
        let text = window(text);
        let subject = subject.unwrap_or_default();
        let subject = subject.char_indices().nth(SUBJECT).map_or(subject, |(end, _)| &subject[..end]);
        let whole = if subject.is_empty() { text } else { format!("{subject}\n{text}").into() };
        MEMORY.with_borrow_mut(|memory| self.read_in(memory, &whole, subject))
    }

    fn read_in(&self, memory: &mut Memory, whole: &str, subject: &str) -> Signals {
        memory.folded.read(whole);
        let Found { is_noise, sums } = self.find(memory);
        let Memory { folded, known, clauses, terms, .. } = memory;
        let folded: &Folded = folded;
        let scores = sums.scores(&self.model.tuning);

        let mut tone: [f32; 5] = std::array::from_fn(|step| scores[step] / self.model.tuning.temperature);
        softmax(&mut tone);
        let mut sentiment = self.sentiment(&self.expected(&tone), is_noise);
        let asked = clauses.asked(&self.model.tuning, folded, known);
        let runs = folded.runs();
        let mut wishes = Wish::ALL.map(|wish| {
            let score = scores[wish.column()];
            let score = if wish == Wish::WantsHuman { score.max(asked - SURER) } else { score };
            let judge = &self.model.tuning.wishes[wish as usize];
            self.wish(wish, judge.score(Judge::evidence(score, &tone, runs)), is_noise)
        });
        let known = Known { tuning: &self.model.tuning, folded, stretches: known, factors: factors(sums.known) };
        explain(&known, terms, &mut sentiment, &mut wishes);

        let language = if folded.tokens.is_empty() {
            Signal { value: UNDETERMINED.to_owned(), ..Signal::unknown() }
        } else {
            language::identify(whole, folded, self.thresholds.language)
        };
        let (intent, topics) = match &self.intents {
            Some(intents) => {
                let (intent, topics) = intents.of(folded, self.thresholds.intent);
                (Some(intent), topics)
            }
            None => (None, Vec::new()),
        };
        let [urgency, complaint, churn_risk, wants_human, thanks, spam] = wishes;
        Signals {
            language,
            sentiment,
            urgency,
            complaint,
            churn_risk,
            wants_human,
            thanks,
            spam,
            intent,
            topics,
            automatic: automatic::is_automatic(whole, subject),
            entities: self.patterns.find(whole),
            model: self.name.clone(),
        }
    }

    /// Finds the n-grams of the folded text that the model knows.
    fn find(&self, Memory { folded, likely, prints, words, known, .. }: &mut Memory) -> Found {
        let mut sums = Sums::default();
        let mut all = 0_usize;
        let spelled = || folded.tokens.iter().filter(|token| token.kind == Kind::Word);
        words.expect(spelled().map(|token| token.hash));
        likely.clear();
        across(folded, |feature| {
            all += 1;
            if self.model.may_know(feature.hash) {
                likely.push(feature);
            }
        });
        known.clear();
        for (Feature { group, start, end, .. }, row) in self.model.rows(likely, prints) {
            let stretch = Stretch { group: *group, start: *start, end: *end, weights: row.into() };
            if end > start {
                known.push(stretch);
            } else {
                // What the text looks like as a whole has no place in it.
                sums.add(*group, &stretch.weights);
            }
        }
        for token in spelled() {
            let word = words.of(self.model, letters(folded, token), token.hash);
            all += usize::from(word.pieces);
            if word.weights.known > 0 {
                known.push(Stretch {
                    group: Group::Letters,
                    start: token.start,
                    end: token.end,
                    weights: word.weights,
                });
            }
        }
        for family in known.chunk_by(|a, b| a.group == b.group) {
            sums.extend(family[0].group, family.iter().map(|stretch| &stretch.weights));
        }
        // Numbers are known, but say nothing.
        let mut wanted = all.div_ceil(LEAST_KNOWN).max(1);
        for stretch in known.iter().filter(|stretch| !folded.chars[stretch.start as usize].is_ascii_digit()) {
            wanted = wanted.saturating_sub(usize::from(stretch.weights.known));
            if wanted == 0 {
                break;
            }
        }
        Found { is_noise: wanted > 0, sums }
    }

    /// The likelihoods of the steps of tone where messages are as they are here.
    fn expected(&self, tone: &[f32; 5]) -> [f32; 5] {
        let steps: [f32; 5] = std::array::from_fn(|step| tone[step] * self.prior[step]);
        let all: f32 = steps.iter().sum();
        steps.map(|step| step / all)
    }

    /// The tone: which side is likeliest, then how strongly.
    fn sentiment(&self, steps: &[f32; 5], is_noise: bool) -> Sentiment {
        use SentimentLabel::{Negative, Neutral, Positive, VeryNegative, VeryPositive};
        let sides = [steps[0] + steps[1], steps[2], steps[3] + steps[4]];
        let (value, confidence) = if sides[0] > sides[1] && sides[0] >= sides[2] {
            (if steps[0] > steps[1] { VeryNegative } else { Negative }, sides[0])
        } else if sides[2] > sides[1] {
            (if steps[4] > steps[3] { VeryPositive } else { Positive }, sides[2])
        } else {
            (Neutral, sides[1])
        };
        let score = steps[4] - steps[0] + 0.5 * (steps[3] - steps[1]);
        let (confidence, score) = if is_noise { (0.0, 0.0) } else { (tidy(confidence), tidy(score)) };
        let value = if is_noise { Neutral } else { value };
        let known = confidence >= self.thresholds.sentiment;
        Sentiment { label: Signal { value, confidence, known, terms: Vec::new() }, score }
    }

    fn wish(&self, wish: Wish, score: f32, is_noise: bool) -> Signal<f32> {
        let value = if is_noise { 0.0 } else { tidy(1.0 / (1.0 + (-score).exp())) };
        let confidence = if is_noise { 0.0 } else { tidy(value.max(1.0 - value)) };
        Signal { value, confidence, known: confidence >= self.thresholds.wishes[wish as usize], terms: Vec::new() }
    }
}

/// The clauses of a message.
#[derive(Default)]
struct Clauses {
    /// By character the number of the clause that it stands in.
    of: Vec<u32>,
    clauses: Vec<Clause>,
}

/// What one clause adds to asking for a person.
struct Clause {
    end: u32,
    sums: [i32; 2],
    known: [u32; 2],
}

impl Clauses {
    fn read(&mut self, folded: &Folded) {
        self.of.clear();
        self.clauses.clear();
        let stops = folded.tokens.iter().filter(|token| token.kind == Kind::Stop).map(|stop| stop.end as usize);
        for (number, end) in (0..).zip(stops.chain([folded.chars.len()])) {
            self.of.resize(end, number);
            self.clauses.push(Clause { end: end as u32, sums: [0; 2], known: [0; 2] });
        }
    }

    /// How strongly one clause asks for a person, the others left out: whoever asks in one line and pastes forty more
    /// has asked all the same.
    fn asked(&mut self, tuning: &Tuning, folded: &Folded, known: &[Stretch]) -> f32 {
        const FEWEST: u32 = 6;
        const COLUMN: usize = Wish::WantsHuman.column();
        self.read(folded);
        for Stretch { group, start, end, weights } in known {
            let clause = &mut self.clauses[self.of[*start as usize] as usize];
            if *end <= clause.end {
                clause.sums[*group as usize] += i32::from(weights.column(COLUMN));
                clause.known[*group as usize] += u32::from(weights.known);
            }
        }
        let enough = self.clauses.iter().filter(|clause| clause.known.iter().sum::<u32>() >= FEWEST);
        enough.map(|clause| tuning.score(COLUMN, clause.sums, factors(clause.known))).fold(f32::MIN, f32::max)
    }
}

/// Adds the words that weighed most, where something is said.
fn explain(
    known: &Known<'_>,
    memory: &mut terms::Memory,
    sentiment: &mut Sentiment,
    wishes: &mut [Signal<f32>; Wish::ALL.len()],
) {
    let tone = sentiment.label.value;
    if tone != SentimentLabel::Neutral {
        let sign = if tone < SentimentLabel::Neutral { -1.0 } else { 1.0 };
        sentiment.label.terms = known.terms([(0, -sign), (1, -sign), (3, sign), (4, sign)], memory);
    }
    for wish in Wish::ALL {
        let signal = &mut wishes[wish as usize];
        if signal.value >= 0.5 {
            signal.terms = known.terms([(wish.column(), 1.0)], memory);
        }
    }
}

/// The weights, checked once, and their version.
static EMBEDDED: LazyLock<(Model<'static>, String)> = LazyLock::new(|| {
    let version = WEIGHTS.bytes.chunks(64).fold(0xcbf2_9ce4_8422_2325_u64, |hash, part| {
        part.as_chunks::<8>().0.iter().fold(hash, |hash, eight| {
            (hash ^ u64::from_le_bytes(*eight)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(23)
        })
    });
    #[expect(clippy::expect_used, reason = "a test reads the very file that is embedded")]
    let model = Model::read(&WEIGHTS.bytes).expect("the embedded weights are read by a test");
    (model, format!("1.{:08x}", version >> 32))
});
