//! Trains the weights of the embedded classifier; see `training/README.md`.

#![allow(clippy::print_stdout, reason = "a command line tool")]

mod data;
mod net;
mod report;
mod table;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{
    data::{Example, File},
    net::Net,
    table::Table,
};

/// How much a message of the project's own text counts.
const OWN: f32 = 4.0;

#[derive(Parser)]
#[command(about = "Trains the weights of the embedded classifier", version)]
struct Arguments {
    /// The folder of the public files that corpora.tsv names; without it only the project's own text is used
    #[arg(long)]
    corpora: Option<PathBuf>,
    /// The folder of the project's own text
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/text"))]
    text: PathBuf,
    /// The folder of the cases that nothing is trained on
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))]
    cases: PathBuf,
    /// Where the weights go
    #[arg(long)]
    out: Option<PathBuf>,
    /// The size of the table: a power of two, in cache lines
    #[arg(long, default_value_t = 15)]
    bits: u8,
    /// Judges intents instead: a file of lines `intent<TAB>text`, every tenth of which is held out
    #[arg(long)]
    intents: Option<PathBuf>,
    /// Messages that have none of the intents, in the same form
    #[arg(long, requires = "intents")]
    others: Option<PathBuf>,
    /// How many examples of each intent are learned from
    #[arg(long, default_value_t = usize::MAX)]
    examples: usize,
    /// Own text whose name begins so is held out of training and reported on
    #[arg(long)]
    hold_out: Vec<String>,
}

fn main() -> ExitCode {
    match train(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train(arguments: &Arguments) -> Result<(), String> {
    if let Some(file) = &arguments.intents {
        return report::intents(file, arguments.examples, arguments.others.as_deref());
    }
    let own = data::own(&arguments.text, OWN)?;
    let mut held = data::own(&arguments.cases, OWN)?;
    let public = match &arguments.corpora {
        Some(folder) => data::public(include_str!("../corpora.tsv"), folder)?,
        None => Vec::new(),
    };
    let is_held = |file: &File| arguments.hold_out.iter().any(|name| file.name.starts_with(name));
    let (out, own): (Vec<_>, Vec<_>) = own.into_iter().partition(is_held);
    held.extend(out);
    let files: Vec<File> = own.into_iter().chain(public).collect();

    let all: Vec<&Example> = files.iter().flat_map(|file| &file.examples).collect();
    let table = Table::choose(&all, arguments.bits);
    println!("{} messages, {} n-grams kept", all.len(), table.len());

    // What was learned without a part is judged on that part, to find out how sure it may be.
    let (mut part, mut rest) = (Vec::new(), Vec::new());
    for file in &files {
        for (number, example) in file.examples.iter().enumerate() {
            let in_part = number / 20 % 8 == 5;
            (if in_part { &mut part } else { &mut rest }).push(table.numbered(example));
        }
    }
    let net = Net::learned(table.len(), &rest.iter().collect::<Vec<_>>());
    let tuned = report::tune(&net, &part);
    println!("temperature {:.2}, wishes {:.2?}", tuned.0, tuned.1);

    let numbered: Vec<Example> = all.iter().map(|example| table.numbered(example)).collect();
    let net = Net::learned(table.len(), &numbered.iter().collect::<Vec<_>>());
    let bytes = table.encode(&net, tuned);
    println!("{} bytes", bytes.len());
    for file in &held {
        report::print(&bytes, file);
    }
    match &arguments.out {
        Some(path) => fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display())),
        None => Ok(()),
    }
}
