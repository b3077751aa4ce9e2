//! What a model says: put together from the pieces of a stream, or from one whole answer. Tolerant of what servers that call
//! themselves compatible do otherwise; what cannot be meant is a [`Failure`].

use serde_json::Value as Json;

use super::client::Failure;

/// The most calls of tools in one answer.
const MOST_CALLS: usize = 16;

/// What a model said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Said {
    /// In words.
    pub text: String,
    /// The tools that it wants called.
    pub calls: Vec<ToolCall>,
    /// What was used for that, where the server says so.
    pub usage: Option<Usage>,
}

/// A tool that a model wants called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolCall {
    /// What its result is told under.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// JSON, or what the model takes for it.
    pub arguments: String,
}

/// What one request used, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Read by the model.
    pub input: u64,
    /// Written by it.
    pub output: u64,
}

/// What has come of an answer.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    text: String,
    calls: Vec<(Option<u64>, ToolCall)>,
    usage: Option<Usage>,
    finish: Option<String>,
    refused: bool,
    done: bool,
}

impl Assembly {
    /// Takes the data of one event, or a whole answer.
    pub fn take(&mut self, data: &str) -> Result<(), Failure> {
        let data = data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        if data.is_empty() || self.done {
            return Ok(());
        }
        let chunk: Json = serde_json::from_str(data).map_err(|_| Failure::Unreadable)?;
        // Some put an error where an answer would be, under a status that says all is well.
        if chunk.get("error").is_some_and(|error| !error.is_null()) {
            return Err(Failure::Down);
        }
        if let Some(usage) = chunk.get("usage").filter(|usage| usage.is_object()) {
            self.usage = Some(usage_of(usage));
        }
        let Some(choice) = chunk.get("choices").and_then(|choices| choices.get(0)) else { return Ok(()) };
        if let Some(finish) = choice.get("finish_reason").and_then(Json::as_str).filter(|finish| !finish.is_empty()) {
            self.finish = Some(finish.to_owned());
        }
        let message = choice.get("delta").or_else(|| choice.get("message")).unwrap_or(&Json::Null);
        self.words(message.get("content").unwrap_or(&Json::Null));
        self.refused |= message.get("refusal").and_then(Json::as_str).is_some_and(|refusal| !refusal.is_empty());
        for call in message.get("tool_calls").and_then(Json::as_array).into_iter().flatten() {
            self.call(call.get("index").and_then(Json::as_u64), call.get("id"), call.get("function").unwrap_or(call))?;
        }
        if let Some(call) = message.get("function_call").filter(|call| call.is_object()) {
            self.call(Some(0), None, call)?;
        }
        Ok(())
    }

    /// The words so far, without what the model says to itself.
    pub fn text(&self) -> &str {
        without_thoughts(&self.text)
    }

    /// Whether a word or a call has come.
    pub fn has_begun(&self) -> bool {
        !self.text.is_empty() || !self.calls.is_empty()
    }

    /// The answer is over.
    pub fn end(self) -> Result<Said, Failure> {
        match self.finish.as_deref() {
            Some("length" | "max_tokens") => return Err(Failure::CutOff),
            Some("content_filter") => return Err(Failure::Refused),
            None if !self.done => return Err(Failure::Broken),
            _ if self.refused => return Err(Failure::Refused),
            _ => {}
        }
        let text = self.text().trim().to_owned();
        let named = self.calls.into_iter().map(|(_, call)| call).enumerate();
        let calls: Vec<ToolCall> = named
            .map(|(at, call)| ToolCall {
                id: if call.id.is_empty() { format!("call_{at}") } else { call.id },
                // What some models were trained on.
                name: call.name.strip_prefix("functions.").unwrap_or(&call.name).to_owned(),
                ..call
            })
            .collect();
        if text.is_empty() && calls.is_empty() {
            return Err(Failure::Empty);
        }
        Ok(Said { text, calls, usage: self.usage })
    }

    /// A text, or parts of one.
    fn words(&mut self, content: &Json) {
        match content {
            Json::String(text) => self.text.push_str(text),
            Json::Array(parts) => parts.iter().for_each(|part| match part.get("text") {
                Some(Json::String(text)) => self.text.push_str(text),
                // A text with notes on it, as assistants' threads have it.
                Some(text) => self.words(text.get("value").unwrap_or(&Json::Null)),
                None => {}
            }),
            _ => {}
        }
    }

    /// A call, or a piece of one. Most servers number them; some say an id once, some repeat it, some give every call the
    /// same number, and some send each whole.
    fn call(&mut self, index: Option<u64>, id: Option<&Json>, function: &Json) -> Result<(), Failure> {
        let id = id.and_then(Json::as_str).unwrap_or_default();
        let name = function.get("name").and_then(Json::as_str).unwrap_or_default();
        let same = |(numbered, call): &(Option<u64>, ToolCall)| match index {
            _ if !id.is_empty() && !call.id.is_empty() && !name.is_empty() => call.id == id,
            Some(_) => *numbered == index,
            None => id.is_empty() && name.is_empty() || !id.is_empty() && call.id == id,
        };
        let known = self.calls.iter().rposition(same);
        let at = known.unwrap_or(self.calls.len());
        if at == MOST_CALLS {
            return Err(Failure::TooLong);
        }
        if known.is_none() {
            self.calls.push((index, ToolCall::default()));
        }
        let place = &mut self.calls[at].1;
        if place.id.is_empty() {
            id.clone_into(&mut place.id);
        }
        if place.name.is_empty() {
            name.clone_into(&mut place.name);
        }
        match function.get("arguments") {
            Some(Json::String(piece)) => place.arguments.push_str(piece),
            Some(whole @ Json::Object(_)) => place.arguments = whole.to_string(),
            _ => {}
        }
        Ok(())
    }
}

