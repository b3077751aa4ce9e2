//! What Cargo cannot hold of the architecture (ARCHITECTURE.md has the same in words).

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Folders that are not the repository's own text.
const ELSEWHERE: [&str; 6] = ["target", "node_modules", ".git", "data", "dist", ".issues"];

/// Every text file below a folder, with its path from the root.
fn files(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let entry = entry.unwrap();
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if entry.file_type().unwrap().is_dir() {
                if !ELSEWHERE.contains(&name.as_str()) {
                    open.push(path);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
            }
        }
    }
    assert!(!found.is_empty(), "nothing is in {folder}");
    found.sort();
    found
}

/// Where a pattern stands, as `file:line: text`.
fn found<'a>(files: impl IntoIterator<Item = &'a (String, String)>, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let mut places = Vec::new();
    for (path, text) in files {
        let hits = text.lines().enumerate().filter(|(_, line)| pattern.is_match(line));
        places.extend(hits.map(|(at, line)| format!("{path}:{}: {}", at + 1, line.trim())));
    }
    places
}

fn is_rust(file: &&(String, String)) -> bool {
    file.0.ends_with(".rs")
}

#[track_caller]
fn nowhere(places: &[String], because: &str) {
    assert!(places.is_empty(), "{because}:\n{}", places.join("\n"));
}

#[test]
fn only_the_wiring_names_adapters() {
    let source = files("src");
    let may = ["src/wiring/", "src/config/", "src/cli/run.rs"];
    let others = source.iter().filter(is_rust).filter(|(path, _)| !may.iter().any(|may| path.starts_with(may)));
    let mut named = found(others, r"(^|[^\w.:])channels::");
    // What makes marks that only this installation can make is no adapter.
    named.retain(|place| !place.contains("channels::Seal"));
    nowhere(&named, "adapters are named outside of the wiring");
}

#[test]
fn decisions_know_no_clock_no_store_and_no_runtime() {
    let mut pure = files("src/routing");
    pure.extend(files("src/simulate"));
    let edges = ["src/desk/dispatcher.rs", "src/desk/board.rs"];
    pure.extend(files("src/desk").into_iter().filter(|(path, _)| !edges.contains(&path.as_str())));
    let impure = r"\btokio\b|crate::(store|http|live|records|wiring)\b|SystemTime::now|Instant::now|Timestamp::now|clock::now|async fn|\.await";
    nowhere(
        &found(pure.iter().filter(is_rust).filter(|(path, _)| !path.ends_with("mod.rs")), impure),
        "a pure core has an effect",
    );
}

#[test]
fn the_daemon_has_one_clock() {
    let source = files("src");
    let may = ["src/clock.rs", "src/cli/"];
    let others = source.iter().filter(is_rust).filter(|(path, _)| !may.iter().any(|may| path.starts_with(may)));
    nowhere(&found(others, r"Timestamp::now\(|SystemTime::now"), "a clock is asked that can be set back");
}

#[test]
fn understanding_is_pure() {
    let source = files("understand/src");
    let impure = r"\btokio\b|std::(fs|net|time|env)\b|Instant::now|async fn";
    nowhere(&found(source.iter().filter(is_rust), impure), "the model has an effect");
}

#[test]
fn adapters_depend_on_the_contract_only() {
    let own = Regex::new(r"(?m)^(switchboard|switchboard-\w+|contract|channels)\b").unwrap();
    for manifest in ["contract/Cargo.toml", "channels/Cargo.toml"] {
        let text = fs::read_to_string(root().join(manifest)).unwrap();
        let named: Vec<&str> = own.find_iter(&text).map(|found| found.as_str()).collect();
        let right: &[&str] = if manifest.starts_with("channels") { &["contract"] } else { &[] };
        assert_eq!(named, right, "{manifest}");
    }
    for folder in ["contract/src", "channels/src"] {
        nowhere(&found(files(folder).iter().filter(is_rust), r"\bswitchboard::"), "an adapter names the daemon");
    }
}

#[test]
fn tests_neither_sleep_nor_are_left_out() {
    let sources: Vec<_> = ["src", "contract/src", "channels/src", "tests"].into_iter().flat_map(files).collect();
    // Written apart, so that this file does not find itself.
    let unfinished = [r"\bto", r"do!|\bunimple", r"mented!|#\[ig", r"nore"].concat();
    nowhere(&found(sources.iter().filter(is_rust), &unfinished), "something is unfinished or left out");
    let sleeping = [r"thread::sl", r"eep|time::sl", r"eep\("].concat();
    let tests =
        sources.iter().filter(is_rust).filter(|(path, _)| path.starts_with("tests/") || path.ends_with("tests.rs"));
    nowhere(&found(tests, &sleeping), "a test waits for time to pass");
}

#[test]
fn the_repository_names_no_registry_and_no_home() {
    let all = files(".");
    let locks = ["Cargo.lock", "package-lock.json", "tests/it/tidy.rs"];
    let own = all.iter().filter(|(path, _)| path != ".git" && !locks.iter().any(|lock| path.ends_with(lock)));
    let hosts =
        r"registry\.npmjs|npmmirror|index\.crates\.io|static\.crates\.io|pypi\.org|files\.pythonhosted|/artifactory/";
    nowhere(&found(own.clone(), hosts), "a registry's host is named");
    // A container's folders are nobody's.
    let own = own.filter(|(path, _)| path != "deploy/Dockerfile");
    nowhere(&found(own, r"(^|[^\w.~/])/(root|home/\w+|Users/\w+|work)/"), "a folder of one machine is named");
}

#[test]
fn every_link_in_the_documents_leads_to_a_file() {
    let link = Regex::new(r"\]\(([^)#\s]+)(#[^)]*)?\)").unwrap();
    let mut dead = Vec::new();
    let mut seen = 0;
    for (path, text) in files(".").iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder: PathBuf = root().join(path).parent().unwrap().to_owned();
        for target in link.captures_iter(text).map(|captures| captures[1].to_owned()) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            if !folder.join(&target).exists() {
                dead.push(format!("{path}: {target}"));
            }
        }
    }
    nowhere(&dead, "links lead nowhere");
    assert!(seen > 0, "no document links to another");
}

#[test]
fn the_image_is_built_of_every_crate() {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let manifest = read("Cargo.toml");
    let members = manifest.lines().find(|line| line.starts_with("members = ")).unwrap();
    let (ignored, folder) = (read(".dockerignore"), Regex::new(r#""(\w+)[^"]*""#).unwrap());
    let folders = folder.captures_iter(members).map(|found| found[1].to_owned());
    let left_out: Vec<String> =
        folders.filter(|folder| !ignored.lines().any(|line| line == format!("!{folder}"))).collect();
    assert!(left_out.is_empty(), ".dockerignore keeps {left_out:?} out of the image's build, which needs them");
}
