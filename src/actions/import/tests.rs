//! Whatever a document says, what is written of it loads.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::{
    actions::{Choices, Kind, System},
    routing::{SourceFile, load_actions_of},
};

const SHELTER: &str = include_str!("cases/shelter.yaml");
const NOTHING: Wish<'static> = Wish { system: None, declared: &[], optional: false };
const ALL: Wish<'static> = Wish { system: None, declared: &[], optional: true };

/// The rule set of a file, which loads.
#[track_caller]
fn loaded(text: &str) -> std::sync::Arc<crate::routing::RuleSet> {
    let files = [SourceFile { name: "actions/imported.yaml".to_owned(), text: text.to_owned() }];
    let loaded = load_actions_of(&files);
    let findings: Vec<String> = loaded.findings.iter().map(|finding| finding.render(&loaded.files, false)).collect();
    assert!(findings.is_empty(), "{text}\n{}", findings.join("\n"));
    loaded.rules.unwrap()
}

#[track_caller]
fn imported(document: &str, operation: &str, wish: &Wish<'_>) -> String {
    let text = openapi(document, operation, wish).unwrap();
    loaded(&text);
    text
}

/// A document with one operation, `x`.
fn document(operation: Json) -> Json {
    let mut operation = operation;
    operation["operationId"] = json!("x");
    json!({"openapi": "3.1.0", "info": {"title": "Shop"}, "servers": [{"url": "https://shop.example"}],
        "paths": {"/a": {"post": operation}}})
}

fn with_body(schema: &Json) -> Json {
    document(json!({"requestBody": {"content": {"application/json": {"schema": schema}}}}))
}

#[test]
fn every_operation_of_a_real_document_loads() {
    for operation in
        ["findAnimals", "addAnimal", "getAnimalById", "DELETE /animals/{animalId}", "uploadPhoto", "bookVisit"]
    {
        for wish in [NOTHING, ALL, Wish { system: Some("shelter"), ..NOTHING }] {
            imported(SHELTER, operation, &wish);
        }
    }
}

#[test]
fn parameters_become_inputs_with_what_they_can_be() {
    let text = imported(SHELTER, "findAnimals", &NOTHING);
    let set = loaded(&text);
    let action = &set.actions().actions["find-animals"];
    let names: Vec<&str> = action.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["kind"], "what may be left out is not asked for");
    let Kind::Choice(Choices::Listed(choices)) = &action.inputs[0].kind else { panic!("{text}") };
    assert_eq!(choices.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>(), ["dog", "cat", "rabbit"]);
    assert!(text.contains("\"limit\": \"20\"") && text.contains("left out, because it may be: status"), "{text}");
    assert!(action.confirm.is_none() && !action.has_effect());
    let System { url, headers, .. } = &*set.actions().systems["riverside-animal-shelter"];
    assert_eq!(url.as_str(), "https://eu.shelter.example/api/v2");
    assert_eq!(headers[0].0, "X-Shelter-Key");
    assert!(text.contains("{{ secret.riverside_animal_shelter }}"), "{text}");

    let set = loaded(&imported(SHELTER, "getAnimalById", &NOTHING));
    let action = &set.actions().actions["get-animal-by-id"];
    let input = &action.inputs[0];
    assert_eq!(input.name, "animal_id");
    assert_eq!(input.pattern.as_ref().unwrap().as_str(), "RS-[0-9]{5}");
    let outputs: BTreeSet<&str> = action.outputs.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        outputs.contains("name") && outputs.contains("keeper_email") && !outputs.contains("nothing"),
        "{outputs:?}"
    );
    assert_eq!(action.outcomes[0].ask.as_deref(), Some("animal_id"), "what is not there is asked for again");
}