fn usage_of(usage: &Json) -> Usage {
    let count = |names: [&str; 2]| names.iter().find_map(|name| usage.get(name)?.as_u64()).unwrap_or_default();
    Usage { input: count(["prompt_tokens", "input_tokens"]), output: count(["completion_tokens", "output_tokens"]) }
}

/// Models that think aloud do so first, between tags.
fn without_thoughts(text: &str) -> &str {
    let Some(thoughts) = text.trim_start().strip_prefix("<think>") else {
        // Perhaps the beginning of one.
        return if "<think>".starts_with(text.trim_start()) { "" } else { text };
    };
    thoughts.split_once("</think>").map_or("", |(_, said)| said)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(chunks: &[Json]) -> Result<Said, Failure> {
        let mut assembly = Assembly::default();
        for chunk in chunks {
            assembly.take(&chunk.to_string())?;
        }
        assembly.end()
    }

    fn delta(delta: Json) -> Json {
        json!({"choices": [{"index": 0, "delta": delta}]})
    }

    fn end(reason: &str) -> Json {
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    }

    #[test]
    fn words_come_as_texts_parts_or_nothing() {
        for pieces in [
            vec![
                delta(json!({"role": "assistant", "content": null})),
                delta(json!({"content": "Hel"})),
                delta(json!({"content": "lo"})),
            ],
            vec![delta(json!({"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}))],
            vec![json!({"choices": [{"message": {"content": "Hello"}, "finish_reason": "eos"}]})],
            vec![
                delta(json!({"content": "<think>what do they"})),
                delta(json!({"content": " want?</think>\n\nHello"})),
            ],
            vec![delta(json!({"content": [{"type": "text", "text": {"value": "Hello", "annotations": []}}]}))],
            vec![json!({"choices": []}), delta(json!({"content": "Hello"})), json!({"choices": null, "usage": null})],
        ] {
            let mut pieces = pieces;
            pieces.push(end("stop"));
            assert_eq!(said(&pieces).unwrap().text, "Hello", "{pieces:?}");
        }
    }

    #[test]
    fn calls_are_put_together_however_they_are_cut() {
        let first = json!({"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": ""}});
        let numbered = vec![
            delta(json!({"tool_calls": [first]})),
            delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\""}}]})),
            delta(json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "see", "arguments": "{}"}}]})),
            delta(json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]})),
        ];
        let same_number = vec![
            delta(
                json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"x\":1}"}}]}),
            ),
            delta(json!({"tool_calls": [{"index": 0, "id": "b", "function": {"name": "see", "arguments": "{}"}}]})),
        ];
        let whole = vec![json!({"choices": [{"message": {"content": null, "tool_calls": [
            {"id": "a", "function": {"name": "functions.look", "arguments": {"x": 1}}},
            {"id": "b", "function": {"name": "see", "arguments": "{}"}},
        ]}}]})];
        let unnumbered = vec![
            delta(json!({"tool_calls": [{"id": "a", "function": {"name": "look", "arguments": "{\"x\""}}]})),
            delta(json!({"tool_calls": [{"function": {"arguments": ":1}"}}]})),
            delta(json!({"tool_calls": [{"id": "b", "function": {"name": "see", "arguments": "{}"}}]})),
        ];
        let repeated = vec![
            delta(
                json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"x\""}}]}),
            ),
            delta(json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": ":1}"}}]})),
            delta(json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "see", "arguments": "{}"}}]})),
        ];
        let call = |id: &str, name: &str, arguments: &str| ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: arguments.into(),
        };
        for mut pieces in [numbered, same_number, whole, unnumbered, repeated] {
            pieces.push(end("tool_calls"));
            let expected = [call("a", "look", "{\"x\":1}"), call("b", "see", "{}")];
            assert_eq!(said(&pieces).unwrap().calls, expected, "{pieces:?}");
        }
        let old = [delta(json!({"function_call": {"name": "look", "arguments": "{}"}})), end("function_call")];
        assert_eq!(said(&old).unwrap().calls, [call("call_0", "look", "{}")]);
    }

    #[test]
    fn usage_comes_with_the_answer_or_behind_it() {
        let usage = json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}});
        let pieces = [delta(json!({"content": "x"})), end("stop"), usage];
        assert_eq!(said(&pieces).unwrap().usage, Some(Usage { input: 7, output: 3 }));
        assert_eq!(said(&pieces[..2]).unwrap().usage, None);
    }

    #[test]
    fn what_is_no_answer_is_said_to_be_none() {
        let words = delta(json!({"content": "Hel"}));
        for (pieces, failure) in [
            (vec![json!({"error": {"message": "overloaded"}})], Failure::Down),
            (vec![words.clone()], Failure::Broken),
            (vec![words.clone(), end("length")], Failure::CutOff),
            (vec![words.clone(), end("content_filter")], Failure::Refused),
            (vec![delta(json!({"refusal": "I cannot"})), end("stop")], Failure::Refused),
            (vec![end("stop")], Failure::Empty),
        ] {
            assert_eq!(said(&pieces), Err(failure), "{pieces:?}");
        }
        assert_eq!(Assembly::default().take("{\"choices\": [{"), Err(Failure::Unreadable));
        let mut unended = Assembly::default();
        unended.take(&words.to_string()).unwrap();
        unended.take("[DONE]").unwrap();
        assert_eq!(unended.end().unwrap().text, "Hel", "the end is said in either way");
    }
}
