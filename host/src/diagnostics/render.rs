//! A diagnostic as text:
//!
//! ```text
//! error: main.luau:2:14: attempt to index nil with 'field'
//!   2 | print(config.field)
//!     |              ^^^^^ config is nil
//!   in: request handler for GET /
//!   at main.luau:2 function show
//!   at main.luau:9
//! ```

use unicode_width::UnicodeWidthChar;

use super::clean::{clean, is_plain, spelled};
use super::style::{Role, Style};
use super::{Diagnostic, Excerpt, Mark, MarkKind, Severity};

/// Columns of a tab. A tab on the terminal would be as wide as it likes.
const TAB: &str = "    ";

/// It makes one sign of several, and each terminal has a width of its own for that; without it there are several.
const JOINER: char = '\u{200d}';

/// How lines of a message begin that stand behind the source, with those that follow, and not before it.
const NOTES: [&str; 3] = ["  required from ", "  caused by: ", "  …"];

impl Diagnostic {
    /// The text with its head, without a line feed at its end.
    pub(crate) fn render(&self, style: Style) -> String {
        let Severity::Error = self.severity;
        format!("{}: {}", style.paint(Role::Error, "error"), self.text(style))
    }

    /// The text without its head.
    pub(crate) fn text(&self, style: Style) -> String {
        let message = self.message_with_column();
        let mut lines = message.split('\n');
        let mut text = style.paint(Role::Message, &clean(lines.next().unwrap_or_default()));
        let mut source = Some(excerpts(&self.excerpts, &message, style));
        for line in lines {
            let is_note = NOTES.iter().any(|note| line.starts_with(note));
            if is_note && let Some(source) = source.take() {
                text.push_str(&source);
            }
            // What a message makes of lines stays apart from what we say.
            let indent = if is_note { "" } else { "    " };
            text.push_str(&format!("\n{indent}{}", clean(line)));
        }
        text.push_str(&source.unwrap_or_default());
        if let Some(origin) = &self.origin {
            text.push_str(&format!("\n  in: {}", clean(origin)));
        }
        for frame in &self.frames {
            // A word on frames that are left out is none itself.
            let at = if frame.starts_with('…') { "" } else { "at " };
            text.push_str(&format!("\n  {at}{}", clean(frame)));
        }
        text
    }

    /// The message, with a column behind the line's number where that is known.
    fn message_with_column(&self) -> String {
        let Some((excerpt, column)) = self.excerpts.last().and_then(|last| Some((last, column(last)?)))
        else {
            return self.message.clone();
        };
        let position = format!("{}:{}", excerpt.file, excerpt.line);
        match self.message.split_once(&format!("{position}: ")) {
            Some((before, rest)) => format!("{before}{position}:{column}: {rest}"),
            None => self.message.clone(),
        }
    }
}

/// The column of the error, from 1: characters.
fn column(excerpt: &Excerpt) -> Option<usize> {
    let place = excerpt.marks.iter().find(|mark| mark.kind == MarkKind::Place)?;
    Some(excerpt.text.get(..place.bytes.start)?.chars().count() + 1)
}

/// The lines of source, one below the other.
fn excerpts(all: &[Excerpt], message: &str, style: Style) -> String {
    let Some(last) = all.last() else {
        return String::new();
    };
    let digits = all
        .iter()
        .map(|excerpt| excerpt.line)
        .max()
        .unwrap_or(0)
        .to_string()
        .len();
    let mut text = String::new();
    let position = format!("{}:{}", last.file, last.line);
    if !message.starts_with(&format!("{position}:")) {
        let column = column(last)
            .map(|column| format!(":{column}"))
            .unwrap_or_default();
        let arrow = style.paint(Role::Margin, "-->");
        text.push_str(&format!("\n{:digits$} {arrow} {}{column}", "", clean(&position)));
    }
    for (index, excerpt) in all.iter().enumerate() {
        if index > 0 && all[index - 1].line + 1 < excerpt.line {
            text.push_str(&format!("\n  {}", style.paint(Role::Margin, "…")));
        }
        let number = style.paint(Role::Margin, &format!("{:digits$} |", excerpt.line));
        let margin = style.paint(Role::Margin, &format!("{:digits$} |", ""));
        let line = Cells::of(excerpt).cut(style.width.saturating_sub(digits + 5), &excerpt.marks);
        text.push_str(format!("\n  {number} {}", line.text()).trim_end());
        let marks = line.marks(&excerpt.marks, style);
        if !marks.is_empty() {
            text.push_str(&format!("\n  {margin} {marks}"));
        }
    }
    text
}

