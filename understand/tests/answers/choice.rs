use understand::answers::{Chosen, choose};

use crate::check;

const SHIRTS: [&str; 4] = ["Blue shirt", "Red shirt", "Red hat", "Green Umbrella"];
const TIMES: [&str; 4] = ["Thu 3 Dec, 10:00", "Thu 3 Dec, 15:00", "Fri 4 Dec, 15:00", "Fri 4 Dec, 16:30"];
const SLOTS: [&str; 3] = ["12月3日 周四 10:00", "12月3日 周四 15:00", "12月4日 周五 16:30"];
const COLOURS: [&str; 3] = ["红色", "蓝色", "绿色"];
const WAYS: [&str; 3] = ["退货", "换货", "查物流"];
const ORDERS: [&str; 3] = ["A10024 · 2 shirts", "A10025 · 1 hat", "B20024 · shoes"];
const SIZES: [&str; 4] = ["S", "M", "L", "XL"];
const NIGHTS: [&str; 3] = ["2 nights", "3 nights", "5 nights"];
const PLANS: [&str; 3] = ["Plan B", "Plan A", "Plan C"];
const FLOORS: [&str; 2] = ["2nd floor", "3rd floor"];
const ANSWERS: [&str; 2] = ["Yes, cancel it", "No, keep it"];
const YES_NO: [&str; 2] = ["是", "否"];
const CITIES: [&str; 3] = ["上海", "北京", "深圳"];

fn one(place: usize) -> Chosen {
    Chosen::One(place)
}

fn several<const N: usize>(places: [usize; N]) -> Chosen {
    Chosen::Several(places.to_vec())
}

fn table(titles: &[&str], cases: Vec<(&str, Chosen)>) -> Vec<(String, Chosen, Chosen)> {
    cases.into_iter().map(|(text, meant)| (format!("{text} of {titles:?}"), choose(text, titles), meant)).collect()
}

#[test]
fn by_place() {
    let cases = vec![
        ("2", one(1)),
        ("２", one(1)),
        ("2.", one(1)),
        ("2)", one(1)),
        ("#2", one(1)),
        ("no. 2", one(1)),
        ("No 2 please", one(1)),
        ("number two", one(1)),
        ("option 2", one(1)),
        ("option b", one(1)),
        ("Option A", one(0)),
        ("b", one(1)),
        ("a", one(0)),
        ("I'll take 2", one(1)),
        ("2 please", one(1)),
        ("two", one(1)),
        ("the second one", one(1)),
        ("2nd", one(1)),
        ("The first, please", one(0)),
        ("the last one", one(3)),
        ("选2", one(1)),
        ("我选2", one(1)),
        ("選2號", one(1)),
        ("2号", one(1)),
        ("二", one(1)),
        ("第二个", one(1)),
        ("第二個吧", one(1)),
        ("选B", one(1)),
        ("选项三", one(2)),
        ("最后一个", one(3)),
        ("我要第三个，谢谢", one(2)),
        ("1 and 2", several([0, 1])),
        ("1, 3", several([0, 2])),
        ("5", Chosen::None),
        ("0", Chosen::None),
        ("第九个", Chosen::None),
        ("option 7", Chosen::None),
        ("99999999999999999999", Chosen::None),
        ("the 10th", Chosen::None),
        ("第二个多少钱", Chosen::None),
        ("not the second one", Chosen::None),
        ("不要第二个", Chosen::None),
        ("the second last", Chosen::None),
        ("wait a second", Chosen::None),
    ];
    check(table(&SHIRTS, cases));
    check(table(&[], vec![("1", Chosen::None), ("", Chosen::None), ("the last one", Chosen::None)]));
    check(table(&["", ""], vec![("", several([0, 1])), ("1", one(0)), ("hello", Chosen::None)]));
}

