//! What every action says in the same words: that it was not understood, that nothing was done. A file may say it otherwise.

use contract::Body;

use super::{scene::Scene, spec::Actions};
use crate::routing::{Titles, title};

/// Something that is said for every action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phrase {
    /// The button to agree.
    Yes,
    /// The button to disagree.
    No,
    /// Before a question is repeated.
    NotUnderstood,
    /// The customer does not want it any more.
    Cancelled,
    /// It does not work now.
    Failed,
    /// Nobody knows whether it was done.
    Unknown,
    /// It is not sure enough who they are.
    Identity,
}

impl Phrase {
    /// Each, with its word in files, and what is said where they do not say otherwise: English, simplified and traditional
    /// Chinese.
    pub const ALL: [(Self, &'static str, [&'static str; 3]); 7] = [
        (Self::Yes, "yes", ["Yes", "是", "是"]),
        (Self::No, "no", ["No", "否", "否"]),
        (
            Self::NotUnderstood,
            "not_understood",
            ["Sorry, I did not understand that.", "抱歉，我没有明白。", "抱歉，我沒有明白。"],
        ),
        (
            Self::Cancelled,
            "cancelled",
            ["All right, I have not changed anything.", "好的，没有做任何更改。", "好的，沒有做任何更改。"],
        ),
        (
            Self::Failed,
            "failed",
            [
                "I am sorry, I cannot look that up right now.",
                "很抱歉，目前无法完成这个操作。",
                "很抱歉，目前無法完成這個操作。",
            ],
        ),
        (
            Self::Unknown,
            "unknown",
            [
                "I am sorry, I did not get an answer, so I cannot say whether it was done. Somebody will check.",
                "很抱歉，系统没有回应，我无法确定是否已经办好，会有同事核实。",
                "很抱歉，系統沒有回應，我無法確定是否已經辦好，會有同事核實。",
            ],
        ),
        (
            Self::Identity,
            "identity",
            [
                "For this I have to know who you are.",
                "办理这项业务需要先确认您的身份。",
                "辦理這項業務需要先確認您的身份。",
            ],
        ),
    ];
}

pub(super) fn say(actions: &Actions, scene: &Scene<'_>, phrase: Phrase) -> Body {
    Body::text(text(actions, scene, phrase))
}

pub(super) fn text(actions: &Actions, scene: &Scene<'_>, phrase: Phrase) -> String {
    let own = actions.phrases.get(&phrase).and_then(|titles| title(titles, scene.language));
    own.map_or_else(|| built_in(phrase, scene.language), str::to_owned)
}

fn built_in(phrase: Phrase, language: &str) -> String {
    let texts = Phrase::ALL.iter().find(|(known, ..)| *known == phrase).map_or([""; 3], |(.., texts)| *texts);
    let titles: Titles =
        ["en", "zh", "zh-Hant"].into_iter().zip(texts).map(|(tag, text)| (tag.into(), text.into())).collect();
    title(&titles, language).unwrap_or_default().to_owned()
}
