//! Every example in the documents does what they say: rules load and pass their tests, settings are settings, command
//! lines are ones, and what commands print is what is shown.
//!
//! The first word after a fence is its language, the second one what else it is:
//!
//! | fence | held to |
//! |---|---|
//! | `yaml` | a rule file or one beside it, which loads in the shop of `switchboard init` and passes its tests |
//! | `yaml queue` | keys of one queue |
//! | `yaml openapi` | a document that is there as `openapi.yaml` for the sessions below it |
//! | `yaml workflow` | its `run:` lines, as `sh` |
//! | `toml` | settings |
//! | `json` | is JSON; `json message` is taken by the HTTP channel, `json arrivals` by `simulate`, `json answer` by the schema |
//! | `markdown` | a knowledge file |
//! | `sh` | each line is a command of [`PROGRAMS`], or of Switchboard with these options; files that it names are there |
//! | `console` | what stands after `$` is run in the shop, and says this; `…` stands for any lines |
//! | `console sample` | the same, but that it cannot be run without a record of its own |
//! | others | [`NOT_RUN`] says why |

use std::{fs, path::Path};

use clap::Parser;
use serde_json::Value;
use switchboard::{
    bot::Knowledge,
    cli::Arguments,
    routing::{self, Loaded, Severity, SourceFile},
    understand::Settings,
};

use crate::harness::Home;

const DOCUMENTS: [&str; 5] = ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "docs", "deploy/README.md"];

const NOT_RUN: [(&str, &str); 8] = [
    ("rust", "the documentation tests compile and run it"),
    ("text", "a drawing, or words"),
    ("ts", "the shape of what the API says; the console is compiled against the same"),
    ("html", "needs a page; tests/browser puts the widget on one"),
    ("js", "needs a page; tests/browser puts the widget on one"),
    ("python", "needs Python; channels/src and tests/it hold signatures to the same definition"),
    ("caddyfile", "needs Caddy"),
    ("mermaid", "a drawing"),
];

/// What else people have, that examples use.
const PROGRAMS: [&str; 27] = [
    "./make-secrets",
    "cargo",
    "cd",
    "cp",
    "createdb",
    "curl",
    "deploy/kubernetes/make-secrets",
    "deploy/kubernetes/rules-component",
    "docker",
    "echo",
    "install",
    "journalctl",
    "kind",
    "kubectl",
    "npm",
    "pg_basebackup",
    "pg_dump",
    "pg_restore",
    "pg_verifybackup",
    "psql",
    "rabbitmqctl",
    "rsync",
    "scripts/test",
    "sqlite3",
    "sudo",
    "systemctl",
    "touch",
];

/// Of these, those to which `switchboard` is a unit, a namespace or a database.
const OTHERS: [&str; 6] = ["createdb", "install", "journalctl", "kubectl", "pg_dump", "systemctl"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// One fenced block.
struct Block {
    document: String,
    line: usize,
    language: String,
    word: String,
    text: String,
    /// The two lines that stand above it, the last one first.
    above: String,
    /// The line below it.
    below: String,
}

impl Block {
    fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }
}

fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<String> = Vec::new();
    for document in DOCUMENTS {
        let path = root().join(document);
        if path.is_dir() {
            let names = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
            paths.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("{document}/{name}")));
        } else {
            paths.push(document.to_owned());
        }
    }
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(root().join(path)).unwrap())).collect()
}

fn blocks(document: &str, text: &str) -> Vec<Block> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(info) = lines[at].trim_start().strip_prefix("```") else {
            at += 1;
            continue;
        };
        let mut words = info.split_whitespace().map(str::to_owned);
        let end = (at + 1..lines.len()).find(|&end| lines[end].trim() == "```").expect("a block ends");
        let above = lines[..at].iter().rev().filter(|line| !line.is_empty()).take(2).copied();
        found.push(Block {
            document: document.to_owned(),
            line: at + 1,
            language: words.next().unwrap_or_default(),
            word: words.next().unwrap_or_default(),
            text: lines[at + 1..end].iter().map(|line| format!("{line}\n")).collect(),
            above: above.collect::<Vec<_>>().join("\n"),
            below: lines[end + 1..].iter().find(|line| !line.is_empty()).copied().unwrap_or_default().to_owned(),
        });
        at = end + 1;
    }
    found
}

