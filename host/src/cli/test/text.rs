//! Text of scripts on its way into a report: what would do something on a terminal, or only look like something else, is
//! spelled as Luau spells it in a string.

/// One line; a tab stays.
pub(super) fn clean_line(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => cleaned.push_str("\\n"),
            '\r' => cleaned.push_str("\\r"),
            letter if letter == '\t' || is_plain(letter) => cleaned.push(letter),
            letter if letter.is_ascii() => cleaned.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => cleaned.push_str(&format!("\\u{{{:x}}}", u32::from(letter))),
        }
    }
    cleaned
}

/// Lines, without white space at their ends.
pub(super) fn clean(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| clean_line(line.trim_end())).collect();
    lines.join("\n")
}

/// The text, or its start with a word on that.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(most)])
}

fn is_plain(letter: char) -> bool {
    match letter {
        letter if letter.is_control() => false,
        // Directions (UAX #9) make a line look like another, and separators may end one.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        // Nothing to be seen; and no characters of XML 1.0.
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
        '\u{e0000}'..='\u{e007f}' => false,
        _ => true,
    }
}
