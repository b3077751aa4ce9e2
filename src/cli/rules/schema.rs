//! `switchboard rules schema`: what editors complete and check rule files by.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use super::write_json;
use crate::routing::FileKind;

/// Which schemas, and where to.
#[derive(Debug, Clone, Args)]
pub struct SchemaArgs {
    /// The kind of file.
    #[arg(value_enum, default_value = "rules", conflicts_with = "out")]
    pub kind: FileKind,
    /// Write the schemas of all kinds into this folder, as <kind>.schema.json.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

pub(super) fn run(args: &SchemaArgs, out: &mut dyn Write) -> io::Result<bool> {
    match &args.out {
        None => write_json(out, &args.kind.schema())?,
        Some(folder) => write_all(folder, out)?,
    }
    Ok(true)
}

fn write_all(folder: &Path, out: &mut dyn Write) -> io::Result<()> {
    let named = |path: &Path, error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    fs::create_dir_all(folder).map_err(|error| named(folder, error))?;
    for kind in FileKind::ALL {
        let path = folder.join(format!("{}.schema.json", kind.as_str()));
        fs::write(&path, format!("{:#}\n", kind.schema())).map_err(|error| named(&path, error))?;
        writeln!(out, "{}", path.display())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests::rules;

    #[test]
    fn one_schema_is_printed_that_of_rules_by_default() {
        let schema = |arguments: &[&str]| -> Value { serde_json::from_str(&rules(arguments).1).unwrap() };
        assert!(schema(&["schema"])["properties"]["rules"].is_object());
        assert!(schema(&["schema", "queues"])["properties"]["queues"].is_object());
    }

    #[test]
    fn all_schemas_are_written_into_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let schemas = folder.path().join("editor/schemas");
        let (fine, said) = rules(&["schema", "--out", schemas.to_str().unwrap()]);
        assert!(fine && said.lines().count() == 8, "{said}");
        for path in said.lines() {
            let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{path}");
        }
        assert!(schemas.join("calendars.schema.json").is_file());
    }
}
