//! Reads the definition files `guest/types/*.d.luau`: what they declare, and the comment above each of it.
//!
//! Called by [`docs`](crate::docs), which makes pages of it, and by the tests that compare it with a running script. The
//! files are written for this: each type, global and field on lines of its own, one line each, with its comment above. Any
//! other line is refused, as one that was passed over would be missing from the pages and from the tests.
//!
//! A comment `---` is documentation. The one that opens a file and is followed by an empty line is about the whole file.
//! A comment `--` is for whoever reads the file itself, and is left out.

use std::collections::BTreeSet;

use thiserror::Error;

/// What one file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definitions {
    /// The lines of the comment on the whole file, without their dashes.
    pub comment: Vec<String>,
    /// What it declares, in order.
    pub items: Vec<Item>,
}

/// A type or a global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Which it is.
    pub kind: Kind,
    /// The lines of its comment.
    pub comment: Vec<String>,
    /// What stands in the file, all in one line: `export type Query = …`. Of one with fields, the line that opens it.
    pub written: String,
    /// The fields of a table or an extern type, its own only.
    pub fields: Vec<Field>,
}

/// What can be declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table type: `export type X = {`.
    Table,
    /// A type of values with methods: `declare extern type X with`.
    Extern {
        /// What it `extends`.
        parent: Option<String>,
    },
    /// Other types put together.
    Alias,
    /// A global table: `declare x: {`.
    Library,
    /// A global function.
    Function,
    /// Any other global, with its type behind it: `declare x: …`.
    Value {
        /// The type.
        meaning: String,
    },
}

/// A field of a type or a library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// The lines of its comment.
    pub comment: Vec<String>,
    /// Its type. Of a method its signature, from `(self` on.
    pub meaning: String,
    /// What stands in the file, without a comma behind it.
    pub written: String,
}

/// A line that is no part of a definition file as these are written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line} {problem}: `{text}`")]
pub struct Misread {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
    /// The line.
    pub text: String,
}

/// Reads the text of a file.
///
/// # Errors
/// [`Misread`] of the first line that is not understood.
pub fn read(text: &str) -> Result<Definitions, Misread> {
    let mut reader = Reader::default();
    let mut last = (0, "");
    for (index, line) in text.lines().enumerate() {
        last = (index + 1, line);
        reader.line(line).map_err(|problem| misread(last, problem))?;
    }
    reader.end().map_err(|problem| misread(last, problem))
}

fn misread((line, text): (usize, &str), problem: String) -> Misread {
    let text = text.trim().to_owned();
    Misread { line, problem, text }
}

#[derive(Default)]
struct Reader {
    head: Option<Vec<String>>,
    /// The comment that waits for what it is about.
    comment: Vec<String>,
    /// The type or library whose end is not reached.
    open: Option<Item>,
    items: Vec<Item>,
    /// Names that are taken: types, and globals behind a blank.
    names: BTreeSet<String>,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<(), String> {
        let words = line.trim();
        if let Some(comment) = words.strip_prefix("---") {
            self.comment
                .push(comment.strip_prefix(' ').unwrap_or(comment).to_owned());
            return Ok(());
        }
        if words.is_empty() {
            return self.gap();
        }
        if words.starts_with("--") {
            return if self.comment.is_empty() {
                Ok(())
            } else {
                Err("stands between a comment and what that is about".to_owned())
            };
        }
        match &self.open {
            None => self.declaration(line),
            Some(open) if line == open.kind.end() => self.close(),
            Some(_) => self.field(line),
        }
    }

    /// An empty line. Behind a comment it is allowed only behind the one that opens the file.
    fn gap(&mut self) -> Result<(), String> {
        if self.comment.is_empty() {
            return Ok(());
        }
        if self.head.is_some() || self.open.is_some() || !self.items.is_empty() {
            return Err("follows a comment that is about nothing".to_owned());
        }
        self.head = Some(std::mem::take(&mut self.comment));
        Ok(())
    }

    fn declaration(&mut self, line: &str) -> Result<(), String> {
        let (name, kind) = declared(line)?;
        // A library says what it is at the head of its file.
        if self.comment.is_empty() && kind != Kind::Library {
            return Err("has no comment above it".to_owned());
        }
        let global = if kind.is_global() { " " } else { "" };
        if !self.names.insert(format!("{global}{name}")) {
            return Err("declares what was declared before".to_owned());
        }
        if let Kind::Extern { parent: Some(parent) } = &kind
            && !self.names.contains(parent)
        {
            return Err("extends a type that is not above it".to_owned());
        }
        let item = Item {
            name,
            comment: std::mem::take(&mut self.comment),
            written: line.to_owned(),
            fields: Vec::new(),
            kind,
        };
        if item.kind.has_fields() {
            self.open = Some(item);
        } else {
            self.items.push(item);
        }
        Ok(())
    }

