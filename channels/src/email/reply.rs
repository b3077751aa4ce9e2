//! The new part of a reply: without the history that the writer's program quoted, and without a signature.
//!
//! Programs mark history by a line of their own. What they write is listed here by language; a line counts only at a
//! line's beginning, and a block of headers only where two of its lines stand together, so that a sentence that begins
//! with "From:" stays.

/// `From`, `Sent`, `To`, `Subject` as mail programs write them over what they quote.
const FIELDS: &[&str] = &[
    "from",
    "sent",
    "date",
    "to",
    "cc",
    "subject",
    "发件人",
    "发送时间",
    "日期",
    "收件人",
    "抄送",
    "主题",
    "寄件者",
    "寄件人",
    "寄件日期",
    "收件者",
    "副本",
    "主旨",
    "von",
    "gesendet",
    "datum",
    "an",
    "betreff",
    "de",
    "envoyé",
    "date",
    "à",
    "objet",
    "enviado",
    "enviado el",
    "fecha",
    "para",
    "asunto",
    "assunto",
    "差出人",
    "送信日時",
    "送信元",
    "日時",
    "宛先",
    "件名",
    "보낸 사람",
    "보낸 날짜",
    "받는 사람",
    "제목",
    "da",
    "inviato",
    "a",
    "oggetto",
    "van",
    "verzonden",
    "aan",
    "onderwerp",
    "от",
    "отправлено",
    "кому",
    "тема",
];

/// Lines between dashes or underscores over what follows.
const DIVIDERS: &[&str] = &[
    "original message",
    "原始邮件",
    "原始郵件",
    "转发邮件信息",
    "ursprüngliche nachricht",
    "originalnachricht",
    "message d'origine",
    "message original",
    "mensaje original",
    "mensagem original",
    "元のメッセージ",
    "messaggio originale",
    "oorspronkelijk bericht",
];

/// How lines end that introduce what was written before.
const INTRODUCTIONS: &[&str] = &[
    "wrote:",
    "写道：",
    "写道:",
    "寫道：",
    "寫道:",
    "schrieb:",
    "a écrit :",
    "a écrit:",
    "a écrit\u{a0}:",
    "escribió:",
    "escreveu:",
    "のメール:",
    "書きました:",
    "書いた:",
    "님이 작성:",
    "ha scritto:",
    "schreef:",
    "пишет:",
];

/// How the lines begin that programs put under every mail.
const STAMPS: &[&str] = &[
    "sent from my ",
    "sent from outlook",
    "sent from mail for ",
    "sent from yahoo mail",
    "sent with proton mail",
    "get outlook for ",
    "发自我的",
    "从我的",
    "来自我的",
    "发自 ",
    "来自网易",
    "来自qq邮箱",
    "發自我的",
    "从 windows 版邮件发送",
    "von meinem ",
    "gesendet mit ",
    "envoyé de mon ",
    "envoyé depuis ",
    "enviado desde mi ",
    "enviado do meu ",
    "iphoneから送信",
    "androidから送信",
    "inviato da ",
    "verzonden vanaf ",
    "отправлено с ",
];

/// How many lines an introduction may be broken over, and how long it may be.
const INTRODUCTION_LINES: usize = 4;
const INTRODUCTION_BYTES: usize = 400;
/// How many empty lines may stand between an introduction and its quote.
const INTRODUCTION_GAP: usize = 50;

/// What the writer added, as lines of `text` in their order; all of it where nothing would be left.
pub(super) fn new_text(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let end = history(&lines).unwrap_or(lines.len());
    let mut kept = unquoted(&lines[..end]);
    drop_signature(&mut kept);
    let kept = kept.join("\n");
    let kept = kept.trim();
    if kept.is_empty() { text.trim().to_owned() } else { kept.to_owned() }
}

/// Where the history begins that runs to the end.
fn history(lines: &[&str]) -> Option<usize> {
    (0..lines.len()).find(|&at| is_divider(lines[at]) || is_header_block(&lines[at..])).map(|at| {
        let before = lines[..at].iter().rposition(|line| !line.trim().is_empty());
        before.filter(|&line| is_rule(lines[line])).unwrap_or(at)
    })
}