/// A line as it is shown: what stands for each character, and how wide it is.
struct Cells {
    cells: Vec<Cell>,
}

struct Cell {
    /// Where the character begins in the line.
    byte: usize,
    shown: String,
    width: usize,
}

/// What stands where a line was cut.
const CUT: &str = "…";

impl Cells {
    fn of(excerpt: &Excerpt) -> Cells {
        let end = excerpt.text.trim_end().len();
        let cells = excerpt.text[..end].char_indices().map(|(byte, letter)| {
            let (shown, width) = match letter {
                '\t' => (TAB.to_owned(), TAB.len()),
                JOINER => (String::new(), 0),
                letter if is_plain(letter) => (letter.to_string(), letter.width().unwrap_or(0)),
                letter => {
                    let shown = spelled(letter);
                    let width = shown.len();
                    (shown, width)
                }
            };
            Cell { byte, shown, width }
        });
        Cells {
            cells: cells.collect(),
        }
    }

    /// The part around the most important mark that fits into so many columns.
    fn cut(self, most: usize, marks: &[Mark]) -> Cells {
        let total: usize = self.cells.iter().map(|cell| cell.width).sum();
        if total <= most {
            return self;
        }
        let place = marks.last().map_or(0..0, |mark| mark.bytes.clone());
        let before = |byte: usize| {
            self.cells
                .iter()
                .filter(|cell| cell.byte < byte)
                .map(|cell| cell.width)
                .sum::<usize>()
        };
        let (from, to) = (before(place.start), before(place.end));
        // A third of the room is left for what stands before.
        let first = if to < most {
            0
        } else {
            from.saturating_sub(most / 3)
        };
        let mut column = 0;
        let mut kept = Vec::new();
        let (mut is_cut_before, mut is_cut_after) = (false, false);
        for cell in self.cells {
            let (begin, end) = (column, column + cell.width);
            column = end;
            if begin < first {
                is_cut_before = true;
            } else if end + 2 > first + most {
                is_cut_after = true;
                break;
            } else {
                kept.push(cell);
            }
        }
        let cut = |byte: usize| Cell {
            byte,
            shown: CUT.to_owned(),
            width: 1,
        };
        if is_cut_before {
            kept.insert(0, cut(0));
        }
        if is_cut_after {
            kept.push(cut(usize::MAX));
        }
        Cells { cells: kept }
    }

    fn text(&self) -> String {
        self.cells.iter().map(|cell| cell.shown.as_str()).collect()
    }

    /// The line below, with a sign under everything that is marked.
    fn marks(&self, marks: &[Mark], style: Style) -> String {
        let mut text = String::new();
        let mut column = 0;
        let mut sorted: Vec<&Mark> = marks.iter().collect();
        sorted.sort_by_key(|mark| mark.bytes.start);
        for (index, mark) in sorted.iter().enumerate() {
            let columns = |from: usize, to: usize| -> usize {
                let cells = self.cells.iter().filter(|cell| (from..to).contains(&cell.byte));
                cells.map(|cell| cell.width).sum()
            };
            let begin = columns(0, mark.bytes.start);
            let width = columns(mark.bytes.start, mark.bytes.end).max(1);
            if begin < column {
                continue;
            }
            let (role, sign) = match mark.kind {
                MarkKind::Place | MarkKind::Statement => (Role::Place, "^"),
                MarkKind::Aside => (Role::Aside, "-"),
            };
            text.push_str(&" ".repeat(begin - column));
            column = begin + width;
            let label = mark.label.as_deref().filter(|_| index + 1 == sorted.len());
            let space = if label.is_some() { " " } else { "" };
            let signs = format!(
                "{}{space}{}",
                sign.repeat(width),
                clean(label.unwrap_or_default())
            );
            text.push_str(&style.paint(role, &signs));
        }
        text
    }
}
