use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{
    actions::{Action, Who},
    routing::{Destination, Otherwise, RuleSet, SourceFile, load},
};

const BANK: &str = r#"
systems:
  bank: {url: https://bank.example/api}
actions:
  balance:
    title: {en: Balance}
    identity: verified
    inputs:
      account: {entity: order, pattern: "[A-Z][0-9]{5}", ask: {en: Which account?}}
      mail: {type: email, from: customer.email, ask: {en: Which mail?}}
    call: {system: bank, get: "/accounts/{{ inputs.account }}"}
    outcomes: [{say: {en: Here.}}]
"#;
const RIGHT: u32 = 123_456;
static NOWHERE: Otherwise = Otherwise { actions: Vec::new(), destination: Destination::Ignore };

fn rules() -> Arc<RuleSet> {
    let file = |name: &str, text: &str| SourceFile { name: name.to_owned(), text: text.to_owned() };
    let loaded = load(&[
        file("10-all.yaml", "rules:\n  - name: all\n    then: [{ignore: true}]\n"),
        file("actions/bank.yaml", BANK),
    ]);
    loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings))
}

/// A talk about the balance, as far as it has come.
struct Talk {
    rules: Arc<RuleSet>,
    who: Who,
    dialogue: Option<Dialogue>,
    seconds: i64,
    permission: Option<Permission>,
    /// The codes that were asked for.
    asked: Vec<Challenge>,
}

impl Talk {
    fn with(who: Who) -> Self {
        let permission = Some(Permission { may_ask: true, goes: true });
        Self { rules: rules(), who, dialogue: None, seconds: 0, permission, asked: Vec::new() }
    }

    /// What comes of these words, as a turn would commit it.
    fn hear(&mut self, text: &str) -> Advance {
        let holds = |challenge: &Challenge, typed: u32| typed == RIGHT + u32::try_from(challenge.id.get()).unwrap();
        let next = {
            let id = ChallengeId::from(self.asked.len() as u64);
            move || id
        };
        let (zone, rules) = (TimeZone::UTC, Arc::clone(&self.rules));
        let means = Means {
            email: true,
            lasts: SignedDuration::from_mins(10),
            again_after: SignedDuration::from_secs(60),
            permission: self.permission,
            next: &next,
            holds: &holds,
            ..Means::NONE
        };
        let now = Timestamp::from_second(1_800_000_000 + self.seconds).unwrap();
        // As `turn::vouched` has it: the right code makes them verified before the action hears it.
        let challenge = self.dialogue.as_ref().and_then(Dialogue::challenge);
        if let Some(right) = challenge.filter(|challenge| challenge.is_answered(text, now, &means)).cloned() {
            self.who.proves(&right);
        }
        let who = self.who.clone();
        let scene = Scene {
            action: "balance",
            who: &who,
            language: "en",
            default_language: "en",
            conversation: "cnv_1",
            message: "msg_1",
            text,
            ticket: None,
            next_ticket: None,
            now,
            zone: &zone,
            means,
        };
        let heard = Heard { text, pressed: None, entities: &[] };
        let actions = rules.actions();
        let wanted = actions.wants_code(&scene, self.dialogue.as_ref(), &heard);
        let advance = match &self.dialogue {
            None => actions.begin(&scene, "balance", &NOWHERE, &heard).unwrap(),
            Some(dialogue) => match actions.hear(&scene, dialogue, &heard) {
                Reaction::Goes(advance) => *advance,
                Reaction::NotUnderstood => actions.misunderstood(&scene, dialogue),
                Reaction::Waits | Reaction::Forgotten => panic!("{text}"),
            },
        };
        if let Some(Verification::Asked(challenge, letter)) = &advance.verification {
            assert_eq!(wanted, Some(recipient_of(challenge)), "what is sent was permitted before");
            assert!(letter.text.contains(MARK) && letter.challenge == Some(challenge.id));
            self.asked.push(challenge.clone());
        }
        self.dialogue.clone_from(&advance.dialogue);
        advance
    }

