//! Which of several titles an answer means.

use std::{collections::HashMap, sync::LazyLock};

use regex::Regex;

use super::{
    assent::{Assent, assent},
    negation::negates,
    number::{Ordinal, ordinal_of},
    text::{Answer, pattern},
    when::{self, Clock, Day, MonthDay, Span, When},
};

/// Which of the titles is meant, by their indices from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// This one.
    One(usize),
    /// One of these, or all of them: they fit equally. In ascending order, two or more.
    Several(Vec<usize>),
    /// Nothing here is meant, or what is meant cannot be told.
    None,
}

/// Which of the titles an answer means; a guess is never made.
///
/// - The title itself, whatever its case, width, punctuation and way of writing Chinese.
/// - A place: `2`, `2.`, `no. 2`, `选2`, `option b`, `the second one`, `第二个`, `最后一个`. A bare number that is a place
///   and also stands in another title, which is no date or time, is one of both.
/// - Words that tell a title from the others: `the blue one`, `红的`. A long English word may have one typo.
/// - A day or a time where titles are such: `the 3pm one`, `下午三点的` of `12月3日 周四 15:00`. `tomorrow` and `next Friday`
///   fit titles that say the same: the day is not known here.
/// - A plain yes or no, of titles that are such.
///
/// What is said by several of these has to fit them all; if no title does, those that fit some of it are `Several`.
/// [`Chosen::None`] for a place beyond the list, for an answer that excludes something (`not the second`), asks
/// something (`第二个多少钱`) or says much more than it chooses.
#[must_use]
pub fn choose<S: AsRef<str>>(text: &str, titles: &[S]) -> Chosen {
    let said = Answer::of(text).in_digits();
    let titles: Vec<Title> = titles.iter().map(|title| Title::of(title.as_ref())).collect();
    let list = List::of(&titles);
    let exact = list.which(|title| title.bare == bare(&said));
    if exact.contains(&true) {
        return chosen(&match list.bare_place(&said) {
            Some(place) => union(&exact, &place),
            None => exact,
        });
    }
    let wants = assent(text);
    let agreeing = list.which(|title| wants.is_some() && title.assent == wants);
    if agreeing.contains(&true) {
        return chosen(&agreeing);
    }
    if list.asks(&said) || list.excludes(&said) {
        return Chosen::None;
    }
    list.weigh(&said).map_or(Chosen::None, |sets| chosen(&common(&sets)))
}

/// Which titles are meant by one thing that is said.
type Set = Vec<bool>;

fn union(one: &Set, other: &Set) -> Set {
    one.iter().zip(other).map(|(one, other)| *one || *other).collect()
}

/// The titles that everything means, or else those that anything does.
fn common(sets: &[Set]) -> Set {
    let Some((first, rest)) = sets.split_first() else { return Vec::new() };
    let all = rest.iter().fold(first.clone(), |all, set| all.iter().zip(set).map(|(a, b)| *a && *b).collect());
    if all.contains(&true) { all } else { rest.iter().fold(first.clone(), |any, set| union(&any, set)) }
}

fn chosen(set: &Set) -> Chosen {
    let places: Vec<usize> = set.iter().enumerate().filter_map(|(place, is)| is.then_some(place)).collect();
    match places.as_slice() {
        [] => Chosen::None,
        [one] => Chosen::One(*one),
        _ => Chosen::Several(places),
    }
}

/// Letters, digits and signs alone; a title of punctuation only is itself.
fn bare(said: &str) -> String {
    let bare: String = said.chars().filter(|c| c.is_alphanumeric() || *c as u32 >= 0x2190).collect();
    if bare.is_empty() { said.to_owned() } else { bare }
}

/// A part of a text: a word, a number (`15:00` is one), or a Chinese character.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    text: String,
    /// Whether it stands directly behind the one before, both Chinese.
    is_joined: bool,
}

impl Token {
    fn is_han(&self) -> bool {
        self.text.chars().next().is_some_and(crate::han::is_han)
    }

    fn number(&self) -> Option<usize> {
        let is_number = self.text.len() < 10 && self.text.bytes().all(|c| c.is_ascii_digit());
        is_number.then(|| self.text.parse().ok()).flatten()
    }
}

static TOKENS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"[0-9]+(?:[:/.,-][0-9]+)+|[\p{Han}々〇]|[\p{L}\p{M}\p{N}&&[^\p{Han}]]+|[\x{2190}-\x{10ffff}&&[^\p{Han}]]")
});