/// A line of underscores or dashes, also one with words between: it stands over what is forwarded.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.len() >= 8 && (line.chars().all(|c| c == '_') || line.starts_with("----") && line.ends_with("----"))
}

fn is_divider(line: &str) -> bool {
    let line = line.trim();
    let inner = line.trim_matches(|c: char| matches!(c, '-' | '_' | '=' | '—' | ' '));
    line.starts_with(['-', '_', '—', '=']) && inner.len() < line.len() && {
        let inner = inner.to_lowercase();
        DIVIDERS.iter().any(|divider| inner == *divider)
    }
}

/// Whether headers of a quoted mail begin here: this line is one, and so is one of the two after it.
fn is_header_block(lines: &[&str]) -> bool {
    let Some(first) = lines.first().and_then(|line| field(line)) else { return false };
    let next = lines[1..].iter().filter(|line| !line.trim().is_empty()).take(2);
    next.filter_map(|line| field(line)).any(|second| second != first)
}

fn field(line: &str) -> Option<&'static str> {
    let line = line.trim().trim_start_matches(['*', '>', ' ']);
    let (name, _) = line.split_once([':', '：'])?;
    let name = name.trim_matches(['*', ' ', '\u{a0}', '\u{3000}']).to_lowercase();
    FIELDS.iter().find(|known| **known == name).copied()
}

/// The lines that are not quoted, without those that introduce a quote.
fn unquoted<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::with_capacity(lines.len());
    for (at, line) in lines.iter().enumerate() {
        if !is_quoted(line) {
            kept.push(line);
        } else if at == 0 || !is_quoted(lines[at - 1]) {
            drop_introduction(&mut kept);
        }
    }
    drop_introduction(&mut kept);
    kept
}

fn is_quoted(line: &str) -> bool {
    line.trim_start().starts_with('>')
}

/// Takes a last `On … wrote:` away, over several lines too.
fn drop_introduction(kept: &mut Vec<&str>) {
    let gap = kept.iter().rev().take(INTRODUCTION_GAP).position(|line| !line.trim().is_empty());
    let Some(end) = gap.map(|gap| kept.len() - gap).filter(|end| kept[end - 1].len() <= INTRODUCTION_BYTES) else {
        return;
    };
    // One may be broken in the middle of its last words.
    let last_two = &kept[end.saturating_sub(2)..end];
    let is_broken = || last_two[0].len() <= INTRODUCTION_BYTES && introduces(&last_two.join(" "));
    if !introduces(kept[end - 1]) && !is_broken() {
        return;
    }
    let first = (end.saturating_sub(INTRODUCTION_LINES)..end).rev().take_while(|&at| !kept[at].trim().is_empty());
    let begins = first.filter(|&at| begins_introduction(kept[at])).last().unwrap_or(end - 1);
    if kept[begins..end].iter().map(|line| line.len()).sum::<usize>() <= INTRODUCTION_BYTES {
        kept.truncate(begins);
    }
}

fn introduces(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    INTRODUCTIONS.iter().any(|end| line.ends_with(end)) || line.ends_with(':') && line.contains(" schrieb ")
}

