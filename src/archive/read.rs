//! Reading an archive: once to see whether it is whole, before anything is done with it, and once more for its rows.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, ensure};
use base64::{Engine, engine::general_purpose::STANDARD};
use contract::ContentHash;
use flate2::bufread::MultiGzDecoder;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

use super::{END, End, FORMAT, HEADER, Header, kind};
use crate::store::carry::{ATTACHMENT, Kind, Of, Row, SECRET, Value};

/// An archive that is being read.
pub struct ArchiveReader {
    path: PathBuf,
    lines: BufReader<MultiGzDecoder<BufReader<File>>>,
    line: Vec<u8>,
    digest: Sha256,
    rows: BTreeMap<String, u64>,
    end: Option<End>,
}

/// An archive that is whole.
#[derive(Debug)]
pub struct Checked {
    /// What it says of itself.
    pub end: End,
    /// The daemons' secrets, by name.
    pub secrets: BTreeMap<String, [u8; 32]>,
}

/// Reads all of an archive, and looks whether it is what was written.
///
/// # Errors
/// It is not: it was cut off, changed, or written by a newer version; or it cannot be read.
pub fn check(path: &Path) -> anyhow::Result<Checked> {
    let mut archive = ArchiveReader::open(path)?;
    let mut secrets = BTreeMap::new();
    while let Some((kind, row)) = archive.next()? {
        match &row[..] {
            [Value::Text(hash), Value::Bytes(bytes)] if *kind == ATTACHMENT => {
                let is_it = hash.parse().is_ok_and(|hash: ContentHash| hash == ContentHash::of(bytes));
                ensure!(is_it, "{} is damaged: a file has other bytes than its hash says", path.display());
            }
            [Value::Text(name), Value::Bytes(bytes)] if *kind == SECRET => {
                let secret = bytes.as_slice().try_into();
                secrets.insert(name.clone(), secret.map_err(|_| anyhow!("the secret {name:?} has not 32 bytes"))?);
            }
            _ => {}
        }
    }
    let end = archive.end.ok_or_else(|| anyhow!("{} has no end", path.display()))?;
    Ok(Checked { end, secrets })
}

impl ArchiveReader {
    /// Opens an archive.
    ///
    /// # Errors
    /// It is none, cannot be read, or was written by a newer version.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("{} cannot be opened", path.display()))?;
        let mut archive = Self {
            path: path.to_owned(),
            lines: BufReader::new(MultiGzDecoder::new(BufReader::new(file))),
            line: Vec::new(),
            digest: Sha256::new(),
            rows: BTreeMap::new(),
            end: None,
        };
        let shown = path.display();
        let header = match archive.read_line() {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => None,
            Err(_) => return Err(archive.cut_off()),
            Ok(_) => archive.named().ok().filter(|(name, _)| *name == HEADER).map(|(_, header)| header),
        };
        let format = header.and_then(|header| {
            let fields: serde_json::Value = serde_json::from_str(header.get()).ok()?;
            fields["format"].as_u64()
        });
        let format = format.ok_or_else(|| anyhow!("{shown} is not an archive that `switchboard export` wrote"))?;
        ensure!(
            format <= u64::from(FORMAT),
            "{shown} was written by a newer Switchboard: it has format {format}, and this one reads up to {FORMAT}; \
             install the newer one"
        );
        let (_, header) = archive.named()?;
        archive.parse::<Header>(header)?;
        archive.digest.update(&archive.line);
        Ok(archive)
    }

    /// The next row; `None` behind the last one, when all that was read is known to be what was written.
    ///
    /// # Errors
    /// The archive was cut off or changed, or cannot be read.
    #[expect(clippy::should_implement_trait, reason = "it may fail, and ends for good then")]
    pub fn next(&mut self) -> anyhow::Result<Option<(&'static Kind, Row)>> {
        if self.end.is_some() {
            return Ok(None);
        }
        if !self.more()? {
            return Err(self.cut_off());
        }
        let (name, what) = self.named()?;
        if name == END {
            let end = self.parse::<End>(what)?;
            self.ends(end)?;
            return Ok(None);
        }
        let kind = kind(name).ok_or_else(|| self.damaged(&format!("nothing is called {name:?}")))?;
        let row = self.row(kind, what)?;
        *self.rows.entry(kind.name.to_owned()).or_default() += 1;
        self.digest.update(&self.line);
        Ok(Some((kind, row)))
    }

    /// Checks the last line, and that nothing is behind it.
    fn ends(&mut self, end: End) -> anyhow::Result<()> {
        if hex::encode(self.digest.clone().finalize()) != end.sha256 || self.rows != end.rows {
            return Err(self.damaged("its lines are not those that were written"));
        }
        if self.more()? {
            return Err(self.damaged("something is behind its end"));
        }
        self.end = Some(end);
        Ok(())
    }

    fn row(&self, kind: &Kind, what: &RawValue) -> anyhow::Result<Row> {
        let mut fields: BTreeMap<String, serde_json::Value> = self.parse(what)?;
        let mut row = Row::with_capacity(kind.columns.len());
        for column in kind.columns {
            let value = value(column.of, fields.remove(column.name).unwrap_or_default());
            let wrong = || self.damaged(&format!("{} of {:?} is not what it should be", column.name, kind.name));
            row.push(value.ok_or_else(wrong)?);
        }
        match fields.keys().next() {
            Some(more) => Err(self.damaged(&format!("{:?} has no {more:?}", kind.name))),
            None => Ok(row),
        }
    }

    fn more(&mut self) -> anyhow::Result<bool> {
        match self.read_line() {
            Ok(more) => Ok(more),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.cut_off()),
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData) => {
                Err(self.damaged(&error.to_string()))
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", self.path.display())),
        }
    }

    fn read_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        Ok(self.lines.read_until(b'\n', &mut self.line)? > 0)
    }

    /// The one thing of the line, by its name.
    fn named(&self) -> anyhow::Result<(&str, &RawValue)> {
        let line: BTreeMap<&str, &RawValue> = match serde_json::from_slice(&self.line) {
            Ok(line) => line,
            Err(_) => return Err(self.damaged("a line is not what was written")),
        };
        let mut things = line.into_iter();
        match (things.next(), things.next()) {
            (Some(one), None) => Ok(one),
            _ => Err(self.damaged("a line is not what was written")),
        }
    }

    fn parse<T: DeserializeOwned>(&self, what: &RawValue) -> anyhow::Result<T> {
        serde_json::from_str(what.get()).map_err(|error| self.damaged(&error.to_string()))
    }

    fn cut_off(&self) -> anyhow::Error {
        anyhow!("{} is cut off: it has no end; take it from where it was made again", self.path.display())
    }

    fn damaged(&self, why: &str) -> anyhow::Error {
        anyhow!("{} is damaged: {why}; take it from where it was made again", self.path.display())
    }
}

fn value(of: Of, found: serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match (of, found) {
        (_, Json::Null) => Value::Null,
        (Of::Number, Json::Number(number)) => Value::Number(number.as_i64()?),
        (Of::Flag, Json::Bool(flag)) => Value::Flag(flag),
        (Of::Text, Json::String(text)) => Value::Text(text),
        (Of::Bytes, Json::String(text)) => Value::Bytes(STANDARD.decode(text).ok()?),
        _ => return None,
    })
}
