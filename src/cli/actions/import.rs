//! `switchboard actions import`: a first version of an action file, on standard output.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail, ensure};
use clap::Args;
use minijinja::Value;
use url::Url;

use super::super::rules::write_findings;
use crate::{
    actions::{
        Actions, Speaks, System,
        import::{Wish, openapi, tool},
    },
    calls::{Caller, Reach},
    config::Config,
    live::LocalLive,
    regular,
    routing::{SourceFile, load_actions, load_actions_of, suggest},
};

/// The largest document, in bytes.
const MAX_BYTES: usize = 16 << 20;
/// How long a server may take to say what it offers.
const WITHIN: Duration = Duration::from_secs(30);

/// From what.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct Import {
    /// The OpenAPI document, 3.0 or 3.1, in JSON or YAML; - for standard input.
    #[arg(value_name = "OPENAPI", required_unless_present = "mcp", conflicts_with = "mcp")]
    pub document: Option<PathBuf>,
    /// The operation: its operationId, or as "GET /orders/{id}".
    #[arg(long, value_name = "ID", required_unless_present = "mcp", conflicts_with = "mcp")]
    pub operation: Option<String>,
    /// The MCP server: a program that the configuration names so in actions.mcp, or a system of the action files.
    #[arg(long, value_name = "NAME", requires = "tool")]
    pub mcp: Option<String>,
    /// The tool of the MCP server.
    #[arg(long, value_name = "TOOL", requires = "mcp")]
    pub tool: Option<String>,
    /// What to call the system; a name made of the document's title without this. One that other action files declare is not
    /// declared again.
    #[arg(long, value_name = "NAME", conflicts_with = "mcp")]
    pub system: Option<String>,
    /// Also ask for what may be left out.
    #[arg(long)]
    pub optional: bool,
    /// The folder of the rule files, whose systems are known.
    #[arg(long, value_name = "DIR", default_value = "./routing-rules")]
    pub rules: PathBuf,
}

impl Import {
    pub(super) async fn run(&self, config: &Config, out: &mut dyn Write) -> anyhow::Result<bool> {
        let known = load_actions(&self.rules).rules;
        let none = Actions::default();
        let actions = known.as_ref().map_or(&none, |set| set.actions());
        let declared: Vec<&str> = actions.systems.keys().map(String::as_str).collect();
        let wish = Wish { system: self.system.as_deref(), declared: &declared, optional: self.optional };
        let text = match (&self.document, &self.operation, &self.mcp, &self.tool) {
            (Some(path), Some(operation), ..) => openapi(&document(path)?, operation, &wish)?,
            (_, _, Some(server), Some(name)) => offered(config, actions, server, name, &wish).await?,
            _ => bail!("name a document with --operation, or a server with --mcp and --tool"),
        };
        out.write_all(text.as_bytes())?;
        say_findings(known.iter().flat_map(|set| set.sources()), text)?;
        Ok(true)
    }
}

/// Says on standard error what is wrong with the file beside those that there are, such as a name that is taken.
fn say_findings<'f>(beside: impl Iterator<Item = &'f SourceFile>, text: String) -> io::Result<()> {
    // Behind the others, so that what is there twice is found in it.
    let name = "actions/~imported.yaml";
    let files: Vec<SourceFile> = beside.cloned().chain([SourceFile { name: name.to_owned(), text }]).collect();
    let loaded = load_actions_of(&files);
    let of_it: Vec<_> = loaded.findings.iter().filter(|finding| finding.file == name).cloned().collect();
    write_findings(&loaded.files, &of_it, &mut io::stderr(), false)
}

/// The text for a tool that a server offers.
async fn offered(
    config: &Config,
    actions: &Actions,
    server: &str,
    name: &str,
    wish: &Wish<'_>,
) -> anyhow::Result<String> {
    let programs = &config.actions.mcp;
    let system = match actions.systems.get(server) {
        Some(system) => Arc::clone(system),
        None if programs.contains_key(server) => Arc::new(System {
            name: server.to_owned(),
            url: Url::parse(&format!("mcp:{server}"))?,
            reach: Reach::Public,
            headers: Vec::new(),
            timeout: 0,
            at_once: 1,
            per_second: None,
            speaks: Speaks::Program(server.to_owned()),
        }),
        None => {
            let known = programs.keys().chain(actions.systems.keys()).map(String::as_str);
            let help = suggest(server, known);
            bail!("there is no MCP server “{server}”, in actions.mcp of the configuration or as a system: {help}");
        }
    };
    let caller =
        Caller::new(config.actions.secrets()?, Arc::new(LocalLive::default()))?.with_programs(programs.clone());
    let wrong = |why: String| anyhow!("{server} does not say what it offers: {why}");
    let request = actions.request_to(&system, &Value::UNDEFINED, &caller.secrets()).map_err(wrong)?;
    let tools = caller.tools(&request, WITHIN).await.map_err(wrong)?;
    let found = tools.iter().find(|tool| tool.name == name).ok_or_else(|| {
        let help = suggest(name, tools.iter().map(|tool| tool.name.as_str()));
        anyhow!("{server} has no tool “{name}”: {help}")
    })?;
    Ok(tool(found, server, wish)?)
}

fn document(path: &Path) -> anyhow::Result<String> {
    let shown = path.display().to_string();
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        bytes
    } else {
        let is_web = shown.starts_with("http://") || shown.starts_with("https://");
        ensure!(!is_web, "{shown} is on the web: fetch it into a file first");
        regular::read(path, MAX_BYTES + 1).with_context(|| format!("{shown} cannot be read"))?
    };
    ensure!(bytes.len() <= MAX_BYTES, "{shown} is larger than {} MiB", MAX_BYTES >> 20);
    regular::text(bytes).map_err(|line| anyhow!("line {line} of {shown} is not UTF-8"))
}
