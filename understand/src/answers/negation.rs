//! Whether an answer excludes something: then what it names is not what the customer wants.

use std::sync::LazyLock;

use regex::Regex;

use super::text::pattern;

/// A no to what was said before, after which comes what is wanted.
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:(?:no|nope|nah|不好意思|对不起)(?:[ ,.!;:\n]+|$)|(?:不对|错了)[ ,.!;:\n]*",
        r"|(?:不是?|不不)[,.!;:\n]+ ?)+"
    ))
});

/// What only looks like one.
static IDIOMS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        "特别|别人|别的|级别|分别|没问题|没有问题|没关系|没事|不好意思|不客气|不过|不错|不管|无论|无所谓|要不|对不起|未来|非常|差不多\
         |not a problem|why not|if not|not sure if|not bad",
    )
});

static NEGATES: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"(?-u:\b)(?:not|never|except|without|cannot|cant|dont|doesnt|didnt|isnt|wont|arent",
        r"|wasnt|couldnt|wouldnt|hate|unless|excluding|neither",
        r"|none|nothing|nor|but no)(?-u:\b)|any[a-z]* but|[不没别未非冇唔甭]|除了|除开|除外",
    ))
});

/// Whether it takes something back, apart from a no at its beginning.
pub(super) fn negates(said: &str) -> bool {
    let rest = BEFORE.replace(said, "");
    NEGATES.is_match(&IDIOMS.replace_all(&rest, " "))
}
