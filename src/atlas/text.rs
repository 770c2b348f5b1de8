//! Text from elsewhere, made fit for a log line or a condition message.

/// One line of at most `limit` characters: control characters and characters that turn the writing direction are
/// gone, runs of white space are one space, and a text that was cut ends in `…`.
pub(super) fn tidy(text: &str, limit: usize) -> String {
    let mut tidied = String::with_capacity(text.len().min(limit));
    let mut length = 0;
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() || character.is_control() {
            gap = length > 0;
        } else if !is_invisible(character) {
            if length + 1 + usize::from(gap) > limit {
                // Make room for the mark; what was written so far has at most `limit` characters.
                if length == limit {
                    tidied.pop();
                }
                tidied.push('…');
                return tidied;
            }
            if gap {
                tidied.push(' ');
                length += 1;
                gap = false;
            }
            tidied.push(character);
            length += 1;
        }
    }
    tidied
}

/// Zero-width characters, and those that can make a terminal show a text in another order than it is written.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn a_text_becomes_one_bounded_line() {
        for (text, limit, expected) in [
            ("", 5, ""),
            ("abcde", 5, "abcde"),
            ("abcdef", 5, "abcd…"),
            ("ab  \r\n\t cd", 9, "ab cd"),
            ("\u{1b}[31mred\u{0}", 20, "[31mred"),
            ("  lead and trail  ", 40, "lead and trail"),
            ("käse\u{202e}üü", 10, "käseüü"),
            ("日本語日本語", 4, "日本語…"),
            ("abc d", 4, "abc…"),
            ("abcd e", 4, "abc…"),
        ] {
            let tidied = tidy(text, limit);
            assert_eq!(tidied, expected);
            assert!(tidied.chars().count() <= limit);
        }
    }
}