#[test]
fn a_body_asks_for_what_it_needs_and_keeps_its_types() {
    let text = imported(SHELTER, "bookVisit", &NOTHING);
    let set = loaded(&text);
    let action = &set.actions().actions["book-visit"];
    let names: Vec<&str> = action.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["animal", "visitor_name", "visitor_email", "start", "consent", "persons"]);
    assert!(matches!(action.inputs[2].kind, Kind::Email) && matches!(action.inputs[3].kind, Kind::Moment));
    assert!(action.confirm.is_some() && action.has_effect());
    assert!(text.contains(r#""persons": "{{ inputs.persons | int }}""#), "{text}");
    assert!(text.contains(r#""consent": "{{ inputs.consent == \"true\" }}""#), "{text}");
    assert!(text.contains("Bearer {{ secret."), "the operation's own way to log in: {text}");
}

#[test]
fn questions_are_in_both_languages_and_marked() {
    let text = imported(SHELTER, "getAnimalById", &NOTHING);
    assert!(text.contains("en: \"What is the animal id? For example RS-10442.\""), "{text}");
    assert!(text.contains("zh: \"请问 animal id 是什么？例如：RS-10442。\""), "{text}");
    assert!(text.matches("# TODO:").count() >= 4, "{text}");
}

#[test]
fn a_system_that_is_declared_already_is_not_declared_again() {
    let wish = Wish { system: Some("shelter"), declared: &["shelter"], optional: false };
    let text = openapi(SHELTER, "findAnimals", &wish).unwrap();
    assert!(!text.contains("systems:") && text.contains("system: shelter"), "{text}");
}

#[test]
fn what_cannot_be_imported_says_why_and_what_to_do() {
    for (text, operation, what, help) in [
        (SHELTER, "getAnimalByID", "there is no operation “getAnimalByID”", "did you mean “getAnimalById”?"),
        (SHELTER, "x", "there is no operation “x”", "there are: findAnimals"),
        ("{\"swagger\": \"2.0\"}", "x", "this is Swagger 2", "convert"),
        ("{\"openapi\": \"4.0.0\"}", "x", "this is OpenAPI 4.0.0", "3.1"),
        ("{}", "x", "this is no OpenAPI document", "openapi: 3.0.3"),
        ("{\"openapi\": ", "x", "this cannot be read", "JSON or YAML"),
        ("openapi: [", "x", "this cannot be read", "JSON or YAML"),
        ("openapi: 3.0.0\npaths: {/a: {head: {}}}", "x", "no operation that can be called", "get, post"),
    ] {
        let refused = openapi(text, operation, &NOTHING).unwrap_err();
        assert!(refused.what.contains(what) && refused.help.contains(help), "{refused:?}");
    }
    let properties: serde_json::Map<String, Json> =
        (0..60).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
    let many = with_body(&json!({"type": "object", "properties": properties})).to_string();
    assert!(openapi(&many, "x", &NOTHING).unwrap_err().what.contains("60 values"));
}

#[test]
fn documents_of_every_kind_load() {
    let rows = [
        json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}, "b": {"const": 7}, "c": {"const": "{{ x }}"}}}),
        json!({"oneOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}, {"type": "null"}]}),
        json!({"anyOf": [{"type": "null"}, {"type": "integer"}]}),
        json!({"type": "array", "items": {"type": "object", "required": ["x"], "properties": {"x": {"type": "number"}}}}),
        json!({"type": "string", "enum": ["on", "off", "null", "", "yes", "在", "{{ 7 }}", "a: b", "# c"]}),
        json!({"type": "string", "enum": (0..80).map(|n| n.to_string()).collect::<Vec<_>>()}),
        json!({"type": "string", "pattern": "(?=x)y"}),
        json!({"type": "string", "pattern": "^[0-9]*$"}),
        json!({"type": "string", "pattern": "^a|b$"}),
        json!({"type": "object", "required": ["missing"], "properties": {}}),
        json!({"type": "object", "additionalProperties": true}),
        json!({"type": "object", "properties": {"in": {}, "订单": {"type": "string"}, "a b": {"type": "string"}, "a-b": {"type": "string"}}}),
        json!({"$ref": "#/components/schemas/Nowhere"}),
        json!({"$ref": "https://elsewhere.example/schema.json"}),
        json!({"$ref": "#/paths/~1a/post/requestBody/content/application~1json/schema"}),
        json!({"type": "object", "required": ["me"], "properties": {"me": {"$ref": "#/paths/~1a/post/requestBody/content/application~1json/schema"}}}),
        json!({"allOf": [{"$ref": "#/paths/~1a/post/requestBody/content/application~1json/schema"}, {"type": "object"}]}),
        json!({"type": "object", "properties": {"a": {"type": "string", "readOnly": true}}}),
        json!(true),
        json!("nonsense"),
    ];
    for schema in rows {
        imported(&with_body(&schema).to_string(), "x", &NOTHING);
        imported(&with_body(&schema).to_string(), "x", &ALL);
        let answers = json!({"responses": {"200": {"content": {"application/json": {"schema": schema}}}}});
        imported(&document(answers).to_string(), "x", &NOTHING);
    }
}

#[test]
fn systems_are_reached_where_documents_say_and_else_marked() {
    for (servers, url, private) in [
        (json!([{"url": "https://a.example/v1/"}]), "https://a.example/v1", false),
        (json!([{"url": "http://a.example"}]), "https://a.example/", false),
        (json!([{"url": "http://localhost:8080/v1"}]), "http://localhost:8080/v1", true),
        (json!([{"url": "http://10.0.0.7/"}]), "http://10.0.0.7/", true),
        (json!([{"url": "https://user:word@a.example/?x=1#y"}]), "https://a.example/", false),
        (json!([{"url": "/v1"}]), "https://api.example.com/v1", false),
        (json!([{"url": "http://169.254.169.254/latest"}]), "https://api.example.com/", false),
        (json!([{"url": "ftp://a.example"}]), "https://api.example.com/", false),
        (json!([{"url": "https://{tenant}.example"}]), "https://api.example.com/", false),
        (json!([]), "https://api.example.com/", false),
        (json!(7), "https://api.example.com/", false),
    ] {
        let mut document = document(json!({}));
        document["servers"] = servers.clone();
        let text = imported(&document.to_string(), "x", &NOTHING);
        let set = loaded(&text);
        let system = &set.actions().systems["shop"];
        assert_eq!((system.url.as_str(), system.reach == crate::calls::Reach::Private), (url, private), "{servers}");
    }
}

#[test]
fn schemas_that_double_at_every_step_end_in_words() {
    let mut schemas = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/components/schemas/L{}", level + 1)});
        schemas.insert(format!("L{level}"), json!({"allOf": [next, next, next, next, next, next, next, next]}));
    }
    let mut document = with_body(&json!({"$ref": "#/components/schemas/L0"}));
    document["components"] = json!({"schemas": schemas});
    let refused = openapi(&document.to_string(), "x", &NOTHING).unwrap_err();
    assert!(refused.what.contains("without end"), "{refused}");
}

