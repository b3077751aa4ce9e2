//! What nobody would write on purpose, and what happens to files by accident: a clear finding, in bounded time.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{
    MAX_FINDINGS,
    tests::{END, files, said},
    *,
};
use crate::routing::TemplateContext;

/// The one thing that is wrong with a file beside a set that is right.
#[track_caller]
fn finding(name: &str, text: &str) -> Finding {
    let loaded = load(&files(&[("90.yaml", &format!("rules:\n{END}")), (name, text)]));
    assert!(loaded.rules.is_none(), "{name} loads");
    for finding in &loaded.findings {
        let drawn = finding.render(&loaded.files, false);
        assert!(drawn.len() < 5_000 && finding.message.chars().count() <= 240, "{drawn}");
    }
    loaded.findings[0].clone()
}

fn rule(when: &str) -> String {
    format!("rules:\n  - {{name: a, when: '{when}', then: [{{tag: x}}]}}\n")
}

fn each(count: usize, write: impl FnMut(usize) -> String) -> String {
    (0..count).map(write).collect()
}

#[test]
fn too_much_is_refused_with_the_limit() {
    let laughs = "a: &a [1,2,3,4,5,6,7,8,9]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    let yaml = "this is not YAML that can be read: ";
    let rows: Vec<(&str, String, usize, String)> = vec![
        ("10.yaml", "#".repeat(10_000_000), 0, "10.yaml has 9.6 MiB; 4 MiB are the most".into()),
        ("10.yaml", "\n".repeat(60_000), 0, "10.yaml has 60000 lines; 50000 are the most".into()),
        ("10.yaml", laughs.into(), 6, format!("{yaml}aliases of aliases stand for too many values")),
        ("10.yaml", format!("rules: {}", "[".repeat(5_000)), 1, format!("{yaml}it is nested deeper than 24 levels")),
        ("10.yaml", "- ".repeat(5_000), 1, format!("{yaml}it is nested deeper than 24 levels")),
        (
            "10.yaml",
            format!("rules: [{}1]", "1,".repeat(300_000)),
            1,
            format!("{yaml}there are more than 300000 values"),
        ),
        (
            "10.yaml",
            format!("rules: [{}1]", "1,".repeat(20_000)),
            1,
            "with this file, there are 20001 rules; 20000 are the most".into(),
        ),
        (
            "10.yaml",
            format!("tests: [{}1]", "1,".repeat(10_000)),
            1,
            "with this file, there are 10001 tests; 10000 are the most".into(),
        ),
        (
            "10.yaml",
            rule(&format!("message.text == \"{}\"", "x".repeat(1 << 20))),
            2,
            "the expression has 1048594 bytes; 2048 are the most".into(),
        ),
        (
            "10.yaml",
            rule(&format!("{}true{}", "(".repeat(300), ")".repeat(300))),
            2,
            "brackets and conditions are nested deeper than 24".into(),
        ),
        (
            "10.yaml",
            rule("message.text.matches(\"(a{1000}){1000}\")"),
            2,
            "the regular expression cannot be used: Compiled regex exceeds size limit of 262144 bytes.".into(),
        ),
        (
            "skills.yaml",
            format!("languages: [{}]", "en,".repeat(101)),
            1,
            "there are 101 languages; 100 are the most".into(),
        ),
        (
            "queues.yaml",
            format!("queues:\n  care: \n{}", each(2_000, |at| format!("  q{at}: \n"))),
            1,
            "there are 2001 queues; 2000 are the most".into(),
        ),
        (
            "templates.yaml",
            format!("templates:\n{}", each(5_001, |at| format!("  t{at}: \n"))),
            1,
            "there are 5001 templates; 5000 are the most".into(),
        ),
        ("10.yaml", "rules:\n  - name: a\0b\n".into(), 2, format!("{yaml}there is a control character, U+0000")),
        ("10.yaml", "\u{1}\u{2}ELF".into(), 1, format!("{yaml}there is a control character, U+0001")),
    ];
    let found = |name: &str, text: &str| {
        let Finding { file, line, message, .. } = finding(name, text);
        (file, line, message)
    };
    let (found, expected): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .map(|(name, text, line, message)| (found(name, &text), (name.to_owned(), line, message)))
        .unzip();
    assert_eq!(found, expected);
}

