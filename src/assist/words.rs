//! The words of a summary, in the languages of agents.

use crate::{actions::Identity, calls::Failure, understand::SentimentLabel};

/// A language that summaries are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Tongue {
    /// The one nearest to a language, a BCP-47 tag: English where it is not Chinese.
    #[must_use]
    pub fn of(language: &str) -> Self {
        if language.to_ascii_lowercase().starts_with("zh") { Self::Chinese } else { Self::English }
    }

    /// Its tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// One of two texts.
    pub(super) const fn pick<'t>(self, english: &'t str, chinese: &'t str) -> &'t str {
        match self {
            Self::English => english,
            Self::Chinese => chinese,
        }
    }

    pub(super) fn quoted(self, text: &str) -> String {
        format!("“{text}”")
    }

    /// What stands between the parts of a list.
    pub(super) const fn comma(self) -> &'static str {
        self.pick(", ", "，")
    }

    pub(super) const fn colon(self) -> &'static str {
        self.pick(": ", "：")
    }

    pub(super) const fn stop(self) -> &'static str {
        self.pick(".", "。")
    }

    /// How a call went: HTTP's status, or a word of [`Failure`].
    pub(super) fn outcome(self, outcome: &str) -> String {
        match outcome.parse::<u16>() {
            Ok(status @ ..300) => format!("{} ({status})", self.pick("answered", "已答复")),
            Ok(404) => self.pick("knows nothing of it (404)", "没有找到（404）").to_owned(),
            Ok(status) => format!("{} ({status})", self.pick("refused", "已拒绝")),
            Err(_) => {
                let failure = Failure::ALL.into_iter().find(|failure| failure.as_str() == outcome);
                failure.map_or(outcome, |failure| self.failure(failure)).to_owned()
            }
        }
    }

    const fn failure(self, failure: Failure) -> &'static str {
        match failure {
            Failure::Down => self.pick("does not work", "无法使用"),
            Failure::Slow => self.pick("took too long", "响应超时"),
            Failure::Resting => self.pick("is left alone for a while", "暂停调用"),
            Failure::Unreadable => self.pick("answered what cannot be read", "返回内容无法识别"),
            Failure::TooLong => self.pick("answered too much", "返回内容过长"),
            Failure::Redirected => self.pick("sent the call elsewhere", "被重定向"),
            Failure::Forbidden => self.pick("lies where calls may not go", "地址不允许访问"),
            Failure::Unknown => {
                self.pick("was asked, and nobody knows whether it was done", "已请求，但不确定是否办成")
            }
            Failure::Unmade => {
                self.pick("could not be asked: the action's file is to be mended", "无法请求：操作文件有误")
            }
        }
    }

    /// How an action ended: a word of the journal.
    pub(super) fn ended(self, how: &str) -> String {
        let known = match how {
            "done" => self.pick("done", "已完成"),
            "cancelled" => self.pick("the customer did not want it any more", "客户已取消"),
            "not_understood" => self.pick("the customer was not understood", "没有理解客户的回答"),
            "identity" => self.pick("it was not sure who the customer is", "客户身份未确认"),
            "handed_over" => self.pick("handed over before it was finished", "未完成即转人工"),
            "closed" => self.pick("the conversation was closed before", "对话已先关闭"),
            "left" => self.pick("the customer wanted something else", "客户改提了其他需求"),
            "followed" => self.pick("it went on in another channel", "已转到其他渠道继续"),
            "forgotten" => self.pick("it was too long ago", "超时未继续"),
            "outcome" => self.pick("it could not be done", "无法办理"),
            "asked_again" => self.pick("something else has to be given", "需要更正信息"),
            other => match other.strip_prefix("status_") {
                Some(status) => return format!("{} ({status})", self.pick("the system said no", "系统拒绝")),
                None => {
                    return format!("{}{}", self.pick("not done, the system ", "未办成，系统"), self.outcome(other));
                }
            },
        };
        known.to_owned()
    }

    pub(super) const fn tone(self, label: SentimentLabel) -> &'static str {
        match label {
            SentimentLabel::VeryNegative => self.pick("very negative", "非常负面"),
            SentimentLabel::Negative => self.pick("negative", "负面"),
            SentimentLabel::Neutral => self.pick("neutral", "平和"),
            SentimentLabel::Positive => self.pick("positive", "正面"),
            SentimentLabel::VeryPositive => self.pick("very positive", "非常正面"),
        }
    }

    pub(super) const fn identity(self, identity: Identity) -> &'static str {
        match identity {
            Identity::Verified => self.pick("a channel vouches for who they are", "身份已由渠道验证"),
            Identity::Known => {
                self.pick("an address of theirs is known, but not who they are", "已留联系方式，身份未验证")
            }
            Identity::None => self.pick("it is not known who they are", "身份未知"),
        }
    }

    /// What a language is called; its tag where it is rare.
    pub(super) fn language(self, tag: &str) -> String {
        let name = match tag.split('-').next().unwrap_or(tag) {
            "zh" if tag.contains("Hant") => self.pick("Chinese (traditional)", "中文（繁体）"),
            "zh" => self.pick("Chinese", "中文"),
            "en" => self.pick("English", "英语"),
            "de" => self.pick("German", "德语"),
            "es" => self.pick("Spanish", "西班牙语"),
            "fr" => self.pick("French", "法语"),
            "it" => self.pick("Italian", "意大利语"),
            "ja" => self.pick("Japanese", "日语"),
            "ko" => self.pick("Korean", "韩语"),
            "pt" => self.pick("Portuguese", "葡萄牙语"),
            "ru" => self.pick("Russian", "俄语"),
            _ => tag,
        };
        name.to_owned()
    }
}
