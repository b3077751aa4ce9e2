//! Writing an archive: beside its place until it is complete.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde::{Serialize, Serializer, ser::SerializeMap};
use sha2::{Digest, Sha256};

use super::{END, End, FORMAT, HEADER, Header};
use crate::store::{
    carry::{Kind, Row, Value},
    outbox::Ledger,
};

/// An archive that is being written. Dropped before its end, nothing is left of it.
pub struct ArchiveWriter {
    /// Gone once it is complete.
    lines: Option<GzEncoder<BufWriter<File>>>,
    place: PathBuf,
    part: PathBuf,
    digest: Sha256,
    rows: BTreeMap<String, u64>,
}

/// A line: one thing by its name.
struct Line<'a, T>(&'a str, &'a T);

impl<T: Serialize> Serialize for Line<'_, T> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(1))?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}

struct Named<'a>(&'a Kind, &'a Row);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(Some(self.1.len()))?;
        for (name, value) in self.0.names().zip(self.1) {
            match value {
                Value::Null => map.serialize_entry(name, &())?,
                Value::Number(number) => map.serialize_entry(name, number)?,
                Value::Flag(flag) => map.serialize_entry(name, flag)?,
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Bytes(bytes) => map.serialize_entry(name, &STANDARD.encode(bytes))?,
            }
        }
        map.end()
    }
}

impl ArchiveWriter {
    /// Begins an archive that will be at `place`, where nothing is yet, for this user alone.
    ///
    /// # Errors
    /// Something is there, or it cannot be written.
    pub fn create(place: &Path) -> anyhow::Result<Self> {
        ensure!(!place.exists(), "{} is there already; name another file", place.display());
        let mut name = place.file_name().context("the archive needs the name of a file")?.to_owned();
        name.push(".part");
        let part = place.with_file_name(name);
        // Of an export that was killed.
        if let Err(error) = fs::remove_file(&part)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error).with_context(|| format!("{} cannot be removed", part.display()));
        }
        let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part);
        let file = file.with_context(|| format!("{} cannot be written", part.display()))?;
        let mut archive = Self {
            lines: Some(GzEncoder::new(BufWriter::new(file), Compression::default())),
            place: place.to_owned(),
            part,
            digest: Sha256::new(),
            rows: BTreeMap::new(),
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        archive.line(HEADER, &Header { format: FORMAT, version, made: crate::clock::now() })?;
        Ok(archive)
    }

    fn line(&mut self, name: &str, what: &impl Serialize) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(&Line(name, what))?;
        line.push(b'\n');
        self.digest.update(&line);
        let written = self.lines.as_mut().map_or(Ok(()), |lines| lines.write_all(&line));
        written.with_context(|| format!("{} cannot be written", self.part.display()))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&mut self, kind: &Kind, row: &Row) -> anyhow::Result<()> {
        self.line(kind.name, &Named(kind, row))?;
        *self.rows.entry(kind.name.to_owned()).or_default() += 1;
        Ok(())
    }

    /// Ends it, and puts it in its place when it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self, ledger: Ledger) -> anyhow::Result<End> {
        let sha256 = hex::encode(self.digest.clone().finalize());
        let end = End { rows: std::mem::take(&mut self.rows), ledger, sha256 };
        self.line(END, &end)?;
        if let Some(lines) = self.lines.take() {
            let done = (|| {
                lines.finish()?.into_inner()?.sync_all()?;
                fs::rename(&self.part, &self.place)
            })();
            if done.is_err() {
                let _ = fs::remove_file(&self.part);
            }
            done.with_context(|| format!("{} cannot be written", self.place.display()))?;
        }
        Ok(end)
    }
}

impl Drop for ArchiveWriter {
    fn drop(&mut self) {
        if self.lines.take().is_some() {
            let _ = fs::remove_file(&self.part);
        }
    }
}