#[test]
fn too_much_in_many_files_is_refused_in_the_file_that_is_too_many() {
    let named = |count: usize, text: &dyn Fn(usize) -> String| {
        let file = |at| SourceFile { name: format!("{at:03}.yaml"), text: text(at) };
        load(&(100..100 + count).map(file).collect::<Vec<_>>())
    };
    let rules = named(3, &|_| format!("rules: [{}1]", "1,".repeat(9_999)));
    assert!(rules.findings.iter().all(|finding| finding.file != "102.yaml" || finding.message.contains("30000 rules")));
    let values = named(3, &|_| format!("rules: [{}1]", "1,".repeat(200_000)));
    assert_eq!(values.findings[0].file, "100.yaml");
    assert!(said(&values).iter().any(|said| said.contains("there are more than 500000 values")), "{:?}", said(&values));
    let bytes = named(6, &|_| "#".repeat(3 << 20));
    assert_eq!(said(&bytes), ["0:0 the files have more than 16 MiB together []"]);
    let wrong = named(50, &|_| "rules:\n".to_owned() + &"  - {nam: x}\n".repeat(200));
    assert_eq!(wrong.findings.len(), MAX_FINDINGS);
}

#[test]
fn regular_expressions_of_all_rules_share_their_room() {
    let many = |count, pattern: &str| {
        let rules = each(count, |at| {
            format!("  - {{name: r{at}, when: 'message.text.matches(\"{pattern}{at}\")', then: [{{tag: x}}]}}\n")
        });
        said(&load(&files(&[("10.yaml", &format!("rules:\n{rules}{END}"))])))
    };
    assert_eq!(many(1_000, "(?i)order #[0-9]+ "), Vec::<String>::new());
    let large = many(400, "[\\\\pL]{6}");
    assert!(large[0].contains("the regular expressions of all rules are too large together"), "{large:?}");
}

#[test]
fn a_catastrophic_pattern_is_matched_in_linear_time() {
    let text = rule("message.text.matches(\"^(([a-z])+.)+[A-Z]([a-z])+$\") || message.text.matches(\"(a*)*b\")");
    let loaded = load(&files(&[("10.yaml", &(text + END))]));
    let set = loaded.rules.unwrap_or_else(|| panic!("{:?}", loaded.findings));
    let mut facts = crate::routing::Facts::default();
    facts.message.text = "a".repeat(100_000);
    assert_eq!(crate::routing::decide(&set, &facts).rule.as_deref(), Some("end"));
}

