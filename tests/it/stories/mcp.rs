//! Tools of MCP servers as actions: of one that others wrote, over both transports, and of some that misbehave.
//!
//! Needs `npm ci --prefix tests/mcp`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::method};

use crate::harness::{Home, Ran, Visitor, eventually, free_ports, within};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp")
}

fn everything() -> PathBuf {
    let path = folder().join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    assert!(path.is_file(), "{} is not there: run npm ci --prefix tests/mcp", path.display());
    path
}

/// The server that others wrote, as a program; and a secret of its own.
fn with_everything(home: Home) -> Home {
    home.with_env("SWITCHBOARD_ACTIONS__SECRETS__CITY", "a-secret-city").with_config(&format!(
        "[actions.mcp.everything]\ncommand = [\"node\", {:?}, \"stdio\"]\nenv = {{ REGION = \"eu\" }}\nsecrets = {{ TOKEN = \"city\" }}\n",
        everything()
    ))
}

/// Actions that call tools of it.
fn actions(system: &str) -> String {
    format!(
        r#"
systems:
  everything: {system}
actions:
  weather:
    title: {{en: Weather, zh: 天气}}
    inputs:
      city:
        choices: {{New York: {{en: New York, zh: 纽约}}, Chicago: {{en: Chicago, zh: 芝加哥}}}}
        ask: {{en: Which city?, zh: 哪个城市？}}
    call: {{system: everything, tool: get-structured-content, arguments: {{location: "{{{{ inputs.city }}}}"}}, effect: false}}
    outputs:
      degrees: {{from: body.temperature, type: number}}
      sky: body.conditions
    outcomes:
      - say: {{en: "{{{{ outputs.sky }}}}, {{{{ outputs.degrees }}}} degrees.", zh: "{{{{ outputs.degrees }}}} 度。"}}
  sum:
    title: {{en: Sum}}
    inputs: {{a: {{type: number, ask: {{en: A?}}}}, b: {{type: number, ask: {{en: B?}}}}}}
    call: {{system: everything, tool: get-sum, arguments: {{a: "{{{{ inputs.a }}}}", b: "{{{{ inputs.b }}}}"}}, effect: false}}
    outputs: {{told: body}}
    outcomes: [{{say: {{en: "{{{{ outputs.told }}}}"}}}}]
  environment:
    title: {{en: Environment}}
    call: {{system: everything, tool: get-env, effect: false}}
    outcomes: [{{say: {{en: "{{{{ body }}}}"}}}}]
  wrong-tool:
    title: {{en: Wrong}}
    call: {{system: everything, tool: get-some, effect: false}}
    outcomes: [{{say: {{en: x}}}}]
  wrong-arguments:
    title: {{en: Wrong}}
    call: {{system: everything, tool: get-sum, arguments: {{a: one, c: 2}}, effect: false}}
    outcomes: [{{say: {{en: x}}}}]
"#
    )
}

async fn call(home: &Home, arguments: &[&str]) -> Ran {
    home.run(&[&["actions", "call"], arguments].concat()).await
}

/// What holds of the server that others wrote, over any transport.
async fn is_called(home: &Home) {
    let ran = call(home, &["weather", "--input", "city=纽约"]).await;
    assert!(ran.ok && ran.out.contains("TOOL get-structured-content at "), "{}", ran.all());
    assert!(ran.out.contains("output    degrees = 33") && ran.out.contains("Cloudy, 33 degrees."), "{}", ran.all());
    let ran = call(home, &["sum", "--input", "a=2", "--input", "b=三"]).await;
    assert!(ran.ok && ran.out.contains("The sum of 2 and 3 is 5."), "a text is a text: {}", ran.all());
    let ran = call(home, &["wrong-tool"]).await;
    assert!(!ran.ok && ran.all().contains("failure   unmade"), "{}", ran.all());
    assert!(ran.all().contains("there is no tool “get-some”: did you mean “get-sum”?"), "{}", ran.all());
    let ran = call(home, &["wrong-arguments"]).await;
    for part in ["`b` has to be given", "`a` is a text, and it wants a number", "it takes no `c`"] {
        assert!(ran.all().contains(part), "{part}: {}", ran.all());
    }
}

