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
    /// The question for an email address.
    AskEmail,
    /// The question for a phone number.
    AskPhone,
    /// The question for either.
    AskAddress,
    /// The question for a code: `{address}`, `{minutes}`.
    CodeSent,
    /// The button to have it sent again.
    Resend,
    /// It was sent a moment ago.
    CodeWait,
    /// That is not the code: `{left}`.
    WrongCode,
    /// The code is too old.
    OldCode,
    /// No more codes are sent.
    NoCode,
    /// They could not prove who they are.
    Unverified,
    /// They have proven it.
    Verified,
    /// The subject of a code's mail.
    CodeSubject,
    /// What it says: `{code}`, `{minutes}`.
    CodeLetter,
    /// What it says of its link: `{link}`.
    CodeLink,
}

impl Phrase {
    /// Each, with its word in files, and what is said where they do not say otherwise: English, simplified and traditional
    /// Chinese.
    pub const ALL: [(Self, &'static str, [&'static str; 3]); 21] = [
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
        (
            Self::AskEmail,
            "ask_email",
            [
                "For this I have to be sure who you are. Which email address do we know you by?",
                "办理这项业务需要先确认您的身份。请问您登记的邮箱是哪个？",
                "辦理這項業務需要先確認您的身份。請問您登記的電子郵件是哪個？",
            ],
        ),
        (
            Self::AskPhone,
            "ask_phone",
            [
                "For this I have to be sure who you are. Which phone number do we know you by? Please write its country code too: +44 …",
                "办理这项业务需要先确认您的身份。请问您登记的手机号是多少？请带上国家代码：+86 …",
                "辦理這項業務需要先確認您的身份。請問您登記的手機號碼是多少？請帶上國碼：+886 …",
            ],
        ),
        (
            Self::AskAddress,
            "ask_address",
            [
                "For this I have to be sure who you are. Which email address, or phone number with its country code, do we know you by?",
                "办理这项业务需要先确认您的身份。请问您登记的邮箱，或带国家代码的手机号是什么？",
                "辦理這項業務需要先確認您的身份。請問您登記的電子郵件，或帶國碼的手機號碼是什麼？",
            ],
        ),
        (
            Self::CodeSent,
            "code_sent",
            [
                "To be sure who you are: if {address} is the address that we know you by, a code of six digits is on its way there. Please type it here. It is good for {minutes} minutes.",
                "为了确认您的身份：如果 {address} 是您登记的联系方式，六位验证码已发往该处，{minutes} 分钟内有效。请在这里输入验证码。",
                "為了確認您的身份：如果 {address} 是您登記的聯絡方式，六位驗證碼已發往該處，{minutes} 分鐘內有效。請在這裡輸入驗證碼。",
            ],
        ),
        (Self::Resend, "resend", ["Send it again", "重新发送", "重新發送"]),
        (
            Self::CodeWait,
            "code_wait",
            [
                "A code was sent a moment ago. It may take a little to arrive.",
                "验证码刚刚发出，可能稍后才会收到。",
                "驗證碼剛剛發出，可能稍後才會收到。",
            ],
        ),
        (
            Self::WrongCode,
            "wrong_code",
            [
                "That is not the code. Tries left: {left}.",
                "验证码不正确，还可以试 {left} 次。",
                "驗證碼不正確，還可以試 {left} 次。",
            ],
        ),
        (
            Self::OldCode,
            "old_code",
            [
                "That code has run out. Say “resend” for a new one.",
                "验证码已过期。回复“重新发送”可以获取新的验证码。",
                "驗證碼已過期。回覆「重新發送」可以取得新的驗證碼。",
            ],
        ),
        (
            Self::NoCode,
            "no_code",
            [
                "I cannot send more codes for now. Please try again later.",
                "目前无法再发送验证码，请稍后再试。",
                "目前無法再發送驗證碼，請稍後再試。",
            ],
        ),
        (
            Self::Unverified,
            "unverified",
            ["I could not make sure who you are.", "未能确认您的身份。", "未能確認您的身份。"],
        ),
        (
            Self::Verified,
            "verified",
            ["Thank you, now I know who you are.", "谢谢，身份已确认。", "謝謝，身份已確認。"],
        ),
        (Self::CodeSubject, "code_subject", ["Your code", "您的验证码", "您的驗證碼"]),
        (
            Self::CodeLetter,
            "code_letter",
            [
                "Your code is {code}. It is good for {minutes} minutes.

Somebody asked for it in a chat with us. If that was not you, do nothing, and tell nobody the code.",
                "您的验证码是 {code}，{minutes} 分钟内有效。

有人在与我们的对话中请求了此验证码。如果不是您本人，请勿理会，也不要把验证码告诉任何人。",
                "您的驗證碼是 {code}，{minutes} 分鐘內有效。

有人在與我們的對話中請求了此驗證碼。如果不是您本人，請勿理會，也不要把驗證碼告訴任何人。",
            ],
        ),
        (
            Self::CodeLink,
            "code_link",
            [
                "Instead of typing it you can open {link} and confirm there.",
                "您也可以不输入验证码，打开 {link} 并在页面上确认。",
                "您也可以不輸入驗證碼，打開 {link} 並在頁面上確認。",
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
