//! Manifests and commands in the documents, as far as they can be judged without running anything.
use atlas_operator::{
    cli,
    kind::{Given, Kind},
    kinds,
};
use harness::repository;
use kube::core::cel::{Validator, apply_defaults, compile_schema};
use serde_json::{Value, value::RawValue};

use super::{
    super::real::install::TESTS,
    generated::charts::CHARTS,
    page::{self, Block, pages},
};

/// Tools whose objects pages show, as a mark of the block says: `yaml,of Flux`.
const TOOLS: [&str; 3] = ["of Argo CD", "of Flux", "of kustomize"];

/// The blocks of every page in `language`, but for values of charts and for what is another tool's.
fn blocks(language: &str) -> Vec<Block> {
    let mut blocks: Vec<_> = pages().iter().flat_map(page::Page::blocks).collect();
    blocks.retain(|block| block.language == language && chart(block).is_none() && !is_foreign(block));
    blocks
}

/// The chart whose values a block shows.
pub fn chart(block: &Block) -> Option<&str> {
    block.marks.iter().find_map(|mark| mark.strip_prefix("values of "))
}

/// Whether a block shows objects of another tool's kinds, which no API server knows without that tool's definitions.
pub fn is_foreign(block: &Block) -> bool {
    block.marks.iter().any(|mark| TOOLS.contains(&mark.as_str()))
}

/// The commands of a page that a test runs itself, in order.
pub fn blocks_run_by(test: &str, page: &str) -> Vec<Block> {
    let page = pages().into_iter().find(|it| it.path == page).unwrap_or_else(|| panic!("there is no {page}"));
    let mut blocks = page.blocks();
    blocks.retain(|block| block.run_by.as_deref() == Some(test));
    assert!(!blocks.is_empty(), "{}: nothing is run by {test}", page.path);
    blocks
}

/// What the pages and the examples show of manifests.
pub fn manifests() -> Vec<Block> {
    blocks("yaml").into_iter().chain(page::manifests()).collect()
}

#[test]
fn every_block_is_in_a_language_that_is_checked() {
    for block in pages().iter().flat_map(page::Page::blocks) {
        // Other languages are those of files that tests build.
        let known = ["sh", "yaml"].contains(&block.language.as_str()) || block.file.is_some();
        assert!(known, "{}: {:?}", block.place, block.language);
        let known = block.marks.iter().all(|mark| {
            mark == "invalid" || is_foreign(&block) || chart(&block).is_some_and(|it| CHARTS.contains(&it))
        });
        assert!(known, "{}: {:?}", block.place, block.marks);
        let run_by = block.run_by.as_deref();
        let page = block.place.split(':').next().unwrap_or_default();
        let follows = |test: &str| TESTS.iter().any(|(name, pages)| *name == test && pages.contains(&page));
        assert!(run_by.is_none_or(follows), "{}: {run_by:?} does not run it", block.place);
        assert!(block.language == "sh" || block.not_run.is_none(), "{} is not run anyway", block.place);
    }
}

#[test]
fn a_block_that_shows_a_file_is_that_file() {
    let mut shown = 0;
    for block in pages().iter().flat_map(page::Page::blocks) {
        let Some(file) = &block.file else { continue };
        let text = std::fs::read_to_string(repository().join(file)).unwrap();
        assert_eq!(block.code, text, "{} is not {file}", block.place);
        shown += 1;
    }
    assert!(shown > 0);
}

pub fn is_invalid(block: &Block) -> bool {
    block.marks.iter().any(|mark| mark == "invalid")
}

/// What schema, rules and reader say of an object.
fn judge(kind: &dyn Kind, object: &Value) -> Result<(), String> {
    let version = kind.definition().spec.versions.into_iter().next().unwrap();
    let schema = serde_json::to_value(version.schema.unwrap().open_api_v3_schema.unwrap()).unwrap();
    known(&schema["properties"]["spec"], &object["spec"], "spec")?;
    let whole = apply_defaults(&schema, object);
    Validator::new().validate_compiled(&compile_schema(&schema), &whole, None).map_err(|errors| errors.to_string())?;
    let spec = RawValue::from_string(whole["spec"].to_string()).unwrap();
    let declared = kind.read(&spec).map_err(|error| error.to_string())?;
    let given = Given {
        project_id: Some("project".to_owned()),
        created: Some(jiff::Timestamp::UNIX_EPOCH),
        ..Given::default()
    };
    declared.parts(&given).map(drop).map_err(|error| error.to_string())
}

/// The reader overlooks fields that it does not know; the API server does not.
fn known(schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, value)| {
            let property = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
            let path = format!("{path}.{name}");
            if property.is_null() { Err(format!("{path} is no field")) } else { known(property, value, &path) }
        }),
        Value::Array(items) => items.iter().try_for_each(|item| known(&schema["items"], item, path)),
        _ => Ok(()),
    }
}

#[test]
fn every_manifest_is_taken_or_refused_as_it_is_marked() {
    let (mut valid, mut invalid) = (0, 0);
    for block in manifests() {
        let documents: Vec<Value> = serde_saphyr::from_multiple(&block.code).unwrap();
        let mut refused = Vec::new();
        for document in documents {
            let kind = kinds::by_name(document["kind"].as_str().unwrap_or_default());
            let Some(kind) = kind else { continue };
            match judge(kind, &document) {
                Ok(()) => valid += 1,
                Err(error) => refused.push(error),
            }
        }
        assert_eq!(!refused.is_empty(), is_invalid(&block), "{}: {refused:?}", block.place);
        invalid += refused.len();
    }
    assert!(valid > 6 && invalid > 0, "only {valid} valid and {invalid} invalid objects were found");
}

/// The commands of a block, continuation lines joined, comments left out.
fn commands(block: &Block) -> Vec<String> {
    let joined = block.code.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// Whether a block is of `make` alone, whose targets are all there is to check.
pub fn is_make(block: &Block) -> bool {
    commands(block).iter().all(|command| command.starts_with("make "))
}

#[test]
fn every_command_names_targets_flags_and_files_that_are_there() {
    let makefile = std::fs::read_to_string(repository().join("Makefile")).unwrap();
    let mut checked = 0;
    for block in blocks("sh") {
        for command in commands(&block) {
            let words: Vec<&str> = command.split_whitespace().collect();
            if let ["make", targets @ ..] = words.as_slice() {
                for target in targets.iter().filter(|word| !word.contains('=')) {
                    assert!(makefile.contains(&format!("\n{target}: ")), "{}: no target {target}", block.place);
                }
            }
            // The flags begin behind `cargo run --`, or behind the name of the program.
            let program = words.iter().rposition(|word| *word == "--" || *word == "atlas-operator");
            if let Some(program) = program.filter(|_| words.contains(&"run")) {
                let parsed = cli::command().try_get_matches_from(words[program..].iter().map(|word| match *word {
                    "--" => "atlas-operator",
                    word => word,
                }));
                let is_good = parsed.as_ref().map_or_else(|error| !error.use_stderr(), |_| true);
                assert!(is_good, "{}: {}", block.place, parsed.unwrap_err());
            }
            for word in words
                .iter()
                .filter(|word| ["examples/", "deploy/", "charts/"].iter().any(|folder| word.starts_with(folder)))
            {
                assert!(repository().join(word).exists(), "{}: there is no {word}", block.place);
            }
            checked += 1;
        }
    }
    assert!(checked > 15, "only {checked} commands were found");
}
