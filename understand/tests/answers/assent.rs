use proptest::prelude::*;
use understand::answers::{Assent, assent, disputes};

use crate::check;

const YES: &str = "yes|Yes please!|YES|yes.|yep|Yeah, sure|ok|OK, go ahead|okay|sure thing|Sure, thanks|👍|👍🏽|👍👍\
    |yes 👍|of course|absolutely!|that's right|That’s correct|go ahead|please do|sounds good to me\
    |works for me|yesss|yeahhhh|okkk|\"yes\"|y|k|correct|I confirm|confirmed|yes, that's all, thank you\
    |uh-huh|do it|let's do it|yes, go ahead please|yes yes|ok then|oh yes|alright|ｙｅｓ|✅|yes sir\
    |fine by me|By all means.|是|是的|好|好的|好的，谢谢|可以|可以的|没问题|對，就這樣|对,就这样|行吧|行\
    |嗯嗯|嗯|嗯嗯嗯嗯|確認|确认|好啊|好呀|好吧|对对对|是的是的|嗯，好的|好的好的|沒問題|当然可以|當然\
    |同意|没错|OK的|ok啦|可以，麻烦了|好滴|行，就这么办|請繼續|需要|要的|嗯好的|对 可以|那好吧|哦好的\
    |好嘞|好的👌|确认无误|係|好哦|那就这么定了|可以啊|是的，没错|好👍|好的呢|無問題|好嘅";
const NO: &str = "no|No.|nope|nope, thanks|no thanks|No, thank you!|nah|not now|not really|no way|nooo|don't\
    |please don't|I don't think so|that's wrong|wrong|not yet|👎|❌|n|no no no|absolutely not|no, sorry\
    |I'd rather not|no need|no I don't|no, it's wrong|no it isn't|不|不是|不对|不對|先不要|不行|不可以\
    |不好|不要|不用|不需要|没有|沒有|还没|不不不|不是的|不了，谢谢|不用，谢谢|不用谢谢|错了|先不用\
    |暂时不要|不同意|否|不行啊|不，不要|唔係|別";
const CANCEL: &str = "cancel|Cancel please|please cancel|cancel it|never mind|Nevermind|forget it|stop|STOP!\
    |ok, never mind|no, never mind|no, cancel|quit|don't bother|nvm|I changed my mind|不用了\
    |不用了，谢谢|算了|算了吧|取消吧|取消|當我沒說|当我没说|还是算了|不需要了|不要了|好吧，算了\
    |不用麻烦了|停|退出|不必了|我改主意了|不，取消";
const NOTHING: &str = "yes but at 4pm|yes?|is that right|is that right?|not yes|yes no|no yes|yes, no\
    |ok what about the other one|ok?|yes cancel|ok, cancel|don't cancel|do not stop|please don't stop\
    |thanks|hello|maybe|I guess so|I think so|not sure|sure?|yes 2|yes if it is free|yes and no|ok so\
    |why|no problem|good|great|perfect|got it|no idea|right now|hmm|yes or no|well|yes؟|yes⁇|yes ❓|¿yes\
    |yesterday|okra|no one|nobody|nothing|notes|stopping|I can't say yes|never say yes|yes but no|👍👎\
    |oh no|not no|do it right|that's all||   |!!!|...|👀|yes yes no|ok bye|book|fine print\
    |right of return|yes men|sure is late|do it tomorrow|go on holiday|I am late|I have 2\
    |I would if I could|deal with it|correct it|confirm what|accept no less|continue tomorrow\
    |yes i did not|that works only on Monday|ok google|k9|y2k|true or false|agree to disagree\
    |it is broken|absolutely nothing|yes 👎|no 👍|ok 😡|yes…?|sure... not|好像不行|可以吗|是不是|好贵\
    |不是不行|好不好|可不可以|对吧|是吧|可以吧|對了|对了|好了|行了|好是好|行是行|要是|要不要|不用谢\
    |不客气|不好意思|不错|好的吗|是么|嗯？|好？|可以嘛|收到|知道了|谢谢|不要取消|别停|没有不行\
    |不是，是的|好久|好的，但是要下午|可以的话|对不对|行不行|要好的|是哦|对哦|好多|好难|不了解|确认一下\
    |对不起|就这样|改成下午|好的，改天吧|好端端的|可能吧|应该可以|差不多|随便|都行|看情况|是谁|好人|是吗\
    |真的吗|是的吗|好的？|不是的话就好|对啊但是|行不|可以不|好的才怪|没问题吗|没问题才怪|是的话告诉我\
    |好好说话|可以了吗|确定吗|要不是|就是说嘛|好家伙|行家|可惜|成本|中午|得了吧|得了|系统|系统好|对面\
    |对折|要紧|要命|是非|是否|恩人|好在|妥协";

