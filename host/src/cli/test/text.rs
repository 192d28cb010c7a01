//! Text of scripts on its way into a report: what would do something on a terminal, or only look like something else, is
//! spelled as Luau spells it in a string.

use crate::diagnostics;

/// One line; a tab stays.
pub(super) fn clean_line(text: &str) -> String {
    diagnostics::clean(text).into_owned()
}

/// Lines, without white space at their ends.
pub(super) fn clean(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(|line| clean_line(line.trim_end())).collect();
    lines.join("\n")
}

/// The text, or its start with a word on that.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most)])
}
