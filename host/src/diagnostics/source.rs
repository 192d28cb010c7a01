//! The text of a chunk, by lines. Made where an error is in it, and kept for the next one.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::tokens::{Kind, Lexer, Start, Token};

/// Bytes of a line whose tokens are looked at; and shown of one, so that a line of a program in one line costs no more.
const LONGEST_LINE: usize = 16 << 10;

/// Lines that are looked at for where an expression begins or ends.
const FAR: usize = 32;

/// A chunk's source text.
#[derive(Debug)]
pub(crate) struct Source {
    text: Arc<[u8]>,
    /// Where each line begins, and in what.
    lines: OnceLock<Vec<(usize, Start)>>,
}

/// A line of it.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Its bytes, without its end.
    pub(super) text: &'a [u8],
    /// None where it is too long, or within a string.
    pub(super) tokens: Vec<Token>,
    /// Whether the file ends with it.
    pub(super) is_last: bool,
}

/// The words on both sides of a line; none at an end of the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Around<'a> {
    pub(super) before: Option<&'a [u8]>,
    pub(super) after: Option<&'a [u8]>,
}

impl Source {
    pub(crate) fn new(text: impl Into<Arc<[u8]>>) -> Source {
        Source {
            text: text.into(),
            lines: OnceLock::new(),
        }
    }

    /// The line with this number, from 1.
    pub(super) fn line(&self, number: usize) -> Option<Line<'_>> {
        let lines = self.lines();
        let (_, start) = *lines.get(number.checked_sub(1)?)?;
        let text = &self.text[self.bytes(number)];
        let mut tokens = Vec::new();
        if text.len() > LONGEST_LINE {
            return Some(Line {
                text: &text[..LONGEST_LINE],
                tokens,
                is_last: false,
            });
        }
        if start != Start::Within && !is_shebang(number, text) {
            Lexer::at(start).line(text, |token| tokens.push(token));
        }
        Some(Line {
            text,
            tokens,
            is_last: number == lines.len(),
        })
    }

    /// The tokens before and after a line: the last one of the code above it, and the first one below.
    pub(super) fn around(&self, number: usize) -> Option<Around<'_>> {
        let first = number.saturating_sub(FAR).max(1);
        let before = self.nearest((first..number).rev(), true, first == 1)?;
        let last = (number + FAR).min(self.lines().len());
        let after = self.nearest(number + 1..=last, false, last < number + FAR)?;
        Some(Around { before, after })
    }

    /// The last or first token of the first of the lines that has one; `None` where it is not known.
    fn nearest(
        &self,
        numbers: impl Iterator<Item = usize>,
        is_last: bool,
        is_all: bool,
    ) -> Option<Option<&[u8]>> {
        for number in numbers {
            let line = self.line(number)?;
            if self.lines()[number - 1].1 == Start::Within || line.text.len() == LONGEST_LINE {
                return None;
            }
            let is_code = |token: &&Token| !line.text[token.bytes.clone()].starts_with(b"--");
            let mut code = line.tokens.iter().filter(is_code);
            if let Some(token) = if is_last { code.next_back() } else { code.next() } {
                return Some(Some(&line.text[token.bytes.clone()]));
            }
        }
        is_all.then_some(None)
    }

    fn lines(&self) -> &[(usize, Start)] {
        self.lines.get_or_init(|| {
            let mut lexer = Lexer::default();
            let mut lines = Vec::new();
            let mut begin = usize::from(self.text.starts_with(b"\xef\xbb\xbf")) * 3;
            for piece in self.text[begin..].split_inclusive(|byte| *byte == b'\n') {
                lines.push((begin, lexer.start()));
                let text = without_end(piece);
                if !is_shebang(lines.len(), text) {
                    lexer.line(text, |_| ());
                }
                begin += piece.len();
            }
            if self.text.last().is_none_or(|byte| *byte == b'\n') {
                lines.push((begin, lexer.start()));
            }
            lines
        })
    }

    fn bytes(&self, number: usize) -> Range<usize> {
        let lines = self.lines();
        let begin = lines[number - 1].0;
        let end = lines.get(number).map_or(self.text.len(), |next| next.0);
        begin..begin + without_end(&self.text[begin..end]).len()
    }
}

