//! The parts of a Markdown text that the tests of the documentation look at. Called by `docs`. It reads what our pages are written in and
//! no more: fences of three backticks at the start of a line, headings with `#`, links on one line.

use std::collections::BTreeSet;

/// A fenced block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    /// The number of the opening fence's line, from 1.
    pub(crate) line: usize,
    /// The first word behind the fence.
    pub(crate) language: String,
    /// The file that it shows: the text before it ends with `` `NAME`: ``.
    pub(crate) file: Option<String>,
    /// What is in it, with line feeds.
    pub(crate) text: String,
}

/// The fenced blocks, in order.
///
/// # Errors
/// A block that does not end.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut before = "";
    for (index, line) in text.lines().enumerate() {
        let fence = line.strip_prefix("```");
        match (&mut open, fence) {
            (Some(block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (Some(_), Some(_)) => {
                blocks.extend(open.take());
                before = "";
            }
            (None, Some(info)) => {
                open = Some(Block {
                    line: index + 1,
                    language: info.split_whitespace().next().unwrap_or_default().to_owned(),
                    file: file_named(before),
                    text: String::new(),
                });
            }
            (None, None) if !line.trim().is_empty() => before = line,
            (None, None) => {}
        }
    }
    match open {
        Some(block) => Err(format!("the block of line {} does not end", block.line)),
        None => Ok(blocks),
    }
}

fn file_named(before: &str) -> Option<String> {
    let (_, name) = before.trim_end().strip_suffix("`:")?.rsplit_once('`')?;
    Some(name.to_owned())
}

/// The text without its fenced blocks and without code within lines.
fn prose(text: &str) -> Vec<String> {
    let mut is_fenced = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            lines.push(line.to_owned());
        }
    }
    lines
}

/// Where links lead: what stands in `](…)`.
pub(crate) fn links(text: &str) -> Vec<String> {
    let mut links = Vec::new();
    for line in prose(text) {
        for part in line.split("](").skip(1) {
            if let Some((link, _)) = part.split_once(')') {
                links.push(link.to_owned());
            }
        }
    }
    links
}

/// What a link can name behind `#`: the ids in the text, and the headings as GitHub makes anchors of them.
pub(crate) fn anchors(text: &str) -> BTreeSet<String> {
    let mut anchors = BTreeSet::new();
    for line in prose(text) {
        for part in line.split("<a id=\"").skip(1) {
            anchors.extend(part.split_once('"').map(|(id, _)| id.to_owned()));
        }
        if line.starts_with('#') {
            let title = line.trim_start_matches('#').trim();
            let letters = title.chars().filter_map(|letter| match letter {
                ' ' => Some('-'),
                '-' | '_' => Some(letter),
                _ if letter.is_alphanumeric() => Some(letter.to_ascii_lowercase()),
                _ => None,
            });
            anchors.insert(letters.collect());
        }
    }
    anchors
}