#[tokio::test]
async fn tools_of_a_program_are_called() {
    let home = with_everything(Home::new()).with_env("UNRELATED_SECRET", "hidden-from-it");
    home.unpack_rules().await;
    home.write_rules("actions/tools.yaml", &actions("{mcp: {program: everything}, timeout: 30s}"));
    let ran = home.run(&["actions", "check"]).await;
    assert!(ran.ok, "{}", ran.all());
    let ran = home.run(&["actions", "check", "--tools"]).await;
    assert!(!ran.ok, "{}", ran.all());
    for part in
        ["wrong-tool: get-some of everything: there is no tool", "wrong-arguments: get-sum of everything: `b` has"]
    {
        assert!(ran.out.contains(part) && !ran.out.contains("weather:"), "{}", ran.all());
    }
    is_called(&home).await;
    let ran = call(&home, &["environment"]).await;
    assert!(ran.out.contains("REGION") && ran.out.contains("TOKEN"), "{}", ran.all());
    for secret in ["a-secret-city", "hidden-from-it", "SWITCHBOARD_"] {
        assert!(!ran.all().contains(secret), "{secret}: {}", ran.all());
    }
}

/// The same server over streamable HTTP; it ends with what holds it.
async fn over_http() -> (Child, String) {
    let [port] = free_ports::<1>();
    let mut command = Command::new("node");
    command.arg(everything()).arg("streamableHttp").env("PORT", port.to_string()).kill_on_drop(true);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listens =
        async { while !lines.next_line().await.unwrap().expect("it listens").contains("listening on port") {} };
    within("the server listens", listens).await;
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, format!("http://127.0.0.1:{port}/mcp"))
}

#[tokio::test]
async fn tools_of_a_server_on_the_network_are_called_where_calls_may_go() {
    let (_server, url) = over_http().await;
    let home = Home::new();
    home.unpack_rules().await;
    home.write_rules("actions/tools.yaml", &actions(&format!("{{mcp: {{url: {url:?}}}, private: true}}")));
    is_called(&home).await;
    home.write_rules("actions/tools.yaml", &actions(&format!("{{mcp: {{url: {url:?}}}}}")));
    let ran = home.run(&["actions", "check"]).await;
    assert!(!ran.ok && ran.out.contains("http is read by anyone on the way"), "{}", ran.all());
}

#[tokio::test]
async fn a_tool_becomes_an_action_file_that_loads() {
    let home = with_everything(Home::new());
    home.unpack_rules().await;
    let import = ["actions", "import", "--mcp", "everything", "--tool"];
    let ran = home.run(&[&import[..], &["get-structured-content"]].concat()).await;
    assert!(ran.ok && ran.out.contains("choices:") && ran.out.contains("temperature"), "{}", ran.all());
    home.write_rules("actions/weather.yaml", &ran.out);
    assert!(home.run(&["actions", "check"]).await.ok);
    let ran = call(&home, &["get-structured-content", "--input", "location=Chicago"]).await;
    assert!(ran.ok && ran.out.contains("temperature = "), "{}", ran.all());
    let ran = home.run(&[&import[..], &["get-structured"]].concat()).await;
    assert!(!ran.ok && ran.err.contains("has no tool “get-structured”"), "{}", ran.all());
    let ran = home.run(&["actions", "import", "--mcp", "nothing", "--tool", "x"]).await;
    assert!(!ran.ok && ran.err.contains("there is no MCP server “nothing”"), "{}", ran.all());
}