    fn said(&mut self, text: &str) -> String {
        let says = self.hear(text).says;
        says.iter().map(|body| body.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    fn code(&self) -> String {
        (RIGHT + u32::try_from(self.asked.last().unwrap().id.get()).unwrap()).to_string()
    }
}

fn stranger() -> Who {
    Who { id: "cus_1".to_owned(), ..Who::default() }
}

fn li() -> Who {
    Who { email: Some("li@example.com".to_owned()), identity: Identity::Known, ..stranger() }
}

#[test]
fn whose_address_is_known_is_sent_a_code_and_goes_on_with_it() {
    let mut talk = Talk::with(li());
    let asked = talk.said("my balance of A12345");
    assert!(asked.contains("l•••@example.com") && !asked.contains("li@example.com"), "{asked}");
    let code = talk.code();
    let advance = talk.hear(&format!("it is {code}"));
    assert!(matches!(advance.verification, Some(Verification::Passed(_))));
    let dialogue = advance.dialogue.unwrap();
    assert!(matches!(dialogue.step, Step::Calls { .. }), "what was said at first is not asked for again: {dialogue:?}");
    assert_eq!(dialogue.inputs["account"], "A12345");
    assert_eq!(dialogue.inputs["mail"], "li@example.com", "what is known of them is used from now on");
}

#[test]
fn a_stranger_is_asked_for_an_address_and_hears_the_same_whether_or_not_it_is_anybodys() {
    let talk = |goes| {
        let mut talk = Talk::with(stranger());
        talk.permission = Some(Permission { may_ask: true, goes });
        let mut heard = vec![talk.said("balance please")];
        for words in ["li@example.com", "111111", "what?", "resend", "222222", "333333"] {
            heard.push(talk.said(words));
            talk.seconds += 40;
        }
        (heard, talk)
    };
    let (somebody, mut first) = talk(true);
    let (nobody, mut second) = talk(false);
    assert_eq!(somebody, nobody);
    assert!(somebody[0].contains("Which email address") && somebody[1].contains("l•••@example.com"), "{somebody:?}");
    assert!(somebody[2].contains("Tries left: 4"), "{somebody:?}");
    assert!(matches!(first.hear(&first.code()).verification, Some(Verification::Passed(_))));
    // Even the code that would have been sent is none.
    assert!(!matches!(second.hear(&second.code()).verification, Some(Verification::Passed(_))));
}

#[test]
fn after_five_wrong_codes_it_is_over() {
    let mut talk = Talk::with(li());
    talk.hear("balance");
    for left in (1..=4).rev() {
        let said = talk.said("000000");
        assert!(said.contains(&format!("Tries left: {left}")), "{said}");
    }
    let advance = talk.hear("000000");
    assert_eq!(advance.ended, Some(Ended::Otherwise(Why::Identity)));
    assert!(matches!(advance.verification, Some(Verification::Failed("tries", Some(_)))));
}

#[test]
fn a_new_code_does_not_give_new_tries_and_puts_the_old_one_out_of_force() {
    let mut talk = Talk::with(li());
    talk.hear("balance");
    let old = talk.code();
    assert!(talk.said("resend").contains("a moment ago"));
    assert_eq!(talk.asked.len(), 1);
    for _ in 0..3 {
        talk.hear("000000");
    }
    talk.seconds = 61;
    talk.hear("I did not get it");
    assert_eq!((talk.asked.len(), talk.asked[1].left), (2, 2));
    assert!(talk.said(&old).contains("Tries left: 1"));
    let code = talk.code();
    assert!(matches!(talk.hear(&code).verification, Some(Verification::Passed(_))));
}

#[test]
fn an_old_code_is_none_and_costs_no_try() {
    let mut talk = Talk::with(li());
    talk.hear("balance");
    talk.seconds = 600;
    let code = talk.code();
    let advance = talk.hear(&code);
    assert!(matches!(advance.verification, Some(Verification::Failed("expired", Some(_)))));
    assert!(advance.says[0].text.contains("has run out"), "{:?}", advance.says);
    talk.hear("resend");
    assert_eq!(talk.asked[1].left, 5);
    let code = talk.code();
    assert!(matches!(talk.hear(&code).verification, Some(Verification::Passed(_))));
}

#[test]
fn whoever_asks_too_often_is_told_and_is_handed_on() {
    let mut talk = Talk::with(li());
    talk.permission = Some(Permission { may_ask: false, goes: false });
    let advance = talk.hear("balance");
    assert!(advance.says[0].text.contains("cannot send more codes"), "{:?}", advance.says);
    assert_eq!(advance.ended, Some(Ended::Otherwise(Why::Identity)));
    assert_eq!(advance.verification, Some(Verification::Failed("limit", None)));
}

#[test]
fn another_address_gets_a_code_of_its_own_and_the_matter_can_be_dropped() {
    let mut talk = Talk::with(stranger());
    talk.hear("balance");
    talk.hear("lee@example.com");
    talk.hear("sorry, it is li@example.com.");
    let addresses: Vec<&str> = talk.asked.iter().map(|challenge| challenge.address.as_str()).collect();
    assert_eq!(addresses, ["lee@example.com", "li@example.com"]);
    assert_eq!(talk.hear("never mind").ended, Some(Ended::Cancelled));
}

#[test]
fn who_is_vouched_for_meanwhile_need_not_type_anything() {
    let mut talk = Talk::with(li());
    talk.hear("balance");
    talk.who.identity = Identity::Verified;
    let advance = talk.hear("hello?");
    assert!(matches!(advance.dialogue.unwrap().step, Step::Asks { .. }));
}

#[test]
fn who_is_not_verified_any_more_is_asked_again_before_anything_is_called() {
    let mut talk = Talk::with(Who { identity: Identity::Verified, ..li() });
    talk.hear("balance");
    talk.who.identity = Identity::Known;
    assert!(talk.said("A12345").contains("a code of six digits"));
    let code = talk.code();
    assert!(matches!(talk.hear(&code).dialogue.unwrap().step, Step::Asks { .. }));
}

#[test]
fn a_code_is_found_in_what_people_write_around_it() {
    for (text, code) in [
        ("123456", Some(123_456)),
        (" 012 345 ", Some(12_345)),
        ("123-456", Some(123_456)),
        ("１２３４５６", Some(123_456)),
        ("my code is 123456, thanks", Some(123_456)),
        ("验证码是123456。", Some(123_456)),
        ("12345", None),
        ("1234567", None),
        ("123456 or 654321", None),
        ("I was told that I can find the parcel under 123456", None),
        ("", None),
        ("no", None),
    ] {
        assert_eq!(code_in(text), code, "{text}");
    }
}

#[test]
fn addresses_are_shown_so_that_only_their_owner_knows_them() {
    for (address, shown) in
        [("li@example.com", "l•••@example.com"), ("伟@example.com", "伟•••@example.com"), ("+8613800138000", "•••8000")]
    {
        let challenge = Challenge {
            id: 1.into(),
            kind: Email,
            address: address.to_owned(),
            sent: true,
            left: 5,
            asked: 0,
            since: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(challenge.masked(), shown);
    }
}

#[test]
fn every_phrase_says_what_it_is_about_in_every_language() {
    let marks = [
        (Phrase::CodeSent, &["{address}", "{minutes}"][..]),
        (Phrase::WrongCode, &["{left}"]),
        (Phrase::CodeLetter, &["{code}", "{minutes}"]),
        (Phrase::CodeLink, &["{link}"]),
    ];
    for (phrase, marks) in marks {
        let (.., texts) = Phrase::ALL.iter().find(|(of, ..)| *of == phrase).unwrap();
        for (text, mark) in texts.iter().flat_map(|text| marks.iter().map(move |mark| (text, mark))) {
            assert!(text.contains(mark), "{phrase:?} has no {mark}: {text}");
        }
    }
}

fn calls(action: &Action, advance: &Advance) -> bool {
    let step = advance.dialogue.as_ref().map(|dialogue| &dialogue.step);
    action.identity == Identity::Verified && !matches!(step, None | Some(Step::Verifies(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Nothing but the right code leads behind the question who they are; nor does that where no code was sent.
    #[test]
    fn nobody_gets_in_without_the_code(
        words in proptest::collection::vec(
            prop_oneof![
                ".{0,30}", "[0-9]{6}", "[0-9]{3} [0-9]{3}", "yes|no|resend|ok|好的|重新发送|A12345|verified|true",
                "[a-z]{1,5}@example\\.com", "[0-9]{200}",
            ],
            1..12,
        ),
        pauses in proptest::collection::vec(0_i64..400, 12),
        is_known: bool,
        goes: bool,
    ) {
        let mut talk = Talk::with(if is_known { li() } else { stranger() });
        talk.permission = Some(Permission { may_ask: true, goes });
        let rules = Arc::clone(&talk.rules);
        let action = &rules.actions().actions["balance"];
        talk.hear("balance");
        for (text, pause) in words.iter().zip(pauses) {
            talk.seconds += pause;
            let right = talk.asked.last().is_some_and(|_| code_in(text) == talk.code().parse().ok());
            let alive = talk.dialogue.as_ref().is_some_and(|dialogue| {
                Timestamp::from_second(1_800_000_000 + talk.seconds).unwrap() < dialogue.until
            });
            if !alive {
                break;
            }
            let advance = talk.hear(text);
            prop_assert!(!calls(action, &advance) || (right && goes), "{text}: {advance:?}");
            if advance.dialogue.is_none() {
                break;
            }
        }
    }
}