fn table(list: &str, meant: Option<Assent>) -> impl Iterator<Item = (String, Option<Assent>, Option<Assent>)> {
    list.split('|').map(move |text| (text.to_owned(), assent(text), meant))
}

#[test]
fn only_a_whole_answer_is_one() {
    check(
        table(YES, Some(Assent::Yes))
            .chain(table(NO, Some(Assent::No)))
            .chain(table(CANCEL, Some(Assent::Cancel)))
            .chain(table(NOTHING, None)),
    );
    assert!(YES.split('|').count() + NO.split('|').count() + NOTHING.split('|').count() > 200);
}

#[test]
fn what_is_too_long_to_be_read_is_no_yes() {
    assert_eq!(assent(&format!("yes{}but not today", " ".repeat(600))), None);
}

const DISPUTES: &str = "no, the other order|No, that's the wrong order|I meant the blue one|actually, it's A10024\
    |Actually make it two|wrong, it's 5|wrong|no, I meant Friday|sorry, I meant 4pm|not that one\
    |that's not what I said|that's not right|no it's not that one, the other|No - A10025|no, 3\
    |make it 4pm|change it to Friday|oh wait, I meant Tuesday|scratch that|It's not that order\
    |No. The other one|不是这个,是A10024|不是這個|不对|不对，是A10025|改成下午三点|换成红色的|換成大號\
    |帮我改成周五|错了，应该是三点|我说的是另一个|搞错了|你理解错了|不，我要的是蓝色|不是，是明天\
    |其实是A10026|我的意思是退货|抱歉，写错了|还是改到周六吧|不是A10024";
const NO_DISPUTE: &str = "no|No thanks|no, thank you|no idea|no problem|no one came|no longer needed|yes|yes please\
    |the other one|it's not working|wrong size arrived|my order is wrong|nothing|not sure\
    |what did you mean|norway|I have a question|A10024|2|no. 2|that's all|hello|cancel|never mind\
    |ok, the second one|Friday|where is my order|not working|不是|不要|不用了|好的|不好意思|不错\
    |不对劲的是包装|没有|不行|算了|我要退货|换货怎么办|是的|不是质量问题|明天|A10024|我想换个尺码|不知道\
    ||👎";

#[test]
fn a_correction_begins_as_one() {
    let table = |list: &'static str, meant| list.split('|').map(move |text| (text.to_owned(), disputes(text), meant));
    check(table(DISPUTES, true).chain(table(NO_DISPUTE, false)));
}

const NEGATIONS: &[&str] = &[
    "not", "no", "don't", "never", "nope", "cannot", "won't", "isn't", "不", "没", "沒", "别", "別", "不要", "未",
    "无", "勿", "?", "？", "吗", "嗎", "؟", "⁇", "❓", "¿",
];

proptest! {
    #[test]
    fn no_yes_with_a_negation_or_a_question(
        before in prop::collection::vec(prop::sample::select(YES.split('|').collect::<Vec<_>>()), 0..3),
        negation in prop::sample::select(NEGATIONS),
        after in prop::collection::vec(prop::sample::select(YES.split('|').collect::<Vec<_>>()), 0..3),
        between in prop::sample::select(&["", " ", ", ", "，", "\n"][..]),
    ) {
        // In a word of letters it is none: `noyes`.
        let word = if negation.is_ascii() && negation != "?" { format!(" {negation} ") } else { negation.to_owned() };
        let text = [before.join(between), word, after.join(between)].join(between);
        prop_assert_ne!(assent(&text), Some(Assent::Yes), "{}", text);
    }

    #[test]
    fn no_yes_with_a_word_that_is_none(
        yes in prop::sample::select(YES.split('|').collect::<Vec<_>>()),
        word in "[a-z]{4,9}|[\u{4e00}-\u{9fa5}]{2,4}|[0-9]{1,5}",
    ) {
        let is_yes = assent(&format!("{yes}, {word}")) == Some(Assent::Yes);
        let is_answer = assent(&word) == Some(Assent::Yes);
        // `thanks`
        let is_polite = assent(&format!("no, {word}")) == Some(Assent::No);
        prop_assert!(!is_yes || is_answer || is_polite, "{} {}", yes, word);
    }
}
