//! Whether an answer begins by taking back what was said.

use std::sync::LazyLock;

use regex::Regex;

use super::text::{Answer, pattern};

static DISPUTES: LazyLock<Regex> = LazyLock::new(|| {
    const BEFORE: &str = concat!(
        concat!(
            r"^(?:(?:oh|ah|sorry|hey|hi|wait|hold on|hm+|um|uh|well|oops|but|please|哦|啊|哎|诶|额",
            r"|呃|嗯|等等|等下|等一下|抱歉|对不起|不好意思|"
        ),
        r"那|请|麻烦|麻烦你|帮我|给我|不不?|no|nope)[ ,.!~:;-]+|(?:请|麻烦|帮我|那|嗯|哦|啊)){0,4}",
    );
    const ENGLISH: &[&str] = &[
        concat!(
            r"(?:actually|i meant?|i said|correction|scratch that|my mistake|my bad|i misspoke",
            r"|i mistyped|instead)\b"
        ),
        concat!(
            r"(?:i take (?:it|that) back|let me correct|not (?:that|this|those|the|what)|(?:change",
            r"|correct) (?:it|that|this) to)\b"
        ),
        r"(?:make (?:it|that)|switch (?:it |that |this )?to|change to)\b",
        r"not #?[a-z]{0,5}-?[0-9]",
        concat!(
            r"(?:thats|that is|this is) (?:wrong|incorrect|the wrong|not (?:right|correct|it|what",
            r"|my|the|mine|that|true))\b"
        ),
        r"(?:its|it is|it was|that was) (?:the wrong|not (?:that|this|the|what|#?[a-z]{0,5}-?[0-9]))",
        r"(?:that|this) (?:isnt|wasnt) (?:right|correct|it|what|my|the|mine|true)\b",
        r"(?:wrong|incorrect)(?: one\b| number\b| ?[,.;:!\n-]|$)",
        concat!(
            r"(?:no|nope|nah)(?: ?[,;:!.\n-] ?| )(?:the|that|this|its|not|i wanted?|i need|id like",
            r"|my|another|other|rather|different)\b"
        ),
        r"(?:no|nope|nah) ?[,;:!\n-] ?(?:wrong|for|on|at|in|to|from|with|an?)\b",
        r"(?:no|nope|nah) ?[,;:!\n-] ?#?[a-z]{0,5}-?[0-9]",
    ];
    const CHINESE: &[&str] = &[
        r"不对(?:吧|$|了|[ ,.!;:\n]|是|应该|我|这|那|[a-z0-9])",
        r"不是(?:这|那|它|他|她|我(?:要|说|想|的)|说|[a-z]*[0-9]|[ ,.!;:\n]+[^ ])",
        r"不[ ,.!]+(?:是|我|要|应该|这|那|改|换|[a-z]{0,5}[0-9])",
        r"(?:你|您|我|刚才|刚刚|是)*(?:搞|弄|说|写|打|填|记|选|发|输|理解|看|听)错",
        r"错了?(?:$|[ ,.!;:\n])",
        concat!(
            r"(?:我(?:刚才|刚刚)?说的(?:不)?是|我是说|我的意思是|我要的是|我想要的是|我指的是",
            r"|我想说的是|应该是|其实|实际上|更正|纠正|准确地?的?说)"
        ),
        r"(?:还是|我想|我要|想|要)?(?:把[^,. ]{1,8})?(?:改成|改为|改到|换成|换到|换为|改一下)",
        r"(?:还是(?:改|换|选)|不要这|不要那|我改主意)",
    ];
    let cores = [ENGLISH, CHINESE].concat().join("|").replace(r"\b", r"(?-u:\b)");
    pattern(&format!("{BEFORE}(?:{cores})"))
});

/// Whether an answer begins by taking back what was said: `no, the other order`, `I meant…`, `actually…`,
/// `wrong, it's…`, `不是这个,是A10024`, `改成…`. A plain no (`no`, `no thanks`, `不是`) takes nothing back; `wrong` and `不对`
/// do.
///
/// Only how it begins is looked at: `no, the parcel is still missing` may answer another question and looks the same.
#[must_use]
pub fn disputes(text: &str) -> bool {
    DISPUTES.is_match(&Answer::of(text).text())
}
