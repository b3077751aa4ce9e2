//! Builds the console and the widget, so that they are part of the binary.
//!
//! `SWITCHBOARD_WEB` names a folder where they are built already (`console/` and `widget/` in it), for machines that
//! have no Node.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

const SOURCES: [&str; 4] = ["console", "widget", "package.json", "package-lock.json"];

fn main() -> ExitCode {
    println!("cargo:rerun-if-env-changed=SWITCHBOARD_WEB");
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=routing-rules");
    println!("cargo:rerun-if-changed=src/store/sqlite/migrations");
    match web() {
        Ok(web) => {
            println!("cargo:rustc-env=SWITCHBOARD_WEB={}", web.display());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn web() -> Result<PathBuf, String> {
    if let Some(built) = env::var_os("SWITCHBOARD_WEB") {
        let built = PathBuf::from(built);
        for page in ["console/index.html", "widget/widget.js"] {
            if !built.join(page).is_file() {
                return Err(format!("SWITCHBOARD_WEB is {}, but there is no {page} in it.", built.display()));
            }
        }
        return Ok(built);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?);
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo did not set CARGO_MANIFEST_DIR")?);
    // The sources are copied, because a build may not write beside them.
    let work = out.join("web-work");
    for source in SOURCES {
        let _ = fs::remove_dir_all(work.join(source));
        watch(&root.join(source));
        copy(&root.join(source), &work.join(source)).map_err(|error| format!("{source} cannot be copied: {error}"))?;
    }
    npm(&work, &["ci", "--no-audit", "--no-fund", "--prefer-offline"])?;
    npm(&work, &["run", "build", "--workspaces"])?;
    let web = out.join("web");
    for part in ["console", "widget"] {
        let _ = fs::remove_dir_all(web.join(part));
        copy(&work.join(part).join("dist"), &web.join(part))
            .map_err(|error| format!("{part} was not built: {error}"))?;
    }
    Ok(web)
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("npm").args(arguments).current_dir(folder).output().map_err(|error| {
        format!(
            "The console and the widget are built with Node's npm, which cannot be started: {error}.\n\
             Install Node 20 or newer (Debian: apt-get install nodejs npm), or set SWITCHBOARD_WEB to a folder where \
             they are built already."
        )
    })?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "npm {} failed:\n{}{}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

fn is_built(name: &std::ffi::OsStr) -> bool {
    name == "node_modules" || name == "dist"
}

fn watch(path: &Path) {
    let Ok(entries) = fs::read_dir(path) else {
        println!("cargo:rerun-if-changed={}", path.display());
        return;
    };
    for entry in entries.flatten() {
        if !is_built(&entry.file_name()) {
            watch(&entry.path());
        }
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    if from.is_file() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if !is_built(&entry.file_name()) {
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
