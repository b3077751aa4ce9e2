use std::{time::Duration, time::Instant};

use jiff::civil::{DateTime, datetime};
use proptest::prelude::*;
use understand::answers::{assent, choose, disputes, moment, number, ordinal};

const TITLES: [&str; 5] = ["Thu 3 Dec, 15:00", "红色 大号", "Option \u{0} b", "", "A10024"];

/// What numerals, dates and answers are made of, and what breaks texts.
const PIECES: &[&str] = &[
    "3", "12", "99", "第", "点", "半", "月", "号", "日", "周", "一", "十", "百", "万", "零", "两", "下", "个", "后",
    "差", "刻", "到", ":", "/", ".", ",", "-", " ", "pm", "at", "to", "half", "past", "twenty", "hundred", "and",
    "million", "dozen", "first", "the", "next", "friday", "dec", "in", "hours", "不", "好", "是", "yes", "no", "?",
    "\0", "\u{202e}", "👍🏽", "é", "عربي", "年", "2026", "亿", "早", "晚", "今", "a", "option", "点五", "1,200",
    "thousand", "point",
];

fn now() -> DateTime {
    datetime(2026, 11, 25, 10, 20, 0, 0)
}

/// All that is heard of a text.
fn heard(text: &str) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        assent(text),
        disputes(text),
        number(text),
        ordinal(text),
        choose(text, &TITLES),
        choose("the second", &[text, "b"]),
        moment(text, now()),
    )
}

proptest! {
    #[test]
    fn any_text_is_heard_in_one_way(text in any::<String>()) {
        prop_assert_eq!(heard(&text), heard(&text));
    }

    #[test]
    fn any_pieces_are_heard_in_one_way(
        pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
    ) {
        let text = pieces.concat();
        prop_assert_eq!(heard(&text), heard(&text));
        let text = pieces.join(" ");
        prop_assert_eq!(heard(&text), heard(&text));
    }
}

#[test]
fn a_hostile_text_costs_no_more_than_an_answer() {
    let texts = [
        "9".repeat(200),
        "一".repeat(200),
        "万".repeat(200),
        "亿九".repeat(200),
        "twenty ".repeat(100),
        "million ".repeat(100),
        "at 3 ".repeat(100),
        "12/3/".repeat(100),
        "第一个".repeat(100),
        "不".repeat(500),
        "yes ".repeat(100),
        "👍🏽".repeat(500),
        "\u{202e}مرحبا".repeat(100),
        "\0".repeat(500),
        " ".repeat(500),
        "\n".repeat(500),
        "e\u{301}".repeat(500),
        "明天下午三点".repeat(2_000_000),
        "x".repeat(10_000_000),
    ];
    heard("warm");
    let began = Instant::now();
    for text in &texts {
        assert_eq!(heard(text), heard(text));
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

#[test]
fn what_stands_behind_the_bound_is_not_looked_at() {
    let long = format!("{} tomorrow", "x ".repeat(300));
    assert_eq!(moment(&long, now()), None);
    assert_eq!(number(&format!("2{}", " ".repeat(600))), None);
}

#[test]
fn many_titles_are_a_few_steps_each() {
    let titles: Vec<String> =
        (0..5_000).map(|at| format!("Parcel {at} of the customer Smith, {}", "word ".repeat(20))).collect();
    let began = Instant::now();
    assert_eq!(choose("Parcel 4321", &titles), understand::answers::Chosen::One(4_321));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}
