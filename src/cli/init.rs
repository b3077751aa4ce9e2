//! `switchboard init`: a folder to edit.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use clap::Args;

use crate::{
    config::{DEFAULTS, USUAL_FILE},
    demo,
    files::Shipped,
};

#[derive(Debug, Args)]
pub(super) struct Init {
    /// The folder; made if it is not there.
    folder: PathBuf,
    /// With what the bot does in the shop of `run --demo`, to be changed; `switchboard-shop` is that shop.
    #[arg(long)]
    demo: bool,
}

impl Init {
    /// Writes nothing over anything that is there.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let rules = self.folder.join("routing-rules");
        let config = self.folder.join(USUAL_FILE);
        for path in [&config, &rules] {
            if path.exists() {
                bail!("{} is there already; name another folder", path.display());
            }
        }
        write(&config, DEFAULTS)?;
        let files: Vec<_> = if self.demo { demo::files().collect() } else { Shipped::files().collect() };
        for (path, text) in files {
            write(&rules.join(path), &text)?;
        }
        let shown = self.folder.display();
        println!("{shown} has {USUAL_FILE} and routing-rules/ now. Go on with:\n");
        println!("  cd {shown}");
        println!("  switchboard rules test      # after every change");
        println!("  switchboard run");
        Ok(ExitCode::SUCCESS)
    }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
