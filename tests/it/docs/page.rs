//! A document, and the code blocks in it.
use std::path::Path;

use harness::repository;

/// A document of the repository.
pub struct Page {
    /// From the root of the repository: `docs/policies.md`.
    pub path: String,
    pub text: String,
}

/// A fenced block of code.
pub struct Block {
    /// Page and line, for messages.
    pub place: String,
    /// The first word of its information: `sh`.
    pub language: String,
    /// The words behind it, after commas: `invalid`.
    pub marks: Vec<String>,
    /// Why it is not run, if the line before the block says so.
    pub not_run: Option<String>,
    /// The test that runs it, if the line before the block names one; all others are run with the quickstart.
    pub run_by: Option<String>,
    /// The file that it shows, if the line before the block says so.
    pub file: Option<String>,
    /// The code, without the indentation of the fence.
    pub code: String,
}

/// The pages of the root, `README.md` first, every page of `docs/` and its folders, and that of each chart, in order.
pub fn pages() -> Vec<Page> {
    let root = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(str::to_owned);
    let paths = root.into_iter().chain(files("docs", "md")).chain(files("charts", "md"));
    paths.map(|path| Page { text: text(&path), path }).collect()
}

/// Every manifest of `examples/` and its folders, whole.
pub fn manifests() -> Vec<Block> {
    let block = |path: String| Block {
        code: text(&path),
        place: path,
        language: "yaml".to_owned(),
        marks: Vec::new(),
        not_run: None,
        run_by: None,
        file: None,
    };
    files("examples", "yaml").into_iter().map(block).collect()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

/// The files of a folder and its folders that end so, in order.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(repository().join(folder)).unwrap().map(Result::unwrap) {
        let path = format!("{folder}/{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            paths.extend(files(&path, extension));
        } else if Path::new(&path).extension().is_some_and(|its| its == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    paths
}

impl Page {
    /// Its blocks of code.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        let mut before = "";
        for (number, line) in self.text.lines().enumerate() {
            let content = line.trim_start();
            match &mut open {
                Some(_) if content.trim_end() == "```" => blocks.extend(open.take().map(|(_, block)| block)),
                Some((indentation, block)) => {
                    block.code.push_str(line.get(*indentation..).unwrap_or_default());
                    block.code.push('\n');
                }
                None if content.starts_with("```") => {
                    let mut words = content.trim_start_matches('`').split(',').map(|word| word.trim().to_owned());
                    let block = Block {
                        place: format!("{}:{}", self.path, number + 1),
                        language: words.next().unwrap_or_default(),
                        marks: words.collect(),
                        not_run: between(before, "<!-- not run: ", " -->").map(str::to_owned),
                        run_by: between(before, "<!-- run by: ", " -->").map(str::to_owned),
                        file: between(before, "<!-- file: ", " -->").map(str::to_owned),
                        code: String::new(),
                    };
                    open = Some((line.len() - content.len(), block));
                }
                None => {}
            }
            before = line;
        }
        assert!(open.is_none(), "{}: a block of code does not end", self.path);
        blocks
    }

    /// The text outside of blocks of code.
    pub fn prose(&self) -> String {
        let mut inside = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if !inside {
                prose.push_str(line);
                prose.push('\n');
            }
        }
        prose
    }
}

fn between<'a>(line: &'a str, start: &str, end: &str) -> Option<&'a str> {
    line.trim().strip_prefix(start)?.strip_suffix(end)
}

#[test]
fn blocks_are_found_with_their_marks_and_without_their_indentation() {
    let text = "1. One:\n\n   <!-- not run: it costs money -->\n   ```sh\n   a \\\n     b\n   ```\n\n```yaml,invalid\nc\n```\nd\n";
    let page = Page { path: "x.md".to_owned(), text: text.to_owned() };
    let blocks = page.blocks();
    assert_eq!(blocks.len(), 2);
    assert_eq!((blocks[0].language.as_str(), blocks[0].code.as_str()), ("sh", "a \\\n  b\n"));
    assert_eq!((blocks[0].not_run.as_deref(), blocks[0].place.as_str()), (Some("it costs money"), "x.md:4"));
    assert_eq!((blocks[1].marks.as_slice(), blocks[1].not_run.as_deref()), (&["invalid".to_owned()][..], None));
    assert!(page.prose().contains("\nd\n") && !page.prose().contains("\nc\n"));
}