    fn field(&mut self, line: &str) -> Result<(), String> {
        let open = self.open.as_mut().ok_or("is in no type")?;
        let line = line.strip_prefix('\t').ok_or("is not indented by one tab")?;
        let is_extern = matches!(open.kind, Kind::Extern { .. });
        let written = match line.strip_suffix(',') {
            Some(written) if !is_extern => written,
            None if is_extern => line,
            _ => return Err("ends wrongly".to_owned()),
        };
        whole(written)?;
        let (name, meaning) = match written.strip_prefix("function ") {
            Some(method) if is_extern => {
                let (name, signature) = method.split_once("(self").ok_or("is no method")?;
                (name, format!("(self{signature}"))
            }
            _ => {
                let (name, meaning) = written.split_once(": ").ok_or("is no field")?;
                (name, meaning.to_owned())
            }
        };
        let name = identifier(name)?;
        if self.comment.is_empty() {
            return Err("has no comment above it".to_owned());
        }
        if open.fields.iter().any(|field| field.name == name) {
            return Err("is there twice".to_owned());
        }
        open.fields.push(Field {
            name,
            comment: std::mem::take(&mut self.comment),
            meaning,
            written: written.to_owned(),
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        if !self.comment.is_empty() {
            return Err("follows a comment that is about nothing".to_owned());
        }
        self.items.extend(self.open.take());
        Ok(())
    }

    fn end(self) -> Result<Definitions, String> {
        if let Some(open) = self.open {
            return Err(format!("is the last, and `{}` does not end", open.name));
        }
        if !self.comment.is_empty() {
            return Err("is a comment that is about nothing".to_owned());
        }
        Ok(Definitions {
            comment: self
                .head
                .ok_or("is the last, and no comment says what the file is about")?,
            items: self.items,
        })
    }
}

impl Kind {
    /// Whether scripts find it as a global; else it is a type.
    #[must_use]
    pub fn is_global(&self) -> bool {
        matches!(self, Self::Library | Self::Function | Self::Value { .. })
    }

    fn has_fields(&self) -> bool {
        matches!(self, Self::Table | Self::Extern { .. } | Self::Library)
    }

    /// The line that ends it.
    fn end(&self) -> &'static str {
        if matches!(self, Self::Extern { .. }) {
            "end"
        } else {
            "}"
        }
    }
}

/// The name and the kind of what a line declares.
fn declared(line: &str) -> Result<(String, Kind), String> {
    if let Some(words) = line.strip_prefix("export type ") {
        let (name, meaning) = words.split_once(" = ").ok_or("is no type")?;
        if meaning == "{" {
            return Ok((identifier(name)?, Kind::Table));
        }
        whole(meaning)?;
        return Ok((identifier(name)?, Kind::Alias));
    }
    if let Some(words) = line.strip_prefix("declare extern type ") {
        let words = words.strip_suffix(" with").ok_or("has no `with`")?;
        let (name, parent) = match words.split_once(" extends ") {
            Some((name, parent)) => (name, Some(identifier(parent)?)),
            None => (words, None),
        };
        return Ok((identifier(name)?, Kind::Extern { parent }));
    }
    if let Some(words) = line.strip_prefix("declare function ") {
        whole(words)?;
        let name = words.split(['(', '<']).next().unwrap_or_default();
        return Ok((identifier(name)?, Kind::Function));
    }
    let words = line.strip_prefix("declare ").ok_or("is not understood")?;
    if let Some(name) = words.strip_suffix(": {") {
        return Ok((identifier(name)?, Kind::Library));
    }
    let (name, meaning) = words.split_once(": ").ok_or("is not understood")?;
    whole(meaning)?;
    let meaning = meaning.to_owned();
    Ok((identifier(name)?, Kind::Value { meaning }))
}

fn identifier(name: &str) -> Result<String, String> {
    // So a keyword can be the name of a field.
    let name = name
        .strip_prefix("[\"")
        .and_then(|name| name.strip_suffix("\"]"))
        .unwrap_or(name);
    let is_one = !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_one {
        Ok(name.to_owned())
    } else {
        Err(format!("has no name where `{name}` stands"))
    }
}

/// A type that goes on in the next line would be read as something else.
fn whole(text: &str) -> Result<(), String> {
    let count = |letter| text.matches(letter).count();
    if count('(') == count(')') && count('{') == count('}') && !text.ends_with(['|', '&', '=', ' ']) {
        Ok(())
    } else {
        Err("does not end".to_owned())
    }
}