#[test]
fn a_template_that_does_not_end_is_found() {
    let twice = "{% set x = x ~ x %}".repeat(40);
    for (source, message) in [
        ("{% include 'bad/en' %}", "recursion limit exceeded"),
        ("{% extends 'bad/en' %}", "cycle in template inheritance"),
        ("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "recursion limit exceeded"),
        ("{% for x in [1] recursive %}{{ loop([x, x]) }}{% endfor %}", "recursion limit exceeded"),
        ("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "engine ran out of fuel"),
        (&format!("{{% set x = 'aaaaaaaaaaaaaaaa' %}}{twice}"), "engine ran out of fuel"),
        (&format!("{{{{ 'xx'{} }}}}", "|replace('x', 'xx')".repeat(40)), "engine ran out of fuel"),
        ("{{ ('x' * 99999999) | length }}", "engine ran out of fuel"),
        ("{{ range(99999999) | list }}", "range has too many elements"),
        ("{{ 'x' | indent(99999999) | length }}", "engine ran out of fuel"),
        ("{% for a in range(2000) %}0123456789{% endfor %}", "the text is too long"),
        (&format!("{{{{ {}1{} }}}}", "(".repeat(300), ")".repeat(300)), "template exceeds maximum recursion limits"),
    ] {
        let found = finding("templates.yaml", &format!("templates: {{bad: {{en: \"{source}\", zh: 好}}}}"));
        assert!(found.message.contains(message), "{source}: {}", found.message);
        assert_eq!((found.file.as_str(), found.line), ("templates.yaml", 1), "{source}");
    }
    let quote = "templates: {hello: {en: \"{{ message.text * 1000 }}\", zh: 好}}";
    let set = load(&files(&[("10.yaml", &format!("rules:\n{END}")), ("templates.yaml", quote)]));
    assert!(set.rules.is_none(), "what cannot be said of a short message is not said of a long one");
    let quote = "templates: {hello: {en: \"{% for a in message.text %}{{ message.text }}{% endfor %}\", zh: 好}}";
    let loaded = load(&files(&[("10.yaml", &format!("rules:\n{END}")), ("templates.yaml", quote)]));
    let long = "a".repeat(100_000);
    let context = TemplateContext { message_text: Some(&long), ..TemplateContext::default() };
    let said = loaded.rules.map_or(0, |set| set.render("hello", Some("en"), &context).len());
    assert!(said <= 16 * 1024);
}

#[test]
fn a_wrong_name_among_thousands_is_found_without_comparing_it_with_all() {
    let queues = format!("queues:\n  care: \n{}", each(1_999, |at| format!("  q{at:060}: \n")));
    let rules = each(1_000, |at| {
        let name = "x".repeat(60);
        format!("  - {{name: r{at}, when: message.automatic, then: [{{handoff: {{queue: {name}}}}}]}}\n")
    });
    let loaded = load(&files(&[("10.yaml", &format!("rules:\n{rules}{END}")), ("queues.yaml", &queues)]));
    assert_eq!(loaded.findings[0].help.as_deref(), Some("there are 2000 of them"));
    let long = rule("true").replace("tag: x", &format!("handoff: {{queue: {}}}", "x".repeat(3 << 20)));
    assert!(finding("10.yaml", &long).message.starts_with("there is no queue “xxx"));
}

/// A folder with a set that is right, and what `change` does to it.
fn folder(change: impl FnOnce(&Path)) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for file in files(&[("90.yaml", &format!("rules:\n{END}"))]) {
        fs::write(folder.path().join(file.name), file.text).unwrap();
    }
    change(folder.path());
    load_dir(folder.path())
}

/// `file:line message → help` of each finding.
fn told(loaded: &Loaded) -> Vec<String> {
    let told = |finding: &Finding| {
        let help = finding.help.as_deref().unwrap_or_default();
        format!("{}:{} {} → {help}", finding.file, finding.line, finding.message)
    };
    loaded.findings.iter().map(told).collect()
}

#[test]
fn what_is_not_a_rule_file_is_said_and_never_waited_for() {
    const MOVE: &str = "move it out of the folder, or give it a name that does not end in .yaml";
    let pipe = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path.join("10.yaml")).status().unwrap();
        assert!(made.success());
    };
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path.join("10.yaml")).unwrap());
    let write = |bytes: &'static [u8]| move |path: &Path| fs::write(path.join("10.yaml"), bytes).unwrap();
    let rows: Vec<(Loaded, String)> = vec![
        (folder(pipe), format!("10.yaml:0 10.yaml cannot be read: it is a pipe, a socket or a device → {MOVE}")),
        (folder(socket), format!("10.yaml:0 10.yaml cannot be read: it is a pipe, a socket or a device → {MOVE}")),
        (
            folder(|path| symlink("/dev/zero", path.join("10.yaml")).unwrap()),
            format!("10.yaml:0 10.yaml cannot be read: it is a pipe, a socket or a device → {MOVE}"),
        ),
        (
            folder(|path| fs::create_dir(path.join("10.yaml")).unwrap()),
            format!("10.yaml:0 10.yaml cannot be read: it is a folder → {MOVE}"),
        ),
        (
            folder(|path| symlink("gone.yaml", path.join("10.yaml")).unwrap()),
            "10.yaml:0 10.yaml is a link to gone.yaml, which is not there → mend the link, or take it out".into(),
        ),
        (
            folder(write(b"rules:\n  - {name: \"\xc3\x28\", then: [close]}\n")),
            "10.yaml:2 line 2 of 10.yaml is not UTF-8 → save it as UTF-8".into(),
        ),
        (folder(write(b"\xff\xfer\0u\0l\0e\0s\0")), "10.yaml:0 10.yaml is UTF-16 → save it as UTF-8".into()),
        (
            folder(|path| fs::File::create(path.join("10.yaml")).unwrap().set_len(10 << 30).unwrap()),
            "10.yaml:0 10.yaml has 10240 MiB; 4 MiB are the most → split it into several files".into(),
        ),
    ];
    for (loaded, expected) in rows {
        assert_eq!(told(&loaded), [expected]);
        assert!(loaded.rules.is_none());
    }
    let many = folder(|path| (0..500).for_each(|at| fs::write(path.join(format!("{at}.yaml")), "").unwrap()));
    assert!(told(&many)[0].contains("there are 504 files in"), "{:?}", told(&many));
    let gone = load_dir(Path::new("nowhere"));
    assert!(told(&gone)[0].starts_with("nowhere:0 nowhere cannot be read"), "{:?}", told(&gone));
}