fn tokens(said: &str) -> Vec<Token> {
    let mut end = usize::MAX;
    let mut tokens: Vec<Token> = Vec::new();
    for found in TOKENS.find_iter(said) {
        let token = Token { text: found.as_str().to_owned(), is_joined: false };
        let is_joined = end == found.start() && token.is_han() && tokens.last().is_some_and(Token::is_han);
        tokens.push(Token { is_joined, ..token });
        end = found.end();
    }
    tokens
}

/// Words that choose nothing.
const FILLERS: &str = "\
    |the|a|an|of|and|or|to|i|id|ill|im|we|well|you|your|my|me|us|it|its|is|are|be|that|this|these|those\
    |in|on|at|for|with|like|love|take|have|get|want|would|will|can|could|may|go|do|let|lets|please|pls\
    |plz|thanks|thank|thx|one|ones|pick|choose|select|give|prefer|rather|think|so|then|just|ok|okay|yes\
    |yeah|yep|sure|hi|hello|hey|no|nope|from|by|as|there|s|think|suits|works|fits|best|good|great|fine\
    |book|want|need|use|try|oh|um|";

/// Words behind which, or before which, a number is a place.
const MARKERS: &str = "|option|options|number|choice|item|nr|num|选|项|号|选项|选择|";

/// The same in Chinese, longer ones first.
const HAN_FILLERS: &str = "我想要|我要|我想|想要|就要|给我|帮我|麻烦|谢谢|那个|这个|那件|这件|那款|这款\
    |那种|这种|好的|可以|就是|一个|比较|喜欢|的话|我|要|想|就|那|这|请|给|吧\
    |的|了|啊|哦|呢|好|嗯|来|是|个|呀|用|和|跟|与|或|您|你|还|也|在|有|行\
    |对|去|到|买|订|约|哈";

/// What a title says.
struct Title {
    bare: String,
    tokens: Vec<Token>,
    ordinal: Option<Ordinal>,
    when: When,
    assent: Option<Assent>,
}

impl Title {
    fn of(title: &str) -> Self {
        let said = Answer::of(title).in_digits();
        Self {
            bare: bare(&said),
            tokens: tokens(&said),
            ordinal: ordinal_of(&said).map(|(ordinal, _)| ordinal),
            when: when::read(&said),
            assent: assent(title),
        }
    }

    fn has(&self, text: &str) -> bool {
        self.tokens.iter().any(|token| token.text == text)
    }

    /// Whether one of its numbers is this, or a long one ends with it.
    fn has_digits(&self, digits: &str) -> bool {
        self.tokens.iter().any(|token| {
            token.text.split(|c: char| !c.is_ascii_digit()).any(|number| {
                number == digits || (digits.len() > 2 && number.len() > digits.len() && number.ends_with(digits))
            })
        })
    }
}

/// The titles, and which of them have a word, a character, or two characters beside each other.
struct List<'a> {
    titles: &'a [Title],
    words: HashMap<String, Vec<usize>>,
}

