//! The figures: they stand exactly where the commits do that brought them.

use contract::MessageId;
use switchboard::{
    measure::{Count, Figure, Miss, Noted, hour, note, rebuild::rebuild},
    models::Account,
    store::{
        Commit, Committed,
        conversation::{Conversation, Priority},
        entry::Event,
    },
};

use super::{
    Backend,
    make::{commit, conversation, customer, event, is_conflict, now},
};

fn answers(language: &str, count: i64) -> Count {
    Count {
        hour: 400_000,
        figure: Figure::Answer,
        channel: "shop".into(),
        language: language.into(),
        queue: String::new(),
        label: "a\0b".into(),
        detail: String::new(),
        count,
    }
}

/// What was counted, without what no label keeps.
fn brief(counts: Vec<Count>) -> Vec<(i64, String, i64)> {
    let mut brief: Vec<_> = counts.into_iter().map(|count| (count.hour, count.language, count.count)).collect();
    brief.sort();
    brief
}

pub async fn what_commits_count_adds_up_by_hour_and_day(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut counts = vec![answers("en", 1), answers("en", 2), answers("zh", 1)];
    for (later, language) in [(1, "en"), (23, "en"), (24, "zh")] {
        counts.push(Count { hour: 400_000 + later, ..answers(language, 10) });
    }
    for (at, count) in counts.into_iter().enumerate() {
        let new = conversation(ids, &format!("v{at}"), customer(ids, "Ann").id);
        let noted = Noted { counts: vec![count], misses: vec![] };
        let new = Commit {
            structural: true,
            entries: [event(ids, Event::Opened)].into(),
            noted: noted.into(),
            ..commit(new)
        };
        store.commit(new).await.unwrap();
    }
    let all = brief(store.counts(400_000..400_048).await.unwrap());
    assert_eq!(all, [(400_000, "en".into(), 23), (400_000, "zh".into(), 1), (400_024, "zh".into(), 10)]);
    assert_eq!(brief(store.counts(400_001..400_002).await.unwrap()), [(400_001, "en".into(), 10)]);
    backend.crash().await;
    let record = backend.open().await;
    let new = conversation(&record.ids, "away", customer(&record.ids, "Bo").id);
    let gone = Noted { counts: vec![answers("en", -3), answers("fr", 0)], misses: vec![] };
    let opened = [event(&record.ids, Event::Opened)].into();
    record.store.commit(Commit { structural: true, entries: opened, noted: gone.into(), ..commit(new) }).await.unwrap();
    let hour = brief(record.store.counts(400_000..400_001).await.unwrap());
    assert_eq!(hour, [(400_000, "zh".into(), 1)], "what is not so any more leaves nothing");
}

pub async fn what_is_refused_counts_nothing_and_what_is_done_counts_once(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let new = conversation(ids, "v1", customer(ids, "Ann").id);
    let noted = Noted { counts: vec![answers("en", 1)], misses: vec![] };
    let opens = |c: &Conversation| Commit {
        structural: true,
        entries: [event(ids, Event::Opened)].into(),
        noted: noted.clone().into(),
        ..commit(c.clone())
    };
    assert!(matches!(store.commit(opens(&new)).await.unwrap(), Committed::Done(_)));
    assert!(is_conflict(&store.commit(opens(&new)).await), "somebody else was quicker");
    assert_eq!(brief(store.counts(400_000..400_001).await.unwrap()), [(400_000, "en".into(), 1)]);
}

pub async fn questions_without_an_answer_are_read_in_parts(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let mut asked: Vec<Miss> = Vec::new();
    for at in 0..5 {
        let new = conversation(ids, &format!("v{at}"), customer(ids, "Ann").id);
        let miss = Miss {
            id: ids.next(now()),
            conversation: new.id,
            channel: "shop".into(),
            language: "zh-Hans".into(),
            text: format!("火星上能送货吗 {at}"),
        };
        asked.insert(0, miss.clone());
        let noted = Noted { counts: vec![], misses: vec![miss] };
        let new = Commit {
            structural: true,
            entries: [event(ids, Event::Opened)].into(),
            noted: noted.into(),
            ..commit(new)
        };
        store.commit(new).await.unwrap();
    }
    backend.crash().await;
    let record = backend.open().await;
    let (first, last) = (asked[4].id, MessageId::from(asked[0].id.get() + 1));
    let page = record.store.misses(first..last, 3).await.unwrap();
    assert_eq!((page.items, page.more), (asked[..3].to_vec(), true));
    let page = record.store.misses(first..asked[2].id, 3).await.unwrap();
    assert_eq!((page.items, page.more), (asked[3..].to_vec(), false));
}

pub async fn figures_that_are_counted_anew_are_the_same(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let queued = || Event::Queued {
        queue: "care".into(),
        reason: "asks for a person".into(),
        priority: Priority::Normal,
        rule: Some("who asks".into()),
    };
    // More than fits 32 bits, and twice the same in an hour.
    let thought = |how: &str| {
        let (how, currency) = (how.to_owned(), "USD".to_owned());
        Event::ModelThought(Account {
            how,
            currency,
            steps: 2,
            tokens: 900,
            micros: 3_000_000_000,
            ..Account::default()
        })
    };
    let stories = [
        vec![Event::Opened, thought("answered")],
        vec![Event::Opened, thought("answered"), thought("steps"), queued()],
        vec![Event::Opened, queued()],
    ];
    for (at, events) in stories.iter().enumerate() {
        let mut c = conversation(ids, &format!("v{at}"), customer(ids, "Ann").id);
        c.language = "en".into();
        let mut before: Option<Conversation> = None;
        for happened in events {
            let entries = [event(ids, happened.clone())];
            if matches!(happened, Event::Queued { .. }) {
                c.hand_off(super::make::handoff("care"));
            }
            let noted = note(before.as_ref(), &mut c, &entries, None);
            let change = Commit { structural: true, entries: entries.into(), noted: noted.into(), ..commit(c.clone()) };
            let Committed::Done(after) = store.commit(change).await.unwrap() else { panic!("it is new") };
            (before, c) = (Some((*after).clone()), (*after).clone());
        }
    }
    let now = hour(now());
    let counted = |mut counts: Vec<Count>| {
        // No message said which language it is, so the journal does not either.
        counts.iter_mut().filter(|count| count.figure != Figure::Conversation).for_each(|count| count.language.clear());
        counts.sort();
        counts
    };
    let as_it_grew = counted(store.counts(now - 1..now + 1).await.unwrap());
    let sum = |of: Figure, label: &str, detail: &str| {
        let is = |count: &&Count| (count.figure, count.label.as_str(), count.detail.as_str()) == (of, label, detail);
        as_it_grew.iter().filter(is).map(|count| count.count).sum::<i64>()
    };
    assert_eq!(
        (sum(Figure::Handoff, "who asks", ""), sum(Figure::ModelTurn, "answered", "USD")),
        (2, 2),
        "{as_it_grew:?}"
    );
    let used = ["requests", "tokens"].map(|what| sum(Figure::ModelUsed, what, ""));
    assert_eq!((used, sum(Figure::ModelUsed, "turn_micros", "USD")), ([6, 2_700], 9_000_000_000), "{as_it_grew:?}");
    assert_eq!(rebuild(store).await.unwrap(), 3);
    assert_eq!(counted(store.counts(now - 1..now + 1).await.unwrap()), as_it_grew);
    assert_eq!(rebuild(store).await.unwrap(), 3, "and once more");
    assert_eq!(counted(store.counts(now - 1..now + 1).await.unwrap()), as_it_grew);
}