fn begins_introduction(line: &str) -> bool {
    let line = line.trim().to_lowercase();
    ["on ", "at ", "am ", "le ", "el ", "em ", "il ", "op ", "在 ", "在2", "于 ", "于2", "20"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Takes the last `-- ` (RFC 3676, section 4.3) with what follows, and the stamps of phones.
fn drop_signature(kept: &mut Vec<&str>) {
    if let Some(at) = kept.iter().rposition(|line| matches!(*line, "-- " | "--"))
        && kept[..at].iter().any(|line| !line.trim().is_empty())
    {
        kept.truncate(at);
    }
    while let Some(last) = kept.last() {
        let line = last.trim().to_lowercase();
        if !line.is_empty() && !STAMPS.iter().any(|stamp| line.starts_with(stamp)) {
            break;
        }
        kept.pop();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn history_and_signatures_go() {
        let rows = [
            (
                "Yes please.\n\nOn Mon, Nov 3, 2026 at 10:00 AM Shop <support@shop.example> wrote:\n> Shall we?\n> Yes?",
                "Yes please.",
            ),
            (
                "Yes.\n\nOn Mon, Nov 3, 2026 at 10:00 AM Shop Support\n<support@shop.example> wrote:\n\n> Shall we?",
                "Yes.",
            ),
            ("好的\n\n在 2026-11-03 10:00:00，\"客服\" <support@shop.example> 写道：\n> 您好", "好的"),
            ("还没收到\n\n------------------ 原始邮件 ------------------\n发件人: \"客服\"\n主题: 退款", "还没收到"),
            (
                "谢谢\n\n发件人: 客服 <support@shop.example>\n发送时间: 2026年11月3日 10:00\n收件人: 李伟\n主题: 退款\n\n您好",
                "谢谢",
            ),
            (
                "Danke!\n\nVon: Shop <support@shop.example>\nGesendet: Montag, 3. November 2026\nAn: Li\nBetreff: AW: x\n\nHallo",
                "Danke!",
            ),
            ("Danke!\n\nAm 03.11.2026 um 10:00 schrieb Shop:\n> Hallo", "Danke!"),
            ("Danke!\n\nAm 03.11.26 um 10:00 Uhr, Shop schrieb:\n> Hallo", "Danke!"),
            ("Merci\n\nLe lun. 3 nov. 2026 à 10:00, Shop <s@shop.example> a écrit :\n> Bonjour", "Merci"),
            ("Gracias\n\nEl lun, 3 nov 2026 a las 10:00, Shop (<s@shop.example>) escribió:\n> Hola", "Gracias"),
            ("了解です\n\n2026年11月3日(月) 10:00 Shop <s@shop.example>のメール:\n> こんにちは", "了解です"),
            ("差し替えます\n\n差出人: Shop\n送信日時: 2026年11月3日\n宛先: 李\n件名: 返品", "差し替えます"),
            (
                "No.\n\n________________________________\nFrom: Shop <s@shop.example>\nSent: Monday\nTo: Li\nSubject: x\n\nHello",
                "No.",
            ),
            ("No.\n\n-----Original Message-----\nFrom: Shop\n", "No."),
            ("> Which size?\n42\n> Which colour?\nRed", "42\nRed"),
            ("Thanks\n-- \nLi Wei\nExample Ltd", "Thanks"),
            ("Thanks\n\nSent from my iPhone", "Thanks"),
            ("谢谢\n\n发自我的iPhone", "谢谢"),
            ("From: the shop I ordered three\nand none came.", "From: the shop I ordered three\nand none came."),
            ("> only a quote", "> only a quote"),
            ("Sent from my iPhone", "Sent from my iPhone"),
            ("", ""),
        ];
        for (mail, text) in rows {
            assert_eq!(new_text(mail), text, "{mail}");
        }
    }

    /// Each would take minutes if anything looked at all lines for each line.
    #[test]
    fn a_hostile_mail_takes_no_longer_than_a_long_one() {
        let long = "x".repeat(100_000);
        for text in ["\n".repeat(300_000), ">a\n\n".repeat(100_000), "From: x\n\n\n\nx\n".repeat(30_000)] {
            new_text(&text);
            new_text(&format!("{long}\n{text}"));
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_lines_of_the_mail(text in "([>A-Za-z:：发件人主题 -]{0,12}\n){0,30}") {
            let left = new_text(&text);
            let mut lines = text.lines().map(str::trim);
            for line in left.lines() {
                prop_assert!(lines.any(|of| of == line.trim()), "{line:?}");
            }
            prop_assert_eq!(left.is_empty(), text.trim().is_empty());
        }

        #[test]
        fn nothing_panics(text in any::<String>()) {
            new_text(&text);
        }
    }
}