impl<'a> List<'a> {
    fn of(titles: &'a [Title]) -> Self {
        let mut words: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, title) in titles.iter().enumerate() {
            let mut before: Option<&Token> = None;
            for token in &title.tokens {
                let pair = before.filter(|_| token.is_joined).map(|before| format!("{}{}", before.text, token.text));
                for word in pair.into_iter().chain([token.text.clone()]) {
                    let places = words.entry(word).or_default();
                    if places.last() != Some(&place) {
                        places.push(place);
                    }
                }
                before = Some(token);
            }
        }
        Self { titles, words }
    }

    /// The titles that have a word.
    fn with(&self, word: &str) -> Option<Set> {
        let mut set = vec![false; self.titles.len()];
        self.words.get(word)?.iter().for_each(|place| set[*place] = true);
        Some(set)
    }

    /// Whether a set tells titles from each other.
    fn tells(&self, set: &Set) -> bool {
        set.contains(&false) || self.titles.len() == 1
    }

    fn which(&self, is: impl Fn(&Title) -> bool) -> Set {
        self.titles.iter().map(is).collect()
    }

    /// The place that a list counts from 1; none beyond it.
    fn place(&self, number: usize) -> Option<Set> {
        let place = number.checked_sub(1).filter(|place| *place < self.titles.len())?;
        Some((0..self.titles.len()).map(|at| at == place).collect())
    }

    /// The place that an answer of one number names.
    fn bare_place(&self, said: &str) -> Option<Set> {
        match tokens(said).as_slice() {
            [token] => self.place(token.number()?),
            _ => None,
        }
    }

    fn asks(&self, said: &str) -> bool {
        static ASKS: LazyLock<Regex> = LazyLock::new(|| {
            pattern(concat!(
                r"^(?:what|which|how|why|when|where|who|whose|is|are|does|do|did|can|could|will|whats|hows)(?-u:\b).*\?",
                r"|(?-u:\b)(?:what|whats|which|how much|how many|how long|difference)(?-u:\b)|吗|什么|怎么|多少|为何|为啥|哪|区别|多久",
            ))
        });
        ASKS.find(said).is_some_and(|found| !self.titles.iter().any(|title| title.has(found.as_str())))
    }

    /// Whether it says what is not wanted, in other words than the titles'.
    fn excludes(&self, said: &str) -> bool {
        if !negates(said) {
            return false;
        }
        let words = tokens(said);
        let own: String = words
            .iter()
            .filter(|token| !self.words.contains_key(&token.text))
            .flat_map(|token| [token.text.as_str(), if token.is_han() { "" } else { " " }])
            .collect();
        negates(&own)
    }

    /// What the answer says, each as the titles that it may mean; none if one of it means no title, or too much is
    /// said besides.
    fn weigh(&self, said: &str) -> Option<Vec<Set>> {
        let mut rest = said.to_owned();
        let mut sets = Vec::new();
        self.weigh_moment(&mut rest, &mut sets)?;
        self.weigh_ordinal(&mut rest, &mut sets)?;
        let tokens = self.without_fillers(&tokens(&rest));
        if let Some(places) = self.places(&tokens, sets.is_empty()) {
            sets.push(places?);
            return Some(sets);
        }
        let is_placed = !sets.is_empty();
        let (known, unknown) = self.weigh_words(&tokens, &mut sets);
        let bound = if is_placed { 8 } else { 4 + 2 * known };
        (unknown <= bound).then_some(sets)
    }

    fn weigh_moment(&self, rest: &mut String, sets: &mut Vec<Set>) -> Option<()> {
        let titles = || self.titles.iter().map(|title| &title.when);
        let (has_days, has_clocks) =
            (titles().any(|when| !when.days.is_empty()), titles().any(|when| !when.clocks.is_empty()));
        let when = when::read(rest);
        let is_day = has_days && !when.days.is_empty();
        let is_clock = has_clocks && !(when.clocks.is_empty() && when.spans.is_empty());
        if when.is_doubtful || !(is_day || is_clock) {
            return Some(());
        }
        let set = self
            .which(|title| (!is_day || days_fit(&when, &title.when)) && (!is_clock || clocks_fit(&when, &title.when)));
        for place in &when.places {
            rest.replace_range(place.clone(), &" ".repeat(place.len()));
        }
        if !set.contains(&true) {
            return None;
        }
        sets.push(set);
        Some(())
    }

    /// A place that is named as such. Titles that count (`2nd floor`) are meant by what they say, not where they
    /// stand.
    fn weigh_ordinal(&self, rest: &mut String, sets: &mut Vec<Set>) -> Option<()> {
        let Some((ordinal, place)) = ordinal_of(rest) else { return Some(()) };
        let own = self.which(|title| title.ordinal == Some(ordinal));
        let set = if own.contains(&true) {
            own
        } else {
            match ordinal {
                Ordinal::Nth(number) => match self.place(number) {
                    None if self.titles.iter().any(|title| title.has(&rest[place.clone()])) => return Some(()),
                    set => set?,
                },
                Ordinal::Last => self.place(self.titles.len())?,
            }
        };
        rest.replace_range(place.clone(), &" ".repeat(place.len()));
        sets.push(set);
        Some(())
    }

    /// The tokens that choose. A letter that is a filler too is kept where it may be a place; `yes` and `no` are
    /// where titles have them.
    fn without_fillers(&self, tokens: &[Token]) -> Vec<Token> {
        let mut kept: Vec<Token> = Vec::new();
        let (mut at, mut is_cut) = (0, false);
        while at < tokens.len() {
            let token = &tokens[at];
            let is_place = letter(token).is_some() && (tokens.len() == 1 || kept.last().is_some_and(is_marker));
            let skipped = if token.is_han() {
                HAN_FILLERS.split('|').find_map(|filler| begins_with(&tokens[at..], filler))
            } else {
                let is_answer = matches!(token.text.as_str(), "yes" | "no") && self.words.contains_key(&token.text);
                (!is_place && !is_answer && FILLERS.contains(&format!("|{}|", token.text))).then_some(1)
            };
            match skipped {
                Some(length) => at += length,
                None => {
                    kept.push(Token { is_joined: token.is_joined && !is_cut, ..token.clone() });
                    at += 1;
                }
            }
            is_cut = skipped.is_some();
        }
        kept
    }

    /// Numbers and nothing else, or a place that is marked as one (`option b`). None if it is neither; within, none
    /// if a number means nothing here.
    fn places(&self, tokens: &[Token], is_alone: bool) -> Option<Option<Set>> {
        let is_marker = |token: &Token| is_marker(token) && !self.words.contains_key(&token.text);
        let is_marked = tokens.iter().any(is_marker);
        let marked: Vec<&Token> = tokens.iter().filter(|token| !is_marker(token)).collect();
        if let [token] = marked.as_slice()
            && let Some(number) = letter(token)
            && (is_marked || tokens.len() == 1)
        {
            let with = self.with(&token.text).filter(|with| with.contains(&false));
            return match (self.place(number), with) {
                (Some(place), Some(with)) => Some(Some(union(&place, &with))),
                (Some(place), None) => Some(Some(place)),
                (None, Some(with)) => Some(Some(with)),
                (None, None) => Some(None),
            };
        }
        if marked.is_empty() || !marked.iter().all(|token| token.number().is_some()) || !(is_alone || is_marked) {
            return None;
        }
        let mut all: Option<Set> = None;
        for token in marked {
            let Some(set) = self.numbered(token, is_marked) else { return Some(None) };
            all = Some(all.map_or_else(|| set.clone(), |all| union(&all, &set)));
        }
        Some(all)
    }

    /// The titles that a number may mean: the place, and titles that have it in them.
    fn numbered(&self, token: &Token, is_marked: bool) -> Option<Set> {
        let place = token.number().and_then(|number| self.place(number));
        match place {
            Some(place) if is_marked => Some(place),
            Some(place) => {
                let with = self.which(|title| title.when.is_empty() && title.has(&token.text));
                Some(if with.contains(&false) { union(&place, &with) } else { place })
            }
            None => Some(self.which(|title| title.has_digits(&token.text))).filter(|set| set.contains(&true)),
        }
    }

    /// The words that tell titles from each other; how many there are, and how much is said that no title has.
    fn weigh_words(&self, tokens: &[Token], sets: &mut Vec<Set>) -> (usize, usize) {
        let (mut known, mut unknown) = (0, 0);
        let mut at = 0;
        while at < tokens.len() {
            let token = &tokens[at];
            if token.is_han() {
                let end = at + 1 + tokens[at + 1..].iter().take_while(|token| token.is_joined).count();
                let (more, strange) = self.weigh_run(&tokens[at..end], sets);
                (known, unknown, at) = (known + more, unknown + strange, end);
                continue;
            }
            at += 1;
            match self.with(&token.text).or_else(|| self.alike(&token.text)) {
                Some(set) => {
                    known += 1;
                    sets.extend(Some(set).filter(|set| self.tells(set)));
                }
                None => unknown += 2,
            }
        }
        (known, unknown)
    }

    /// The same of Chinese characters beside each other: of a run that has others, single ones prove nothing.
    fn weigh_run(&self, run: &[Token], sets: &mut Vec<Set>) -> (usize, usize) {
        let is_known = |token: &Token| self.words.contains_key(&token.text);
        let is_whole = run.iter().all(is_known);
        let mut proves = vec![is_whole; run.len()];
        for (at, pair) in run.windows(2).enumerate() {
            if let Some(set) = self.with(&format!("{}{}", pair[0].text, pair[1].text)) {
                proves[at..=at + 1].fill(true);
                sets.extend(Some(set).filter(|set| self.tells(set)));
            }
        }
        if is_whole {
            let own = run.iter().filter_map(|token| self.with(&token.text));
            sets.extend(own.filter(|set| self.tells(set)));
        }
        let known = proves.iter().filter(|proves| **proves).count();
        (known, run.len() - known)
    }

    /// The titles with a word that is the same but for one typo, if it is a long one; or that have a number like
    /// this.
    fn alike(&self, word: &str) -> Option<Set> {
        let set = if word.bytes().all(|c| c.is_ascii_digit()) {
            self.which(|title| title.has_digits(word))
        } else if word.len() < 5 || word.bytes().any(|c| c.is_ascii_digit()) {
            return None;
        } else {
            self.which(|title| title.tokens.iter().any(|token| is_typo(word, &token.text)))
        };
        set.contains(&true).then_some(set)
    }
}

