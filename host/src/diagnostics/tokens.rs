//! Luau's tokens, a line at a time: enough of its grammar to say where on a line a name or an operator stands, and what is
//! only text. Called by `source`, which follows a whole file through it, and for the line that an error is in.
//!
//! It reads what is no Luau too, since that is what syntax errors are about, and refuses nothing.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword; an attribute with its `@`.
    Name,
    Number,
    /// A whole string with its quotes, or a part of an interpolated one.
    Text,
    /// A string or comment whose end is not on the line.
    Unclosed,
    /// An operator or a bracket; whatever else stands there, a character at a time.
    Symbol,
}

/// A token: its kind, and its bytes in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) bytes: Range<usize>,
}

/// What a line begins in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Between tokens.
    Code,
    /// In a comment or string that ends with `]`, so many `=`, `]`.
    Long(u32),
    /// In a string that goes on, or in an expression within one.
    Within,
}

/// Operators of more than one character, each before what it begins with.
const OPERATORS: [&[u8]; 24] = [
    b"...", b"..=", b"//=", b"..", b"==", b"<=", b">=", b"~=", b"->", b"::", b"//", b"+=", b"-=", b"*=",
    b"/=", b"%=", b"^=", b"&&", b"||", b"!=", b"{", b"}", b"(", b")",
];

/// Interpolated strings within each other that are followed; code with more is looked at as text.
const DEEPEST: usize = 64;

/// Reads line after line of one file.
#[derive(Debug, Clone, Default)]
pub(super) struct Lexer {
    within: Within,
    /// For each interpolated string around: the braces that are open in its expression.
    braces: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Within {
    #[default]
    Code,
    Long(u32),
    Quoted(u8),
    Interpolated,
}

impl Lexer {
    /// One that begins at a line.
    pub(super) fn at(start: Start) -> Lexer {
        Lexer {
            within: match start {
                Start::Long(level) => Within::Long(level),
                Start::Code | Start::Within => Within::Code,
            },
            braces: Vec::new(),
        }
    }

    /// What the next line begins in.
    pub(super) fn start(&self) -> Start {
        match self.within {
            _ if !self.braces.is_empty() => Start::Within,
            Within::Code => Start::Code,
            Within::Long(level) => Start::Long(level),
            Within::Quoted(_) | Within::Interpolated => Start::Within,
        }
    }

    /// Reads a line, without its end, and hands over each token but comments.
    pub(super) fn line(&mut self, line: &[u8], mut found: impl FnMut(Token)) {
        let mut at = 0;
        while at < line.len() {
            let begin = at;
            let kind;
            (kind, at) = match self.within {
                Within::Code => self.code(line, at),
                Within::Long(level) => self.long(line, at, at, level),
                Within::Quoted(quote) => self.quoted(line, at, quote),
                Within::Interpolated => self.interpolated(line, at),
            };
            if let Some(kind) = kind {
                found(Token {
                    kind,
                    bytes: begin..at,
                });
            }
        }
    }

    /// One token, a space or a comment, from between tokens.
    fn code(&mut self, line: &[u8], at: usize) -> (Option<Kind>, usize) {
        let rest = &line[at..];
        let count = |accepts: fn(&u8) -> bool| rest.iter().take_while(|byte| accepts(byte)).count();
        match rest[0] {
            byte if byte.is_ascii_whitespace() || byte == b'\x0b' => (None, at + 1),
            b'-' if rest.starts_with(b"--") => match long_bracket(&rest[2..]) {
                Some(level) => {
                    let (kind, end) = self.long(line, at + 4 + level as usize, at, level);
                    (kind.filter(|kind| *kind == Kind::Unclosed), end)
                }
                None => (None, line.len()),
            },
            b'[' if let Some(level) = long_bracket(rest) => {
                self.long(line, at + 2 + level as usize, at, level)
            }
            quote @ (b'"' | b'\'') => self.quoted(line, at + 1, quote),
            b'`' => {
                if self.braces.len() == DEEPEST {
                    return (Some(Kind::Symbol), at + 1);
                }
                self.interpolated(line, at + 1)
            }
            b'}' if self.braces.last() == Some(&0) => {
                self.braces.pop();
                self.interpolated(line, at + 1)
            }
            byte if byte.is_ascii_digit() || byte == b'.' && rest.get(1).is_some_and(u8::is_ascii_digit) => {
                (Some(Kind::Number), at + number(rest))
            }
            byte if is_name(&byte) => (Some(Kind::Name), at + count(is_name)),
            b'@' if rest.get(1).is_some_and(is_name) => (
                Some(Kind::Name),
                at + 1 + rest[1..].iter().take_while(|byte| is_name(byte)).count(),
            ),
            byte if !byte.is_ascii() => {
                let tail = rest[1..].iter().take_while(|byte| (0x80..0xc0).contains(*byte));
                (Some(Kind::Symbol), at + 1 + tail.count())
            }
            byte => {
                match (byte, self.braces.last_mut()) {
                    (b'{', Some(open)) => *open = open.saturating_add(1),
                    (b'}', Some(open)) => *open = open.saturating_sub(1),
                    _ => {}
                }
                let operator = OPERATORS.iter().find(|operator| rest.starts_with(operator));
                (
                    Some(Kind::Symbol),
                    at + operator.map_or(1, |operator| operator.len()),
                )
            }
        }
    }

