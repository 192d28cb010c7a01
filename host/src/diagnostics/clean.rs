//! Text of scripts and peers on its way to a terminal. What would do something there, or only look like something else, is
//! spelled as Luau spells it in a string.

use std::borrow::Cow;

/// Whether a character is shown as it is. A line feed is not: who calls decides about lines.
pub(crate) fn is_plain(letter: char) -> bool {
    match letter {
        // ECMA-48: the control functions of C0, DEL and C1.
        letter if letter.is_control() => false,
        // Directions (UAX #9) make a line look like another; separators of lines and paragraphs may end one.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => false,
        // Nothing to be seen: zero width spaces, the byte order mark, tags.
        '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}' => false,
        // No characters at all (XML 1.0, section 2.2, has none of them).
        '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

/// How a character that is not plain is spelled.
pub(super) fn spelled(letter: char) -> String {
    match letter {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        letter if letter.is_ascii() => format!("\\x{:02x}", u32::from(letter)),
        letter => format!("\\u{{{:x}}}", u32::from(letter)),
    }
}

/// A line of text with every character plain. Tabs stay.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.chars().all(|letter| letter == '\t' || is_plain(letter)) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if letter == '\t' || is_plain(letter) {
            cleaned.push(letter);
        } else {
            cleaned.push_str(&spelled(letter));
        }
    }
    Cow::Owned(cleaned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_gets_through() {
        for (text, expected) in [
            ("a\tb é 漢 \u{301}", "a\tb é 漢 \u{301}"),
            ("\u{1b}[31m\u{7}\r", "\\x1b[31m\\x07\\r"),
            ("\u{9b}2J\u{7f}\0", "\\u{9b}2J\\x7f\\x00"),
            ("a\u{202e}b\u{2066}\u{200f}", "a\\u{202e}b\\u{2066}\\u{200f}"),
            ("\u{2028}\u{feff}\u{200b}", "\\u{2028}\\u{feff}\\u{200b}"),
            ("one\ntwo", "one\\ntwo"),
        ] {
            assert_eq!(clean(text), expected);
        }
        for letter in (0..=0x10ffff).filter_map(char::from_u32) {
            let shown = clean(letter.encode_utf8(&mut [0; 4])).into_owned();
            assert!(
                shown.chars().all(|letter| letter == '\t' || !letter.is_control()),
                "{letter:?}"
            );
        }
    }
}