fn letter(token: &Token) -> Option<usize> {
    match token.text.as_bytes() {
        [c @ b'a'..=b'z'] => Some(usize::from(c - b'a') + 1),
        _ => None,
    }
}

/// How many tokens the word is, if they begin with it.
fn begins_with(tokens: &[Token], word: &str) -> Option<usize> {
    let length = word.chars().count();
    let stretch = tokens.get(..length)?;
    let is_word = stretch.iter().zip(word.chars()).all(|(token, c)| token.text.starts_with(c));
    (is_word && stretch[1..].iter().all(|token| token.is_joined)).then_some(length)
}

fn is_marker(token: &Token) -> bool {
    MARKERS.contains(&format!("|{}|", token.text))
}

/// Whether two long words differ by one letter: another, one more, one less, or two exchanged.
fn is_typo(word: &str, other: &str) -> bool {
    let (word, other): (Vec<char>, Vec<char>) = (word.chars().collect(), other.chars().collect());
    if word.len().min(other.len()) < 5 || word.len().abs_diff(other.len()) > 1 {
        return false;
    }
    let start = word.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (word, other) = (&word[start..], &other[start..]);
    match (word, other) {
        ([a, b, rest @ ..], [c, d, more @ ..]) if a == d && b == c && rest == more => true,
        ([_, rest @ ..], [_, more @ ..]) if rest == more => true,
        (rest, [_, more @ ..]) | ([_, more @ ..], rest) if rest == more => true,
        _ => false,
    }
}

