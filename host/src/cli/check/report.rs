//! What was found, for people and for programs.

use serde::Serialize;

use crate::cli::{Format, say};
use crate::diagnostics::is_plain;

/// Characters of a line of source that are shown.
const LONGEST_LINE: usize = 200;

/// A mistake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What messages call the file.
    pub(super) path: String,
    /// From 1; none where it is about the whole file.
    pub(super) line: Option<usize>,
    /// From 1, in characters, where it is known.
    pub(super) column: Option<usize>,
    pub(super) message: String,
}

impl Finding {
    /// One at a byte of the text.
    pub(super) fn at(path: &str, text: &[u8], byte: usize, message: String) -> Finding {
        let before = &text[..byte.min(text.len())];
        let begin = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        Finding {
            path: path.to_owned(),
            line: Some(before.iter().filter(|byte| **byte == b'\n').count() + 1),
            column: Some(String::from_utf8_lossy(&before[begin..]).chars().count() + 1),
            message,
        }
    }

    /// One of the whole file.
    pub(super) fn of_file(path: &str, message: &str) -> Finding {
        Finding {
            path: path.to_owned(),
            line: None,
            column: None,
            message: message.to_owned(),
        }
    }
}

/// Where on its line Luau's error is: its message says what it got there. `hint` is a column before that, or that one.
pub(super) fn column(text: &[u8], line: usize, message: &str, hint: Option<usize>) -> Option<usize> {
    let line = text.split(|byte| *byte == b'\n').nth(line.checked_sub(1)?)?;
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches('\r');
    let (_, got) = message.rsplit_once("got ")?;
    if got == "<eof>" {
        return Some(line.chars().count() + 1);
    }
    let word = got
        .strip_prefix('\'')?
        .split('\'')
        .next()
        .filter(|word| !word.is_empty())?;
    let is_in_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let found: Vec<usize> = line
        .match_indices(word)
        .filter(|(at, _)| {
            let (before, after) = (&line[..*at], &line[at + word.len()..]);
            !(word.starts_with(is_in_name) && before.ends_with(is_in_name)
                || word.ends_with(is_in_name) && after.starts_with(is_in_name))
        })
        .map(|(at, _)| line[..at].chars().count() + 1)
        .collect();
    match found.as_slice() {
        [only] => Some(*only),
        several => several
            .iter()
            .copied()
            .find(|column| Some(*column) > hint)
            .filter(|_| hint.is_some()),
    }
}

/// Tells findings as they come.
pub(super) struct Report {
    format: Format,
    is_empty: bool,
    /// Whether it is no result but what is in the way of one.
    is_aside: bool,
}

impl Report {
    pub(super) fn new(format: Format) -> Report {
        Report {
            format,
            is_empty: true,
            is_aside: false,
        }
    }

    /// One that goes to standard error, for people.
    pub(super) fn aside() -> Report {
        Report {
            is_aside: true,
            ..Report::new(Format::Text)
        }
    }

    /// Tells what is no mistake, and may be one.
    pub(super) fn note(&self, finding: &Finding, text: &[u8]) {
        self.write(&in_words("note", finding, text));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Tells a finding in this text.
    pub(super) fn tell(&mut self, finding: &Finding, text: &[u8]) {
        self.is_empty = false;
        let told = match self.format {
            Format::Text => in_words("error", finding, text),
            // Numbers and texts can always be written.
            Format::Json => serde_json::to_string(finding).unwrap_or_default(),
        };
        self.write(&told);
    }

    fn write(&self, told: &str) {
        match self.is_aside {
            true => eprintln!("{told}"),
            false => say(format!("{told}\n")),
        }
    }
}

/// `path:line:column: kind: message`, and the line of source below, with a mark under the column.
fn in_words(kind: &str, finding: &Finding, text: &[u8]) -> String {
    let place: String = [finding.line, finding.column]
        .iter()
        .flatten()
        .map(|number| format!(":{number}"))
        .collect();
    let mut told = format!(
        "{}{place}: {kind}: {}",
        plain(&finding.path),
        plain(&finding.message)
    );
    let line = finding
        .line
        .and_then(|number| text.split(|byte| *byte == b'\n').nth(number - 1));
    if let (Some(number), Some(line)) = (finding.line, line) {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        let shown: String = line.chars().take(LONGEST_LINE).collect();
        told.push_str(format!("\n  {number} | {}", plain(&shown)).trim_end());
        if let Some(column) = finding.column.filter(|column| *column <= LONGEST_LINE) {
            let margin = " ".repeat(number.to_string().len());
            told.push_str(&format!("\n  {margin} | {}^", " ".repeat(column - 1)));
        }
    }
    told
}

/// Text of a stranger's script without what terminals obey.
fn plain(text: &str) -> String {
    let plain = |letter: char| match letter {
        '\t' => ' ',
        letter if !is_plain(letter) => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_lines() {
        let text = "local x = 1\r\n\tprint('é', x y)\n".as_bytes();
        let byte = text
            .windows(3)
            .position(|three| three == b"y)\n")
            .expect("a place");
        let finding = Finding::at("a.luau", text, byte, "too much".to_owned());
        assert_eq!((finding.line, finding.column), (Some(2), Some(15)));
        assert_eq!(
            in_words("error", &finding, text),
            "a.luau:2:15: error: too much\n  2 |  print('é', x y)\n    |               ^"
        );
        let at_end = Finding::at("a.luau", text, 1000, "end".to_owned());
        assert_eq!((at_end.line, at_end.column), (Some(3), Some(1)));
        assert_eq!(
            in_words("error", &at_end, text),
            "a.luau:3:1: error: end\n  3 |\n    | ^"
        );
        assert_eq!(
            in_words("error", &Finding::of_file("a.luau", "all"), text),
            "a.luau: error: all"
        );
    }

    #[test]
    fn columns_of_what_luau_got() {
        let table = [
            (
                "local x = = 3",
                "Expected identifier when parsing expression, got '='",
                Some(9),
                Some(11),
            ),
            (
                "local x = = 3",
                "Expected identifier when parsing expression, got '='",
                None,
                None,
            ),
            (
                "f(ab a)",
                "Expected ')' (to close '(' at column 2), got 'a'",
                None,
                Some(6),
            ),
            (
                "x = {\r",
                "Expected '}' (to close '{' at column 5), got <eof>",
                None,
                Some(6),
            ),
            (
                "x = 'a",
                "Malformed string; did you forget to finish it?",
                Some(5),
                None,
            ),
            ("x = 1", "Expected something, got 'none'", Some(1), None),
        ];
        for (line, message, hint, expected) in table {
            let text = format!("-- first\n{line}\nlast");
            assert_eq!(
                column(text.as_bytes(), 2, message, hint),
                expected,
                "{line}: {message}"
            );
        }
        assert_eq!(column(b"x", 9, "got '='", None), None);
    }

    #[test]
    fn nothing_that_a_terminal_obeys() {
        let finding = Finding::at("\u{1b}[31m.luau", b"\x1b]0;x\x07", 0, "\u{9b}2J".to_owned());
        let told = in_words("error", &finding, b"\x1b]0;x\x07");
        assert!(
            told.chars().all(|letter| letter == '\n' || !letter.is_control()),
            "{told:?}"
        );
    }
}