/// The words of a command line, as a shell reads them; variables stay as they are.
fn words(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut word, mut quote) = (vec![Vec::new()], None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => (quote, word) = (Some(c), Some(word.unwrap_or_default())),
            (None, '#') if word.is_none() => break,
            (None, ' ' | '|' | '&' | ';' | '<' | '>') => {
                commands.last_mut().unwrap().extend(word.take());
                if matches!(c, '|' | '&' | ';' | '<' | '>') {
                    commands.push(Vec::new());
                }
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    commands.last_mut().unwrap().extend(word);
    commands
}

/// What of a command's words is a command line of Switchboard, its name first.
fn own(words: &[String]) -> Option<Vec<String>> {
    let own = |word: &String| word == "switchboard" || word == "$IMAGE" || word.ends_with("/switchboard");
    let command = match words.iter().position(own) {
        Some(at) if !OTHERS.contains(&words[0].as_str()) => &words[at..],
        // `docker exec switchboard switchboard doctor`, `docker run … "$IMAGE" rules check`
        _ if words.starts_with(&["cargo".into(), "run".into()]) => {
            let at = words.iter().position(|word| word == "--")?;
            &words[at..]
        }
        _ => return None,
    };
    let inner = command.iter().rposition(own).filter(|_| words[0] == "docker").unwrap_or(0);
    Some(command[inner..].to_vec())
}

/// What is wrong with the command lines of a script.
fn script(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let whole = text.replace("\\\n", " ");
    for command in whole.lines().flat_map(words).filter(|command| !command.is_empty()) {
        let program = &command[0];
        let is_own = own(&command);
        let is_image = command.last().is_some_and(|word| word == "switchboard");
        let of_docker = program == "docker" && (is_image || matches!(command[1].as_str(), "build" | "logs" | "pull"));
        if let Some(own) = is_own.filter(|_| !of_docker)
            && let Err(error) = Arguments::try_parse_from(&own)
            && error.use_stderr()
        {
            wrong.push(format!("{own:?}: {error}"));
        }
        let is_file = |word: &&String| ["scripts/", "deploy/", "docs/"].iter().any(|folder| word.starts_with(folder));
        wrong.extend(
            command
                .iter()
                .filter(is_file)
                .filter(|word| !root().join(word).exists())
                .map(|word| format!("there is no {word}")),
        );
        if program != "switchboard" && !PROGRAMS.contains(&program.as_str()) && !is_redirected(&command, text) {
            wrong.push(format!("{program} is not a program that examples use"));
        }
    }
    wrong
}

/// Whether these words are a file that is read from or written to.
fn is_redirected(command: &[String], text: &str) -> bool {
    command.len() == 1 && (text.contains(&format!("< {}", command[0])) || text.contains(&format!("> {}", command[0])))
}

fn load(files: Vec<SourceFile>) -> Loaded {
    let loaded = routing::load(&files);
    let Some(set) = loaded.rules.clone() else { return loaded };
    let reader = Settings::default().reader(set.intents());
    loaded.tested(&|text| reader.read(text))
}

fn findings(loaded: &Loaded) -> Vec<String> {
    if loaded.rules.is_some() {
        return Vec::new();
    }
    let errors = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.render(&loaded.files, false)).collect()
}

/// A text, but for the test of this name.
fn without(text: &str, test: &str) -> Option<String> {
    let start = text.find(&format!("\n  - name: {test}\n"))? + 1;
    let end = text[start + 1..].find("\n  - name: ").map_or(text.len(), |end| start + 1 + end + 1);
    Some(format!("{}{}", &text[..start], &text[end..]))
}