    /// The rest of a long string or comment that begins at `begin`, from `from`.
    fn long(&mut self, line: &[u8], from: usize, begin: usize, level: u32) -> (Option<Kind>, usize) {
        let has_begun_here = begin < from;
        let closing = |at: &usize| long_close(&line[*at..], level);
        let (kind, end) = match (from..line.len()).find(closing) {
            Some(at) => {
                self.within = Within::Code;
                (Kind::Text, at + 2 + level as usize)
            }
            None => {
                self.within = Within::Long(level);
                (Kind::Unclosed, line.len())
            }
        };
        (has_begun_here.then_some(kind), end)
    }

    /// The rest of a quoted string.
    fn quoted(&mut self, line: &[u8], mut at: usize, quote: u8) -> (Option<Kind>, usize) {
        while let Some(&byte) = line.get(at) {
            at += 1;
            if byte == quote {
                self.within = Within::Code;
                return (Some(Kind::Text), at);
            }
            if byte == b'\\' {
                let goes_on = matches!(line.get(at), None | Some(b'z'));
                at = (at + 1).min(line.len());
                // `\z` passes over white space, line ends included, and a backslash takes a line end into the string.
                if goes_on && line[at..].iter().all(u8::is_ascii_whitespace) {
                    self.within = Within::Quoted(quote);
                    return (None, line.len());
                }
            }
        }
        self.within = Within::Code;
        (Some(Kind::Unclosed), at)
    }

    /// The rest of an interpolated string up to its end or to its next expression.
    fn interpolated(&mut self, line: &[u8], mut at: usize) -> (Option<Kind>, usize) {
        while let Some(&byte) = line.get(at) {
            at += 1;
            match byte {
                b'`' => {
                    self.within = Within::Code;
                    return (Some(Kind::Text), at);
                }
                b'{' => {
                    self.within = Within::Code;
                    self.braces.push(0);
                    return (Some(Kind::Text), at);
                }
                b'\\' if at == line.len() => {
                    self.within = Within::Interpolated;
                    return (None, at);
                }
                b'\\' => at += 1,
                _ => {}
            }
        }
        self.within = Within::Code;
        (Some(Kind::Unclosed), at)
    }
}

fn is_name(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte == b'_'
}

/// The level of the long bracket that the text begins with.
fn long_bracket(text: &[u8]) -> Option<u32> {
    let level = text
        .strip_prefix(b"[")?
        .iter()
        .take_while(|byte| **byte == b'=')
        .count();
    (text.get(1 + level) == Some(&b'[')).then_some(u32::try_from(level).ok()?)
}

fn long_close(text: &[u8], level: u32) -> bool {
    let level = level as usize;
    text[0] == b']'
        && text.len() >= level + 2
        && text[1..=level].iter().all(|byte| *byte == b'=')
        && text[level + 1] == b']'
}

/// The length of the number that the text begins with, as Luau's lexer takes it: letters that are none of it included.
fn number(text: &[u8]) -> usize {
    let digits = |from: usize, accepts: fn(&u8) -> bool| {
        from + text[from..].iter().take_while(|byte| accepts(byte)).count()
    };
    let mut end = digits(0, |byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'_'));
    if matches!(text.get(end), Some(b'e' | b'E')) && matches!(text.get(end + 1), Some(b'+' | b'-')) {
        end += 2;
    }
    digits(end, is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lexer: &mut Lexer, line: &str) -> Vec<String> {
        let mut found = Vec::new();
        lexer.line(line.as_bytes(), |token| {
            let mark = match token.kind {
                Kind::Name => "n",
                Kind::Number => "d",
                Kind::Text => "t",
                Kind::Unclosed => "u",
                Kind::Symbol => "s",
            };
            found.push(format!("{mark} {}", &line[token.bytes]));
        });
        found
    }