#[test]
fn by_title_and_by_words() {
    check(table(
        &SHIRTS,
        vec![
            ("blue shirt", one(0)),
            ("BLUE  SHIRT!", one(0)),
            ("the blue one", one(0)),
            ("blue", one(0)),
            ("the red hat please", one(2)),
            ("hat", one(2)),
            ("the red one", several([1, 2])),
            ("shirt", several([0, 1])),
            ("red and blue", several([0, 1, 2])),
            ("umbrella", one(3)),
            ("umbrela", one(3)),
            ("the umbrlela", one(3)),
            ("grene", one(3)),
            ("rad", Chosen::None),
            ("the second one, the red shirt", one(1)),
            ("the second one, the blue shirt", several([0, 1])),
            ("not the blue one", Chosen::None),
            ("no, the blue one", one(0)),
            ("none of these", Chosen::None),
            ("is the blue one cheaper?", Chosen::None),
            ("which is better", Chosen::None),
            ("hello", Chosen::None),
            ("", Chosen::None),
            ("my parcel never came and the blue truck of your driver hit my neighbour's fence", Chosen::None),
            ("the blue truck of your driver hit the fence of my neighbour yesterday night", Chosen::None),
        ],
    ));
    check(table(
        &COLOURS,
        vec![
            ("红色", one(0)),
            ("紅色", one(0)),
            ("红的", one(0)),
            ("我要蓝色的", one(1)),
            ("藍色那個", one(1)),
            ("绿色的吧", one(2)),
            ("颜色", Chosen::None),
            ("不要红色", Chosen::None),
            ("红色和蓝色", several([0, 1])),
            ("红色有什么尺码", Chosen::None),
            ("随便", Chosen::None),
        ],
    ));
    check(table(
        &WAYS,
        vec![
            ("我要退货", one(0)),
            ("換貨", one(1)),
            ("物流", one(2)),
            ("查一下物流", one(2)),
            ("货", several([0, 1])),
            ("投诉", Chosen::None),
        ],
    ));
    check(table(
        &CITIES,
        vec![
            ("上海", one(0)),
            ("我在上海", one(0)),
            ("海南", Chosen::None),
            ("去北京", one(1)),
            ("南京", Chosen::None),
        ],
    ));
    check(table(
        &ORDERS,
        vec![
            ("A10024", one(0)),
            ("a10025", one(1)),
            ("10025", one(1)),
            ("the one ending in 0025", one(1)),
            ("尾号0025", one(1)),
            ("0024", several([0, 2])),
            ("A10026", Chosen::None),
            ("shoes", one(2)),
            ("20024", one(2)),
        ],
    ));
}

#[test]
fn by_what_else_titles_are() {
    check(table(
        &SIZES,
        vec![("m", one(1)), ("M please", one(1)), ("xl", one(3)), ("L", one(2)), ("3", one(2)), ("XXL", Chosen::None)],
    ));
    check(table(
        &NIGHTS,
        vec![
            ("2 nights", one(0)),
            ("two nights", one(0)),
            ("2", several([0, 1])),
            ("5", one(2)),
            ("1", one(0)),
            ("four", Chosen::None),
        ],
    ));
    check(table(
        &["4", "1", "2"],
        vec![("1", several([0, 1])), ("4", one(0)), ("the first", one(0)), ("7", Chosen::None)],
    ));
    check(table(&PLANS, vec![("plan b", one(0)), ("b", several([0, 1])), ("Plan C", one(2)), ("c", one(2))]));
    check(table(
        &FLOORS,
        vec![("the 2nd floor", one(0)), ("second floor", one(0)), ("the third", one(1)), ("2", one(1))],
    ));
    check(table(
        &ANSWERS,
        vec![
            ("yes", one(0)),
            ("no", one(1)),
            ("keep it", one(1)),
            ("cancel", one(0)),
            ("yes, cancel it", one(0)),
            ("maybe", Chosen::None),
        ],
    ));
    check(table(&YES_NO, vec![("是的", one(0)), ("不是", one(1)), ("是", one(0)), ("可以吗", Chosen::None)]));
    check(table(&["一楼", "二楼"], vec![("2楼", one(1)), ("一樓", one(0)), ("2", one(1))]));
}

#[test]
fn by_time() {
    check(table(
        &TIMES,
        vec![
            ("10am", one(0)),
            ("10:00", one(0)),
            ("the 4:30 one", one(3)),
            ("16:30", one(3)),
            ("half past four", one(3)),
            ("the 3pm one", several([1, 2])),
            ("Thursday 3pm", one(1)),
            ("Friday at 3", one(2)),
            ("Thursday", several([0, 1])),
            ("Thursday morning", one(0)),
            ("the morning", one(0)),
            ("3 Dec at 3pm", one(1)),
            ("the 4th of December at 4:30pm please", one(3)),
            ("the second one", one(1)),
            ("2", one(1)),
            ("5pm", Chosen::None),
            ("Monday", Chosen::None),
            ("tomorrow", Chosen::None),
            ("next Friday at 3pm", Chosen::None),
            ("not the 3pm one", Chosen::None),
            ("Thu 3 Dec, 15:00", one(1)),
        ],
    ));
    check(table(
        &SLOTS,
        vec![
            ("下午三点的", one(1)),
            ("下午三點那個", one(1)),
            ("三点", one(1)),
            ("15:00", one(1)),
            ("周四", several([0, 1])),
            ("週四上午", one(0)),
            ("周五的", one(2)),
            ("四点半", one(2)),
            ("12月4号", one(2)),
            ("4号", one(2)),
            ("上午的", one(0)),
            ("the 3pm one", one(1)),
            ("晚上", Chosen::None),
            ("周六", Chosen::None),
            ("周四不行", Chosen::None),
            ("明天", Chosen::None),
        ],
    ));
    check(table(&["10:00", "15:00"], vec![("Thursday 3pm", one(1)), ("15", one(1)), ("10", one(0)), ("下午", one(1))]));
    check(table(
        &["Today 15:00", "Tomorrow 15:00"],
        vec![("tomorrow", one(1)), ("today at 3", one(0)), ("3pm", several([0, 1]))],
    ));
}
