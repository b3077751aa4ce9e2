//! The rule files of a folder. Whatever is in the folder, reading it ends, and what is not read is said.

use std::{fs, io, path::Path};

use super::{MAX_BYTES, MAX_FILE_BYTES, MAX_FILES, nowhere};
use crate::{
    regular,
    routing::finding::{Finding, Severity, SourceFile},
};

const SPLIT: &str = "split it into several files";

/// Reads the `*.yaml` files of a folder and of `actions/` and `models/` in it in the order of their names, without loading
/// them. Hidden files are not read.
pub(super) fn read(folder: &Path) -> (Vec<SourceFile>, Vec<Finding>) {
    let (mut files, mut findings) = read_in(folder, "");
    for within in [super::actions::FOLDER, super::models::FOLDER] {
        if folder.join(within).is_dir() {
            let (more, found) = read_in(&folder.join(within), within);
            files.extend(more);
            findings.extend(found);
        }
    }
    if files.len() > MAX_FILES {
        let shown = folder.display().to_string();
        let message = format!("there are {} files in {shown}; {MAX_FILES} are the most", files.len());
        return (Vec::new(), vec![nowhere(&shown, message, "join small ones")]);
    }
    (files, findings)
}

/// The files of one folder, whose names begin with `within`.
fn read_in(folder: &Path, within: &str) -> (Vec<SourceFile>, Vec<Finding>) {
    let shown = folder.display().to_string();
    let unreadable = |error: &io::Error| {
        let help = "check that the folder exists, and that Switchboard may read it";
        (Vec::new(), vec![nowhere(&shown, format!("{shown} cannot be read: {error}"), help)])
    };
    let mut names = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return unreadable(&error),
    };
    for entry in entries {
        match entry {
            Ok(entry) => names.push(entry.file_name()),
            Err(error) => return unreadable(&error),
        }
    }
    names.retain(|name| !name.as_encoded_bytes().starts_with(b"."));
    names.sort();
    let has_extension =
        |name: &&std::ffi::OsString, wanted: &str| Path::new(name).extension().is_some_and(|e| e == wanted);
    let mut findings: Vec<Finding> =
        names.iter().filter(|name| has_extension(name, "yml")).map(|name| misnamed(&name.to_string_lossy())).collect();
    names.retain(|name| has_extension(&name, "yaml"));
    if names.len() > MAX_FILES {
        let message = format!("there are {} files in {shown}; {MAX_FILES} are the most", names.len());
        return (Vec::new(), vec![nowhere(&shown, message, "join small ones")]);
    }
    let (mut files, mut total) = (Vec::with_capacity(names.len()), 0);
    for path in names {
        let name = format!("{within}{}", path.to_string_lossy());
        match file(&folder.join(path), name) {
            Ok(Some(file)) => {
                total += file.text.len();
                files.push(file);
            }
            Ok(None) => {}
            Err(finding) => findings.push(finding),
        }
        if total > MAX_BYTES {
            findings.push(too_much(&shown));
            break;
        }
    }
    (files, findings)
}

/// One file; `None` if it is gone by now.
fn file(path: &Path, name: String) -> Result<Option<SourceFile>, Finding> {
    let bytes = match regular::read(path, MAX_FILE_BYTES + 1) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let Ok(link) = fs::read_link(path) else { return Ok(None) };
            let message = format!("{name} is a link to {}, which is not there", link.display());
            return Err(nowhere(&name, message, "mend the link, or take it out"));
        }
        Err(error) => {
            let help = match error.kind() {
                io::ErrorKind::InvalidInput => {
                    "move it out of the folder, or give it a name that does not end in .yaml"
                }
                _ => "check that Switchboard may read it",
            };
            return Err(nowhere(&name, format!("{name} cannot be read: {error}"), help));
        }
    };
    if bytes.len() > MAX_FILE_BYTES {
        let size = fs::metadata(path).map_or(bytes.len() as u64, |file| file.len());
        return Err(too_large(&name, size));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(nowhere(&name, format!("{name} is UTF-16"), "save it as UTF-8"));
    }
    match regular::text(bytes) {
        Ok(text) => Ok(Some(SourceFile { name, text })),
        Err(line) => {
            let message = format!("line {line} of {name} is not UTF-8");
            Err(Finding { line, column: 1, ..nowhere(&name, message, "save it as UTF-8") })
        }
    }
}

/// A file of more bytes than a file may have.
pub(super) fn too_large(name: &str, size: u64) -> Finding {
    let message = format!("{name} has {}; {} are the most", mebibytes(size), mebibytes(MAX_FILE_BYTES as u64));
    nowhere(name, message, SPLIT)
}

/// A file of more lines than a file may have.
pub(super) fn too_long(name: &str, lines: usize, most: usize) -> Finding {
    nowhere(name, format!("{name} has {lines} lines; {most} are the most"), SPLIT)
}

/// More bytes than all files together may have.
pub(super) fn too_much(folder: &str) -> Finding {
    let message = format!("the files have more than {} together", mebibytes(MAX_BYTES as u64));
    nowhere(folder, message, "move what is not a rule file out of the folder")
}

fn misnamed(name: &str) -> Finding {
    let message = format!("{name} is not read, because its name does not end in .yaml");
    Finding { severity: Severity::Warning, ..nowhere(name, message, "rename it, or move it out of the folder") }
}

/// `9.5 MiB`.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_ceil(1 << 20);
    format!("{}.{} MiB", tenths / 10, tenths % 10).replace(".0 ", " ")
}