fn file(name: &str, text: impl Into<String>) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.into() }
}

/// What files beside the rules need to be loaded: rules that use them, and what they name.
fn beside(name: &str, text: String) -> Vec<SourceFile> {
    let mut files = vec![
        file("90.yaml", "rules: [{name: all, then: [{handoff: {queue: care}}]}]"),
        file("calendars.yaml", "calendars: {office: {week: {monday: [\"9:00-17:00\"]}}, shop: {}}"),
        file("intents.yaml", "intents: {order-status: {examples: [where is my order, is it sent, 我的订单到哪了]}}"),
        file("queues.yaml", "queues: {care: }"),
        file("skills.yaml", "languages: [en]\nskills: {billing: , lang-en: }"),
        file("templates.yaml", "templates: {closed: {en: We are closed.}}"),
    ];
    files.retain(|file| file.name != name);
    files.push(file(name, text));
    files
}

/// The shop that `switchboard init` makes, and what the document has written in it so far.
struct Shop {
    home: Home,
    written: Option<String>,
}

impl Shop {
    async fn open() -> Self {
        let home = Home::new();
        home.unpack_rules().await;
        Self { home, written: None }
    }

    fn files(&self) -> Vec<SourceFile> {
        let folder = self.home.path().join("routing-rules");
        let yaml = |within: &str| {
            let entries = fs::read_dir(folder.join(within)).into_iter().flatten().map(|entry| entry.unwrap().path());
            let yaml = entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
            let named = |path: &Path| format!("{within}{}", path.file_name().unwrap().to_str().unwrap());
            yaml.map(|path| file(&named(&path), fs::read_to_string(&path).unwrap())).collect::<Vec<_>>()
        };
        [yaml(""), yaml("models/")].concat()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.home.path().join("routing-rules").join(name)).unwrap()
    }

    /// What examples of rules name beyond the shop's own.
    fn with_more(mut files: Vec<SourceFile>) -> Vec<SourceFile> {
        for file in &mut files {
            match file.name.as_str() {
                "queues.yaml" if !file.text.contains("\n  overflow:") => {
                    file.text += "\n  overflow: {members: everyone}\n"
                }
                "templates.yaml" => {
                    file.text += "\n  still-there: {en: Are you still there?, zh: 您还在吗？}\n";
                    file.text += "  how-was-it: {en: How was it?, zh: 满意吗？}\n";
                    file.text += "  thanks-for-rating: {en: Thank you., zh: 谢谢。}\n";
                }
                _ => {}
            }
        }
        files
    }

    fn yaml(&mut self, block: &Block) -> Vec<String> {
        let keys: Vec<&str> = block.text.lines().filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect();
        let has = |key: &str| keys.contains(&key);
        for kind in ["queues", "skills", "calendars", "templates", "intents"] {
            if has(kind) {
                let more = if kind == "queues" && !has("  overflow") { "  overflow: \n" } else { "" };
                return findings(&load(beside(&format!("{kind}.yaml"), format!("{}{more}", block.text))));
            }
        }
        if has("systems") || has("actions") {
            if let Some((_, rest)) = block.above.split_once("routing-rules/actions/") {
                let name = rest.split(".yaml").next().unwrap_or_default();
                self.home.write_rules(&format!("actions/{name}.yaml"), &block.text);
            }
            return findings(&load(beside("actions/example.yaml", block.text.clone())));
        }
        let named = |text: &str| {
            let (_, name) = text.split_once("routing-rules/")?;
            Some(name[..name.find(".yaml")? + 5].to_owned())
        };
        let name = named(block.text.lines().next().unwrap_or_default()).or_else(|| named(&block.above));
        let (name, text) = match (name, &self.written) {
            (None, Some(written)) if block.above.contains("the same file") => {
                (Some(written.clone()), format!("{}\n{}", self.read(written), block.text))
            }
            (name, _) => (name, block.text.clone()),
        };
        let mut files = Self::with_more(self.files());
        let as_name = name.clone().unwrap_or_else(|| "30-example.yaml".to_owned());
        files.retain(|file| file.name != as_name);
        files.push(file(&as_name, text.clone()));
        let wrong = findings(&load(files));
        if let Some(name) = name.filter(|_| wrong.is_empty()) {
            self.home.write_rules(&name, &text);
            self.written = Some(name);
        }
        wrong
    }

    /// What a session shows that does not happen.
    async fn console(&self, block: &Block) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut session = block.text.lines().peekable();
        while let Some(line) = session.next() {
            let Some(command) = line.strip_prefix("$ ") else {
                wrong.push(format!("a session begins with a command: {line}"));
                break;
            };
            wrong.extend(script(command));
            let mut shown = Vec::new();
            while let Some(line) = session.next_if(|line| !line.starts_with("$ ")) {
                shown.push(line);
            }
            if block.word == "sample" || shown.is_empty() {
                continue;
            }
            let said = self.run(command, block).await;
            for part in shown.split(|line| *line == "…").map(|part| part.join("\n")) {
                let part = part.trim_matches('\n');
                if !said.contains(part) {
                    wrong.push(format!("{command} does not say\n{part}\nbut\n{said}"));
                }
            }
        }
        wrong
    }

    /// A file as the text around a block says that it is now: “Write `costumer.tier` and check:”, “without the test “…””.
    fn changed(&self, block: &Block) -> Option<SourceFile> {
        if let Some((_, rest)) = block.below.split_once("without the test “") {
            let test = rest.split_once('”')?.0;
            return self.files().into_iter().find_map(|known| Some(file(&known.name, without(&known.text, test)?)));
        }
        let mistake = block.above.split_once("Write `")?.1.split_once('`')?.0;
        let right = self.read(self.written.as_deref()?);
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let meant = right.split(|c| !is_word(c)).min_by_key(|word| strsim::damerau_levenshtein(word, mistake))?;
        Some(file(self.written.as_deref()?, right.replace(meant, mistake)))
    }

    /// What a command of Switchboard prints in the shop, changed as the text says.
    async fn run(&self, command: &str, block: &Block) -> String {
        let changed = self.changed(block);
        let right = changed.as_ref().map(|changed| self.read(&changed.name));
        if let Some(changed) = &changed {
            self.home.write_rules(&changed.name, &changed.text);
        }
        let words = own(&words(command)[0]).expect("a command of Switchboard");
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let ran = self.home.run(&arguments).await;
        if let (Some(changed), Some(right)) = (changed, right) {
            self.home.write_rules(&changed.name, &right);
        }
        format!("{}{}", ran.out, ran.err)
    }

    async fn json(&self, block: &Block) -> Vec<String> {
        let parsed: Value = match serde_json::from_str(&block.text) {
            Ok(parsed) => parsed,
            Err(error) => return vec![error.to_string()],
        };
        match block.word.as_str() {
            "message" => {
                let daemon = Home::new().start().await;
                let sent = daemon.http().send(&parsed).await;
                let taken = sent.status == 202 || sent.status == 200;
                (!taken).then(|| format!("{sent:?}")).into_iter().collect()
            }
            "arrivals" => {
                fs::write(self.home.path().join("arrivals.jsonl"), &block.text).unwrap();
                let scenario = root().join("docs/examples/simulate.yaml");
                let arguments = ["--scenario", scenario.to_str().unwrap(), "--arrivals", "arrivals.jsonl", "--json"];
                let ran = self.home.run(&[&["rules", "simulate"], &arguments[..]].concat()).await;
                (!ran.ok || !ran.out.contains("\"arrived\": 1")).then(|| ran.all()).into_iter().collect()
            }
            "answer" => {
                let schema = fs::read_to_string(root().join("src/understand/remote/answer.schema.json")).unwrap();
                let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
                schema.iter_errors(&parsed).map(|error| error.to_string()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is wrong with a block.
    async fn check(&mut self, block: &Block) -> Vec<String> {
        match (block.language.as_str(), block.word.as_str()) {
            ("yaml", "") => self.yaml(block),
            ("yaml", "openapi") => {
                fs::write(self.home.path().join("openapi.yaml"), &block.text).unwrap();
                Vec::new()
            }
            ("yaml", "queue") => {
                let queues = format!("queues:\n  overflow: \n  care:\n{}", block.text);
                findings(&load(beside("queues.yaml", queues)))
            }
            ("yaml", "workflow") => {
                let runs = block.text.lines().filter_map(|line| line.trim().strip_prefix("run: "));
                runs.flat_map(script).collect()
            }
            ("toml", "") => {
                let path = self.home.path().join("example.toml");
                fs::write(&path, &block.text).unwrap();
                switchboard::config::read(Some(&path)).err().map(|error| error.to_string()).into_iter().collect()
            }
            ("json", "" | "message" | "arrivals" | "answer") => self.json(block).await,
            ("markdown", "") => {
                let files = [("example.en.md".to_owned(), block.text.clone())];
                let wrong = Knowledge::from_files(files, &switchboard::bot::Settings::default()).err();
                wrong.into_iter().flatten().map(|finding| finding.to_string()).collect()
            }
            ("sh", "") => script(&block.text),
            ("console", "" | "sample") => self.console(block).await,
            (language, "") if NOT_RUN.iter().any(|(known, _)| *known == language) => Vec::new(),
            _ => vec![format!("no test knows ```{} {}", block.language, block.word)],
        }
    }
}

#[tokio::test]
async fn every_example_does_what_the_documents_say() {
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for (document, text) in documents() {
        let blocks = blocks(&document, &text);
        if blocks.is_empty() {
            continue;
        }
        let mut shop = Shop::open().await;
        for block in blocks {
            seen += 1;
            let found = shop.check(&block).await;
            wrong.extend(found.into_iter().map(|found| format!("{}: {found}", block.place())));
        }
    }
    assert!(wrong.is_empty(), "{} of {seen} examples are wrong:\n\n{}", wrong.len(), wrong.join("\n\n"));
    assert!(seen > 50, "only {seen} examples were found");
}

/// `switchboard rules check` in a line of prose is a command line too.
#[test]
fn every_command_in_the_text_is_one() {
    let mut wrong = Vec::new();
    for (document, text) in documents() {
        let prose = text.split("```").step_by(2).collect::<Vec<_>>().join(" ");
        for command in prose.split('`').skip(1).step_by(2).filter(|code| code.starts_with("switchboard ")) {
            let command = command.replace('\n', " ");
            let parts: Vec<&str> = command.split_whitespace().filter(|word| !word.contains(['…', '[', '|'])).collect();
            let Err(error) = Arguments::try_parse_from(&parts) else { continue };
            let is_short = matches!(
                error.kind(),
                clap::error::ErrorKind::MissingRequiredArgument
                    | clap::error::ErrorKind::MissingSubcommand
                    | clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                    | clap::error::ErrorKind::InvalidValue
                    | clap::error::ErrorKind::ValueValidation
            );
            if error.use_stderr() && !is_short {
                wrong.push(format!("{document}: {command}: {error}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn every_file_of_examples_runs() {
    let shop = Shop::open().await;
    for entry in fs::read_dir(root().join("docs/examples")).unwrap() {
        let path = entry.unwrap().path();
        let ran = shop.home.run(&["rules", "simulate", "--json", "--scenario", path.to_str().unwrap()]).await;
        let said: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        assert!(ran.ok && said["present"]["arrived"].as_u64() > Some(0), "{}", ran.all());
    }
}