#[test]
fn what_editors_and_deployments_leave_is_not_in_the_way() {
    let quiet = folder(|path| {
        for name in [".10.yaml.swp", "4913", "10.yaml~", "#10.yaml#", ".hidden.yaml", "10.yaml.bak", "README.md"] {
            fs::write(path.join(name), b"\xff\0 not: [a rule").unwrap();
        }
        symlink("somebody@host.1234", path.join(".#10.yaml")).unwrap();
        // As Kubernetes mounts files.
        fs::create_dir(path.join("..2026_11_23")).unwrap();
        fs::write(path.join("..2026_11_23/20.yaml"), "").unwrap();
        symlink("..2026_11_23", path.join("..data")).unwrap();
        symlink("..data/20.yaml", path.join("20.yaml")).unwrap();
        fs::write(path.join("30.yaml"), "\u{feff}rules:\n  - {name: bom, on: signals, then: [{tag: x}]}\n").unwrap();
        let windows = "# one\nrules:\n  - name: windows\n    on: signals\n    when: >\n      message.automatic &&\n      message.urgency > 0.5\n    then:\n      - close: true\n";
        fs::write(path.join("40.yaml"), windows.replace('\n', "\r\n")).unwrap();
    });
    assert_eq!(told(&quiet), Vec::<String>::new());
    let set = quiet.rules.unwrap();
    assert_eq!(
        set.rules().iter().map(|rule| (&*rule.name, rule.line)).collect::<Vec<_>>(),
        [("bom", 2), ("windows", 3), ("end", 2)]
    );
    let warned = folder(|path| fs::write(path.join("10.yml"), "rules: []").unwrap());
    assert!(warned.rules.is_some());
    assert_eq!(
        told(&warned),
        [
            "10.yml:0 10.yml is not read, because its name does not end in .yaml → rename it, or move it out of the folder"
        ]
    );
    let wrong = "rules:\r\n  - name: a\r\n    when: >\r\n      message.automatic &&\r\n      message.txt == \"x\"\r\n    then: [close]\r\n";
    assert_eq!(finding("10.yaml", wrong).message, "there is no field `message.txt`");
    assert_eq!((finding("10.yaml", wrong).line, finding("10.yaml", wrong).column), (5, 7));
}
