//! What CEL can tell of a document of JSON in a text.
//!
//! Regular expressions do not count, so two rules share the work: [`document`] knows what may follow what, and
//! [`closed`] that all that is opened is closed. What is left (brackets of different kinds that cross) is for those who
//! parse the text.

/// A text: no line break in it, and only JSON's escapes.
const STRING: &str = r#""([^"\\[:cntrl:]]|\\(["\\/bfnrt]|u[0-9a-fA-F]{4}))*""#;
const NUMBER: &str = r"-?(0|[1-9][0-9]*)([.][0-9]+)?([eE][+-]?[0-9]+)?";
const BLANK: &str = r"[ \t\r\n]*";

/// The rule that a text follows the order of JSON: names, colons, values and commas in their places.
pub(super) fn document() -> String {
    let (string, number, blank) = (STRING, NUMBER, BLANK);
    let name = format!("{string}{blank}:{blank}");
    // Any number of lists and documents may begin where a value does, and end where it does.
    let opened = format!(r"(\[{blank}|[{{]{blank}{name})*");
    let plain = format!(r"({string}|{number}|true|false|null|\[{blank}\]|[{{]{blank}[}}])");
    let value = format!(r"{opened}{plain}({blank}[\]}}])*");
    let pattern = format!(r"^{blank}[{{]{blank}([}}]|{name}{value}({blank},{blank}({name})?{value})*{blank}){blank}$");
    format!("self.matches({}) && self.matches({})", literal(&pattern), literal(&format!("[}}]{blank}$")))
}

/// The rule that as many brackets and braces are closed as are opened, outside of texts.
pub(super) fn closed() -> String {
    let marks = literal(&format!(r"{STRING}|[\[\]{{}}]"));
    let count = |mark: &str| format!("marks.filter(mark, mark == '{mark}').size()");
    format!("[self.findAll({marks})].all(marks, {} == {} && {} == {})", count("{"), count("}"), count("["), count("]"))
}

/// A pattern as CEL writes a text in single quotes.
fn literal(pattern: &str) -> String {
    format!("'{}'", pattern.replace('\\', r"\\"))
}