/// Whether a title names the days of an answer.
fn days_fit(said: &When, title: &When) -> bool {
    said.days.iter().all(|day| title.days.iter().any(|other| day_fits(*day, *other)))
}

fn day_fits(said: Day, title: Day) -> bool {
    let same = |one: MonthDay, other: MonthDay| {
        (one.month, one.day) == (other.month, other.day)
            && one.year.zip(other.year).is_none_or(|(one, other)| one == other)
    };
    match (said, title) {
        (Day::Date(one), Day::Date(other)) => same(one, other),
        (Day::Either(one, two), Day::Date(other)) => same(one, other) || same(two, other),
        (Day::Date(one), Day::Either(other, another)) => same(one, other) || same(one, another),
        (Day::OfMonth(None, day), Day::Date(date)) => day == date.day,
        (Day::Weekday(weekday, None), Day::Weekday(other, _)) => weekday == other,
        (Day::Weekday(weekday, None), Day::Date(date)) => date
            .year
            .and_then(|year| jiff::civil::Date::new(year, date.month, date.day).ok())
            .is_some_and(|date| date.weekday() == weekday),
        (one, other) => one == other,
    }
}

/// Whether a title's time, or the beginning of its times, is what an answer names.
fn clocks_fit(said: &When, title: &When) -> bool {
    let Some(time) = title.clocks.first() else {
        return said.clocks.is_empty() && said.spans.iter().all(|span| title.spans.contains(span));
    };
    let placed = |clock: Clock, when: &When| match when.spans.first() {
        Some(span) => span.place(clock).map(|(time, _)| Clock::At(time)),
        None => Some(clock),
    };
    let Some(time) = placed(*time, title) else { return false };
    match (said.clocks.as_slice(), said.spans.as_slice()) {
        ([], [span]) => match time {
            Clock::At(time) => span.holds(time),
            Clock::Half(time) if time.hour() >= 8 => span.holds(time),
            // Of a usual day.
            Clock::Half(_) => matches!(span, Span::Afternoon),
            _ => false,
        },
        ([clock], _) => placed(*clock, said).is_some_and(|clock| clock_fits(clock, time)),
        _ => false,
    }
}

fn clock_fits(said: Clock, title: Clock) -> bool {
    match (said, title) {
        (Clock::At(one), Clock::Half(other)) | (Clock::Half(other), Clock::At(one)) => {
            one.hour() % 12 == other.hour() % 12 && one.minute() == other.minute()
        }
        (one, other) => one == other,
    }
}