#[tokio::test]
async fn a_customer_is_served_by_a_program_that_ends_with_the_daemon_and_begins_again_when_it_dies() {
    let home = with_everything(Home::new());
    home.unpack_rules().await;
    // On a busy machine the program takes long to start.
    let sums = actions("{mcp: {program: everything}, timeout: 30s}");
    home.write_rules("actions/tools.yaml", &sums);
    home.write_rules(
        "15-weather.yaml",
        "rules:\n  - name: weather\n    when: message.text.any_word([\"weather\", \"天气\"])\n    then: [{do: {action: weather, otherwise: [{handoff: {queue: care}}]}}]\n",
    );
    let mut daemon = home.start().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("what is the weather like?").await;
    assert!(visitor.said_by("bot", 1).await[0].contains("Which city"));
    visitor.say("New York").await;
    assert!(visitor.said_by("bot", 2).await[1].contains("Cloudy, 33 degrees."));

    let first = child_of(daemon.pid()).await;
    Command::new("kill").arg("-KILL").arg(first.to_string()).status().await.unwrap();
    let mut chinese = Visitor::arrive(&daemon.url).await;
    chinese.say("今天天气怎么样").await;
    assert!(chinese.said_by("bot", 1).await[0].contains("哪个城市"));
    chinese.say("纽约").await;
    assert!(chinese.said_by("bot", 2).await[1].contains("33 度"));
    let second = child_of(daemon.pid()).await;
    assert_ne!(first, second);

    daemon.stop().await;
    is_gone(second).await;
    daemon.restart().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("weather in Chicago").await;
    visitor.said_by("bot", 1).await;
    visitor.say("Chicago").await;
    visitor.said_by("bot", 2).await;
    let third = child_of(daemon.pid()).await;
    daemon.kill().await;
    is_gone(third).await;
}

/// The process id of the program that a daemon runs.
async fn child_of(daemon: u32) -> u32 {
    eventually("a program runs", || async {
        fs::read_dir("/proc").unwrap().flatten().find_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            let mut after = stat.rsplit_once(')')?.1.split_whitespace();
            let (state, parent) = (after.next()?, after.next()?);
            (state != "Z" && parent == daemon.to_string()).then_some(pid)
        })
    })
    .await
}

async fn is_gone(pid: u32) {
    eventually("the program has ended", || async {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').and_then(|(_, after)| after.split_whitespace().next().map(str::to_owned));
        state.is_none_or(|state| state == "Z").then_some(())
    })
    .await;
}

/// A server that misbehaves, and where it notes what it was asked for.
struct Hostile {
    home: Home,
    notes: PathBuf,
}

impl Hostile {
    async fn how(how: &str, call: &str) -> Self {
        let home = Home::new();
        let notes = home.path().join("notes");
        let program = folder().join("hostile.mjs");
        let config =
            format!("[actions.mcp.it]\ncommand = [\"node\", {program:?}, {how:?}]\nenv = {{ NOTES = {notes:?} }}\n");
        let home = home.with_config(&config);
        let actions = format!(
            "systems: {{it: {{mcp: {{program: it}}, timeout: 3s}}}}\nactions:\n  do:\n    title: {{en: Do}}\n    {call}\n    \
             outputs: {{done: {{from: body.done, type: number, optional: true}}}}\n    outcomes:\n      \
             - {{when: status == 400, say: {{en: \"It says {{{{ body }}}}\"}}}}\n      - {{say: {{en: Done}}}}\n"
        );
        home.write_rules("actions/do.yaml", &actions);
        Self { home, notes }
    }

    async fn call(&self) -> (bool, Value) {
        let ran = call(&self.home, &["do", "--yes", "--json"]).await;
        (ran.ok, serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.all())))
    }

    fn noted(&self, what: &str) -> usize {
        let notes = fs::read_to_string(&self.notes).unwrap_or_default();
        notes.lines().filter(|line| line.starts_with(what)).count()
    }
}

const READS: &str = "call: {system: it, tool: do, effect: false}";
const CHANGES: &str = "confirm: {en: Really?}\n    call: {system: it, tool: do}";

