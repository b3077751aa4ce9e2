//! A tool of an MCP server as an action.

use serde_json::{Map, Value as Json};

use super::{
    Refused, Wish,
    draft::{Call, Draft, Reached, Shape},
    names::{dashed, plain, spoken},
    schema::Reader,
};
use crate::calls::Tool;

/// The text of an action file for a tool of a program that the configuration names as the system is called.
///
/// # Errors
/// Its schema has no end, or asks for too much.
pub fn tool(offered: &Tool, system: &str, wish: &Wish<'_>) -> Result<String, Refused> {
    let arguments = Json::Object(offered.arguments.clone());
    let mut reader = Reader::new(&arguments, wish.optional);
    let shape =
        if offered.arguments.get("properties").is_some_and(|all| all.as_object().is_some_and(|all| !all.is_empty())) {
            of_arguments(&mut reader, &arguments)
        } else {
            Shape::Object(Vec::new())
        };
    reader.is_bounded()?;
    let (inputs, mut notes) = (reader.inputs, reader.notes);
    let answer = Json::Object(offered.answer.clone().unwrap_or_default());
    let mut reader = Reader::new(&answer, false);
    let outputs = if offered.answer.is_some() { reader.outputs(&answer) } else { Vec::new() };
    reader.is_bounded()?;
    notes.extend(reader.notes);
    let says = |text: &str, otherwise: String| Some(plain(text)).filter(|text| !text.is_empty()).unwrap_or(otherwise);
    let action = dashed(&offered.name, "tool");
    let title = says(&offered.title, says(&spoken(&offered.name), action.clone()));
    let call = Call::Tool {
        name: offered.name.clone(),
        arguments: shape,
        effect: !offered.reads,
        idempotent: offered.reads || offered.idempotent,
    };
    let draft = Draft {
        source: format!("the tool {} of {system}", offered.name),
        system: system.to_owned(),
        reached: (!wish.declared.contains(&system))
            .then(|| Reached { lines: vec![format!("mcp: {{program: {system}}}")], headers: Vec::new() }),
        action,
        title,
        about: plain(&offered.description),
        inputs,
        call,
        outputs,
        may_lack: false,
        notes,
    };
    Ok(draft.written())
}

/// Arguments that may be left out are, where some or none have to be there: a tool says what it needs.
fn of_arguments(reader: &mut Reader<'_>, schema: &Json) -> Shape {
    let mut stated = schema.clone();
    let nothing_needed = stated.get("required").and_then(Json::as_array).is_none_or(Vec::is_empty);
    if nothing_needed && !reader.wants_optional() {
        stated["properties"] = Json::Object(Map::new());
    }
    reader.shape("arguments", &stated, 0).unwrap_or(Shape::Object(Vec::new()))
}
