//! Reads the notation of `client.http` and `peer.http`: what goes over a socket, line by line.
//!
//! ```text
//! # a comment; an empty line ends a block
//! > GET / HTTP/1.1        sent, with CR LF after it
//! >| a\0b\r\n             sent as it stands, with escapes and no line end
//! >* 20000 a              sent so many times, with escapes
//! < HTTP/1.1 200 *        the start line expected; `*` stands for any characters
//! < content-length: 2     a field that must be there
//! < !location             a field that must not
//! <                       content follows; without this line there must be none
//! < ok                    content, its lines joined by line feeds
//! <| a\0b                 content, with escapes
//! = half-close            a command
//! @ /path                 in `peer.http`: the answer to this request-target follows
//! ```

use crate::harness::matching;

/// One step of a dialogue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes for the wire.
    Send(Vec<u8>),
    /// A message that must come.
    Expect(Expected),
    /// The words after `=`.
    Command(String),
    /// The request-target after `@`.
    Route(String),
}

/// What a message must be like.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// A pattern for the start line.
    pub(crate) start: String,
    /// A name with the pattern for its value; no pattern: the field must be absent.
    pub(crate) fields: Vec<(String, Option<String>)>,
    /// The content. With `*` in it, it is a pattern.
    pub(crate) body: Vec<u8>,
}

impl Expected {
    /// Explains how the content differs.
    pub(crate) fn compare_body(&self, actual: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(actual);
        let fits = if self.body.contains(&b'*') {
            matching::glob(&String::from_utf8_lossy(&self.body), &text)
        } else {
            self.body == actual
        };
        if fits {
            return Ok(());
        }
        let shown: String = text.chars().take(2_000).collect();
        Err(format!(
            "content differs: expected {:?}, got {shown:?}",
            String::from_utf8_lossy(&self.body)
        ))
    }
}

/// What the last line belonged to.
#[derive(PartialEq, Eq)]
enum Part {
    Nothing,
    Sent,
    Head,
    Body,
}

/// Parses the whole text; the error names the line.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut part = Part::Nothing;
    for (index, line) in text.lines().enumerate() {
        let fail = |problem: &str| format!("line {}: {problem}: {line:?}", index + 1);
        if let Some(rest) = line.strip_prefix('>') {
            if part != Part::Sent {
                steps.push(Step::Send(Vec::new()));
            }
            part = Part::Sent;
            let Some(Step::Send(bytes)) = steps.last_mut() else {
                return Err(fail("no block"));
            };
            bytes.extend(sent(rest).ok_or_else(|| fail("not a line to send"))?);
        } else if let Some(rest) = line.strip_prefix('<') {
            if !matches!(part, Part::Head | Part::Body) {
                let start = rest
                    .strip_prefix(' ')
                    .ok_or_else(|| fail("no start line"))?
                    .to_owned();
                steps.push(Step::Expect(Expected {
                    start,
                    ..Expected::default()
                }));
                part = Part::Head;
                continue;
            }
            let Some(Step::Expect(expected)) = steps.last_mut() else {
                return Err(fail("no block"));
            };
            if let Some(raw) = rest.strip_prefix("| ") {
                expected
                    .body
                    .extend(unescape(raw).ok_or_else(|| fail("a bad escape"))?);
                part = Part::Body;
            } else if part == Part::Body {
                if !expected.body.is_empty() {
                    expected.body.push(b'\n');
                }
                expected
                    .body
                    .extend(rest.strip_prefix(' ').unwrap_or_default().bytes());
            } else if rest.is_empty() {
                part = Part::Body;
            } else {
                expected
                    .fields
                    .push(field(rest.trim_start()).ok_or_else(|| fail("not a field"))?);
            }
        } else {
            part = Part::Nothing;
            if let Some(words) = line.strip_prefix("= ") {
                steps.push(Step::Command(words.to_owned()));
            } else if let Some(target) = line.strip_prefix("@ ") {
                steps.push(Step::Route(target.to_owned()));
            } else if !line.is_empty() && !line.starts_with('#') {
                return Err(fail("not a line of this notation"));
            }
        }
    }
    Ok(steps)
}

/// What a `>` line puts on the wire.
fn sent(rest: &str) -> Option<Vec<u8>> {
    if let Some(raw) = rest.strip_prefix("| ") {
        return unescape(raw);
    }
    if let Some(repeated) = rest.strip_prefix("* ") {
        let (count, text) = repeated.split_once(' ')?;
        return Some(unescape(text)?.repeat(count.parse().ok()?));
    }
    let text = if rest.is_empty() {
        rest
    } else {
        rest.strip_prefix(' ')?
    };
    Some(format!("{text}\r\n").into_bytes())
}

fn field(text: &str) -> Option<(String, Option<String>)> {
    if let Some(name) = text.strip_prefix('!') {
        return Some((name.to_ascii_lowercase(), None));
    }
    let (name, value) = text.split_once(':')?;
    Some((name.to_ascii_lowercase(), Some(value.trim().to_owned())))
}

/// `\r`, `\n`, `\t`, `\0`, `\\` and `\xNN`.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        bytes.push(match rest.next()? {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}