#[tokio::test]
async fn whatever_a_server_does_a_call_ends_and_says_how() {
    for (how, failure) in [
        ("dies", "down"),
        ("mute", "slow"),
        ("slow", "slow"),
        ("crashes", "down"),
        ("huge", "too_long"),
        ("refuses", "down"),
        ("odd", "unreadable"),
        ("endless", "unmade"),
    ] {
        let server = Hostile::how(how, READS).await;
        let (fine, said) = server.call().await;
        assert!(!fine, "{how}: {said}");
        assert_eq!(said["failure"], failure, "{how}: {said}");
        assert!(server.noted("started") <= 3, "{how}: it is begun again three times at most in a call");
    }
    for how in ["garbage", "noisy", "asks", "changes", "well"] {
        let server = Hostile::how(how, READS).await;
        let (fine, said) = server.call().await;
        assert!(fine && said["outputs"]["done"] == json!(1), "{how}: {said}");
    }
    let server = Hostile::how("fails", READS).await;
    let (_, said) = server.call().await;
    assert_eq!((&said["status"], &said["says"]["en"][0]), (&json!(400), &json!("It says no such order")));
}

#[tokio::test]
async fn what_changes_something_is_asked_for_once_and_then_nobody_knows() {
    let mute = Hostile::how("mute", CHANGES).await;
    assert_eq!(mute.call().await.1["failure"], "slow", "what was never asked for is not unknown");
    for how in ["slow", "crashes"] {
        let server = Hostile::how(how, CHANGES).await;
        let (fine, said) = server.call().await;
        assert!(!fine && said["failure"] == "unknown", "{how}: {said}");
        assert_eq!(server.noted("called do"), 1, "{how}");
    }
}

#[tokio::test]
async fn tools_that_change_are_looked_at_anew() {
    let server = Hostile::how("changes", READS).await;
    server.home.write_rules(
        "90.yaml",
        "rules: [{name: all, then: [{do: {action: do, otherwise: [{handoff: {queue: care}}]}}]}]",
    );
    server.home.write_rules("queues.yaml", "queues: {care: }");
    server.home.write_rules("skills.yaml", "languages: [en]\nskills: {lang-en: }");
    let notes = server.notes.clone();
    let daemon = server.home.start().await;
    let mut visitor = Visitor::arrive(&daemon.url).await;
    visitor.say("please do it").await;
    assert_eq!(visitor.said_by("bot", 1).await, ["Done"]);
    // It needs a day now, which the file does not give.
    visitor.say("please do it again").await;
    visitor.owned_by("queue").await;
    let noted = fs::read_to_string(notes).unwrap();
    assert_eq!(noted.matches("called do").count(), 1, "{noted}");
    assert!(daemon.log().contains("`day` has to be given"), "{}", daemon.log());
}

#[tokio::test]
async fn a_server_on_the_network_that_misbehaves_is_left_alone() {
    let answers = [
        (ResponseTemplate::new(302).insert_header("location", "http://169.254.169.254/latest"), "redirected"),
        (ResponseTemplate::new(200).set_body_string("<html>").insert_header("content-type", "text/html"), "unreadable"),
        (ResponseTemplate::new(500), "down"),
        (
            ResponseTemplate::new(200)
                .set_body_raw(format!("{{\"a\": \"{}\"}}", "x".repeat(3 << 20)), "application/json"),
            "too_long",
        ),
    ];
    for (answer, failure) in answers {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let home = Home::new();
        let actions = format!(
            "systems: {{it: {{mcp: {{url: \"{}/mcp\"}}, private: true, timeout: 3s}}}}\nactions:\n  do:\n    title: {{en: Do}}\n    {READS}\n    outcomes: [{{say: {{en: Done}}}}]\n",
            server.uri()
        );
        home.write_rules("actions/do.yaml", &actions);
        let ran = call(&home, &["do", "--json"]).await;
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}", ran.all()));
        assert_eq!(said["failure"], failure, "{}", ran.all());
    }
}