#[test]
fn a_tool_becomes_an_action() {
    let arguments = json!({"type": "object", "required": ["a", "unit"], "properties": {
        "a": {"type": "number"}, "unit": {"enum": ["C", "F"]}, "note": {"type": "string"}}});
    let answer = json!({"type": "object", "required": ["sum"], "properties": {"sum": {"type": "number"}}});
    let offered = crate::calls::Tool {
        name: "get-sum".to_owned(),
        title: String::new(),
        description: "Adds\nnumbers".to_owned(),
        arguments: arguments.as_object().unwrap().clone(),
        answer: answer.as_object().cloned(),
        reads: false,
        idempotent: false,
    };
    let text = tool(&offered, "everything", &NOTHING).unwrap();
    for part in [
        "mcp: {program: everything}",
        "tool: \"get-sum\"",
        r#""a": "{{ inputs.a }}""#,
        "effect: true",
        "idempotent: false",
        "sum: {from: \"body.sum\", type: number}",
        "confirm:",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Schemas as nobody writes them.
fn schemas() -> impl Strategy<Value = Json> {
    let text = prop_oneof!["[a-zA-Z_ {}%#:\"'\\\\-]{0,12}", "\\PC{0,6}", Just("type".to_owned())];
    let leaf = prop_oneof![
        Just(json!({})),
        Just(Json::Null),
        prop::sample::select(vec!["string", "number", "integer", "boolean", "null", "object", "array", "x"])
            .prop_map(|kind| json!({"type": kind})),
        prop::collection::vec(text.clone(), 0..4).prop_map(|words| json!({"enum": words})),
        text.clone().prop_map(|pattern| json!({"type": "string", "pattern": pattern})),
        text.clone().prop_map(|word| json!({"const": word, "title": word, "example": word, "default": word})),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec((text.clone(), inner.clone(), any::<bool>()), 0..4).prop_map(|fields| {
                let needed: Vec<String> =
                    fields.iter().filter(|(.., needed)| *needed).map(|(name, ..)| name.clone()).collect();
                let properties: serde_json::Map<String, Json> =
                    fields.into_iter().map(|(name, of, _)| (name, of)).collect();
                json!({"type": "object", "properties": properties, "required": needed})
            }),
            inner.clone().prop_map(|items| json!({"type": "array", "items": items})),
            prop::collection::vec(inner.clone(), 0..3).prop_map(|all| json!({"allOf": all})),
            prop::collection::vec(inner, 0..3).prop_map(|some| json!({"oneOf": some})),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_a_document_says_what_is_written_loads(
        body in schemas(), answer in schemas(), parameter in schemas(), name in "\\PC{0,8}", path in "/[a-z{}/?#\\\\ ]{0,12}",
    ) {
        let operation = json!({
            "operationId": "x", "summary": name, "description": name,
            "parameters": [{"name": name, "in": "query", "required": true, "schema": parameter},
                {"name": name, "in": "header", "required": true, "schema": parameter}],
            "requestBody": {"content": {"application/json": {"schema": body}}},
            "responses": {"200": {"content": {"application/json": {"schema": answer}}}},
        });
        let mut paths = serde_json::Map::new();
        paths.insert(path, json!({"put": operation}));
        let document = json!({"openapi": "3.0.0", "info": {"title": name}, "paths": paths}).to_string();
        for wish in [NOTHING, ALL] {
            if let Ok(text) = openapi(&document, "x", &wish) {
                loaded(&text);
            }
        }
    }
}