    #[test]
    fn lines_of_their_own() {
        let table: [(&str, &[&str]); 18] = [
            ("", &[]),
            ("a.b = 1", &["n a", "s .", "n b", "s =", "d 1"]),
            ("x ..= y -- .. z", &["n x", "s ..=", "n y"]),
            (
                "a~=b//c::d",
                &["n a", "s ~=", "n b", "s //", "n c", "s ::", "n d"],
            ),
            (
                "f'a' \"b\\\"c\" '\\'",
                &["n f", "t 'a'", "t \"b\\\"c\"", "u '\\'"],
            ),
            (
                "s = [==[ ]] ]==] .. [[x]]",
                &["n s", "s =", "t [==[ ]] ]==]", "s ..", "t [[x]]"],
            ),
            ("--[[ a ]] b --[=[ c ]] ]=] d", &["n b", "n d"]),
            ("a[b[1]]", &["n a", "s [", "n b", "s [", "d 1", "s ]", "s ]"]),
            (
                "1.5e-3 0xFF 1_000 .5 1..2 12a",
                &["d 1.5e-3", "d 0xFF", "d 1_000", "d .5", "d 1..2", "d 12a"],
            ),
            ("`a {b} c` d", &["t `a {", "n b", "t } c`", "n d"]),
            (
                "`{ {x = `{y}`} }`",
                &["t `{", "s {", "n x", "s =", "t `{", "n y", "t }`", "s }", "t }`"],
            ),
            ("`\\{a\\`` b", &["t `\\{a\\``", "n b"]),
            ("@native function", &["n @native", "n function"]),
            ("x = 'abc", &["n x", "s =", "u 'abc"]),
            ("x = `abc", &["n x", "s =", "u `abc"]),
            ("é !", &["s é", "s !"]),
            ("a && b", &["n a", "s &&", "n b"]),
            ("x = {}", &["n x", "s =", "s {", "s }"]),
        ];
        for (line, expected) in table {
            assert_eq!(read(&mut Lexer::default(), line), expected, "{line}");
        }
    }

    #[test]
    fn what_a_line_begins_in() {
        let table: [(&[&str], Start, &[&str]); 11] = [
            (&["x = [[ a"], Start::Long(0), &["n z"]),
            (&["--[==[ a", "b ]]"], Start::Long(2), &[]),
            (&["--[==[ a", "b ]==]"], Start::Code, &["s ]", "s ]", "n z"]),
            (&["x = 'a"], Start::Code, &["s ]", "s ]", "n z"]),
            (&["x = 'a\\"], Start::Within, &["u ]] z"]),
            (&["x = 'a\\z  "], Start::Within, &["u ]] z"]),
            (&["x = 'a\\zb'"], Start::Code, &["s ]", "s ]", "n z"]),
            (&["x = `a{", " b"], Start::Within, &["s ]", "s ]", "n z"]),
            (&["x = `a{", " b }`"], Start::Code, &["s ]", "s ]", "n z"]),
            (&["x = `a\\"], Start::Within, &["u ]] z"]),
            (&["x = {", "a"], Start::Code, &["s ]", "s ]", "n z"]),
        ];
        for (lines, start, next) in table {
            let mut lexer = Lexer::default();
            for line in lines {
                read(&mut lexer, line);
            }
            assert_eq!(lexer.start(), start, "{lines:?}");
            assert_eq!(read(&mut lexer.clone(), "]] z"), next, "{lines:?}");
            if start != Start::Within {
                assert_eq!(read(&mut Lexer::at(start), "]] z"), next, "{lines:?}");
            }
        }
    }
}
