//! Archives: what was put into one comes out, and what is not whole is refused.

use std::{
    fs,
    io::{Read, Write},
    path::PathBuf,
};

use switchboard::{
    archive::{ArchiveReader, ArchiveWriter, check},
    store::{
        carry::{ATTACHMENT, SECRET, Value},
        sqlite::SqliteReader,
    },
};
use tempfile::TempDir;

use super::{
    Backend,
    carry::{Rows, fill, rows},
    sqlite,
};

/// An archive of a small record.
async fn archive(folder: &TempDir) -> (PathBuf, Rows) {
    let backend = sqlite::backend().await;
    fill(&backend.open().await).await;
    let (mut rows, ledger) = rows(&mut SqliteReader::open(&backend.path()).unwrap()).await;
    let file = b"hello".to_vec();
    let hash = Value::Text(contract::ContentHash::of(&file).to_string());
    rows.insert(0, (&SECRET, vec![Value::Text("daemon".into()), Value::Bytes(vec![3; 32])]));
    rows.push((&ATTACHMENT, vec![hash, Value::Bytes(file)]));
    let path = folder.path().join("all.archive");
    let mut archive = ArchiveWriter::create(&path).unwrap();
    rows.iter().for_each(|(kind, row)| archive.put(kind, row).unwrap());
    archive.finish(ledger).unwrap();
    (path, rows)
}

#[tokio::test]
async fn an_archive_says_what_was_put_into_it() {
    let folder = tempfile::tempdir().unwrap();
    let (path, rows) = archive(&folder).await;
    let checked = check(&path).unwrap();
    assert_eq!(checked.secrets, [("daemon".to_owned(), [3; 32])].into());
    assert_eq!(checked.end.rows.values().sum::<u64>(), rows.len() as u64);
    let mut reader = ArchiveReader::open(&path).unwrap();
    for (kind, row) in &rows {
        let (of, read) = reader.next().unwrap().unwrap();
        assert_eq!((of.name, &read), (kind.name, row));
    }
    assert!(reader.next().unwrap().is_none());
    assert!(ArchiveWriter::create(&path).is_err(), "nothing is written over anything");
    drop(ArchiveWriter::create(&folder.path().join("dropped")).unwrap());
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["all.archive"]);
}

#[tokio::test]
async fn an_archive_that_is_not_what_was_written_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, _) = archive(&folder).await;
    let whole = fs::read(&path).unwrap();
    let mut lines = String::new();
    flate2::read::GzDecoder::new(&whole[..]).read_to_string(&mut lines).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    let packed = |lines: &[String]| {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        lines.iter().for_each(|line| writeln!(gz, "{line}").unwrap());
        gz.finish().unwrap()
    };
    let own: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
    let changed = |at: usize, line: &str| {
        let mut lines = own.clone();
        lines[at] = line.to_owned();
        packed(&lines)
    };
    let without = |at: usize| [&own[..at], &own[at + 1..]].concat();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    let file = own.iter().position(|line| line.starts_with("{\"attachment\"")).unwrap();
    let newer = lines[0].replace("\"format\":1", "\"format\":2");
    for (what, bytes, because) in [
        ("nothing", vec![], "cut off"),
        ("half", whole[..whole.len() / 2].to_vec(), "cut off"),
        ("all but a byte", whole[..whole.len() - 1].to_vec(), "cut off"),
        ("no end", packed(&own[..own.len() - 1]), "cut off"),
        ("a bit", flipped, "damaged"),
        ("a row less", packed(&without(5)), "damaged"),
        ("a row twice", packed(&[&own[..5], &own[4..]].concat()), "damaged"),
        ("another row", changed(5, &own[6]), "damaged"),
        ("no JSON", changed(5, "{\"agent\":"), "damaged"),
        ("an unknown kind", changed(5, "{\"wizard\":{}}"), "damaged"),
        ("another file", changed(file, &own[file].replace("aGVsbG8=", "aGVsbG9v")), "damaged"),
        ("more behind it", packed(&[&own[..], &own[5..6]].concat()), "damaged"),
        ("newer", changed(0, &newer), "newer Switchboard"),
        ("something else", b"PK\x03\x04 something else".to_vec(), "not an archive"),
        ("another gzip", packed(&["{\"a\":1}".to_owned()]), "not an archive"),
    ] {
        let other = folder.path().join("other");
        fs::write(&other, bytes).unwrap();
        let error = check(&other).unwrap_err().to_string();
        assert!(error.contains(because), "{what}: {error}");
    }
}