/// Whether the line is one for the system, which Luau never sees.
fn is_shebang(number: usize, line: &[u8]) -> bool {
    number == 1 && line.starts_with(b"#!")
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl Line<'_> {
    /// The text of a token.
    pub(super) fn word(&self, index: usize) -> &[u8] {
        self.tokens
            .get(index)
            .map_or(b"", |token| &self.text[token.bytes.clone()])
    }

    /// Whether the token has this text, and is no string.
    pub(super) fn is(&self, index: usize, word: &str) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind != Kind::Text)
            && self.word(index) == word.as_bytes()
    }

    /// The bytes from one token to another.
    pub(super) fn bytes(&self, from: usize, to: usize) -> Range<usize> {
        self.tokens[from].bytes.start..self.tokens[to].bytes.end
    }

    /// The only token that is so; none where there are several.
    pub(super) fn only(&self, is_so: impl Fn(usize) -> bool) -> Option<usize> {
        let mut found = (0..self.tokens.len()).filter(|index| is_so(*index));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The bracket that closes the one at this token.
    pub(super) fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        (open..self.tokens.len()).find(|at| {
            depth = self.depth(depth, *at);
            depth == 0
        })
    }

    /// The bracket that the one at this token closes.
    pub(super) fn opening(&self, close: usize) -> Option<usize> {
        let mut depth = 0_usize;
        (0..=close).rev().find(|at| {
            depth = (depth + usize::from(self.closes(*at))).saturating_sub(usize::from(self.opens(*at)));
            depth == 0
        })
    }

    /// How many brackets are open behind the token, of so many before it.
    pub(super) fn depth(&self, before: usize, at: usize) -> usize {
        (before + usize::from(self.opens(at))).saturating_sub(usize::from(self.closes(at)))
    }

    pub(super) fn opens(&self, at: usize) -> bool {
        ["(", "[", "{"].iter().any(|bracket| self.is(at, bracket))
    }

    pub(super) fn closes(&self, at: usize) -> bool {
        [")", "]", "}"].iter().any(|bracket| self.is(at, bracket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &Source, number: usize) -> Option<(String, usize, bool)> {
        let line = source.line(number)?;
        Some((
            String::from_utf8_lossy(line.text).into_owned(),
            line.tokens.len(),
            line.is_last,
        ))
    }

    #[test]
    fn lines_by_number() {
        let source = Source::new(&b"\xef\xbb\xbf#! a 'b\r\nx = [[\ny ]] z\n"[..]);
        let line = |text: &str, tokens, is_last| Some((text.to_owned(), tokens, is_last));
        assert_eq!(shown(&source, 0), None);
        assert_eq!(shown(&source, 1), line("#! a 'b", 0, false));
        assert_eq!(shown(&source, 2), line("x = [[", 3, false));
        assert_eq!(shown(&source, 3), line("y ]] z", 1, false));
        assert_eq!(shown(&source, 4), line("", 0, true));
        assert_eq!(shown(&source, 5), None);
        let empty = Source::new(&b""[..]);
        assert_eq!(shown(&empty, 1), line("", 0, true));
        assert_eq!(shown(&empty, 2), None);
        let open = Source::new(&b"a\nb"[..]);
        assert_eq!(shown(&open, 2), line("b", 1, true));
    }

    #[test]
    fn a_line_that_is_too_long_has_no_tokens() {
        let source = Source::new([b"x ".repeat(LONGEST_LINE), b"\ny".to_vec()].concat());
        let line = source.line(1).expect("a line");
        assert_eq!((line.text.len(), line.tokens.len()), (LONGEST_LINE, 0));
        assert_eq!(shown(&source, 2), Some(("y".to_owned(), 1, true)));
        assert_eq!(source.around(2), None);
    }

    #[test]
    fn tokens_around_a_line() {
        let source = Source::new(&b"a = 1 +\n\n-- c\nb\n--[[\n]]\n(c)"[..]);
        let around = |number| source.around(number).map(|around| (around.before, around.after));
        assert_eq!(around(4), Some((Some(&b"+"[..]), Some(&b"("[..]))));
        assert_eq!(around(1), Some((None, Some(&b"b"[..]))));
        assert_eq!(around(7), Some((Some(&b"b"[..]), None)));
        let far = Source::new([b"a".to_vec(), b"\n".repeat(FAR + 1), b"b".to_vec()].concat());
        assert_eq!(far.around(FAR + 2), None);
    }
}
