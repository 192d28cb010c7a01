//! Reads the definition files `guest/types/*.d.luau`, line by line: one field per line, each with its comment above it.
//!
//! Called by `types`. Refuses any line that it does not understand, as one that it passed over would go unchecked.

use std::collections::{BTreeMap, BTreeSet};

/// The names of a type, and what is written behind each.
pub(crate) type Fields = BTreeMap<String, String>;

/// What definition files declare.
#[derive(Default)]
pub(crate) struct Definitions {
    /// Types with fields: tables and extern types. Those of an extern type include its parent's.
    pub(crate) types: BTreeMap<String, Fields>,
    /// Types that are other types put together.
    pub(crate) aliases: BTreeSet<String>,
    /// Globals that are tables.
    pub(crate) libraries: BTreeMap<String, Fields>,
    /// Globals that are functions.
    pub(crate) functions: BTreeSet<String>,
    /// Globals of a type that is written behind them: tables that can be called.
    pub(crate) values: BTreeMap<String, String>,
}

/// A type or library whose end is not reached.
struct Block {
    name: String,
    is_library: bool,
    /// The line that ends it: `}`, or `end` for an extern type.
    end: &'static str,
    fields: Fields,
}

impl Definitions {
    /// Adds what one file declares.
    ///
    /// # Errors
    ///
    /// The first line that is not understood, with its number.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), String> {
        let mut block = None;
        let mut is_commented = false;
        for (index, line) in text.lines().enumerate() {
            let words = line.trim();
            let read = match &mut block {
                _ if words.starts_with("---") || words.is_empty() => Ok(()),
                _ if !is_commented && !["}", "end"].contains(&words) && !words.starts_with("declare ") => {
                    Err("has no comment above it".to_owned())
                }
                None => self.start(words).map(|started| block = started),
                Some(open) if line == open.end => self.end(block.take()),
                Some(open) => open.field(line),
            };
            read.map_err(|problem| format!("line {} {problem}: {line:?}", index + 1))?;
            is_commented = words.starts_with("---");
        }
        match block {
            Some(Block { name, .. }) => Err(format!("{name} does not end")),
            None => Ok(()),
        }
    }

    /// Reads a line outside of any block.
    fn start(&mut self, line: &str) -> Result<Option<Block>, String> {
        let block = |name: &str, is_library, end, fields| {
            let name = identifier(name)?;
            Ok(Some(Block {
                name,
                is_library,
                end,
                fields,
            }))
        };
        if let Some(words) = line.strip_prefix("export type ") {
            let (name, meaning) = words.split_once(" = ").ok_or("is no type")?;
            if meaning == "{" {
                return block(name, false, "}", Fields::new());
            }
            balanced(meaning)?;
            return declare(&mut self.aliases, name).map(|()| None);
        }
        if let Some(words) = line.strip_prefix("declare extern type ") {
            let words = words.strip_suffix(" with").ok_or("has no `with`")?;
            let (name, parent) = words.split_once(" extends ").unwrap_or((words, ""));
            let inherited = match parent {
                "" => Fields::new(),
                _ => self.types.get(parent).cloned().ok_or("has an unknown parent")?,
            };
            return block(name, false, "end", inherited);
        }
        if let Some(words) = line.strip_prefix("declare function ") {
            balanced(words)?;
            let name = words.split(['(', '<']).next().unwrap_or_default();
            return declare(&mut self.functions, name).map(|()| None);
        }
        let words = line.strip_prefix("declare ").ok_or("is not understood")?;
        if let Some(name) = words.strip_suffix(": {") {
            return block(name, true, "}", Fields::new());
        }
        let (name, meaning) = words.split_once(": ").ok_or("is not understood")?;
        balanced(meaning)?;
        match self.values.insert(identifier(name)?, meaning.to_owned()) {
            None => Ok(None),
            Some(_) => Err("declares what was declared before".to_owned()),
        }
    }

    fn end(&mut self, block: Option<Block>) -> Result<(), String> {
        let Some(block) = block else { return Ok(()) };
        let place = if block.is_library {
            &mut self.libraries
        } else {
            &mut self.types
        };
        match place.insert(block.name, block.fields) {
            None => Ok(()),
            Some(_) => Err("ends what was declared before".to_owned()),
        }
    }
}

impl Block {
    /// `name: type,` in a table; `name: type` or `function name(self): type` in an extern type.
    fn field(&mut self, line: &str) -> Result<(), String> {
        let line = line.strip_prefix('\t').ok_or("is not indented")?;
        let field = match (self.end, line.strip_suffix(',')) {
            ("}", Some(field)) => field,
            ("end", None) => line,
            _ => return Err("ends wrongly".to_owned()),
        };
        balanced(field)?;
        let (name, meaning) = match field.strip_prefix("function ") {
            Some(method) if self.end == "end" => {
                let (name, signature) = method.split_once("(self").ok_or("is no method")?;
                (name, format!("(self{signature}"))
            }
            _ => {
                let (name, meaning) = field.split_once(": ").ok_or("is no field")?;
                (name, meaning.to_owned())
            }
        };
        match self.fields.insert(identifier(name)?, meaning) {
            None => Ok(()),
            Some(_) => Err("is there twice".to_owned()),
        }
    }
}

fn declare(place: &mut BTreeSet<String>, name: &str) -> Result<(), String> {
    if place.insert(identifier(name)?) {
        Ok(())
    } else {
        Err("declares what was declared before".to_owned())
    }
}

fn identifier(name: &str) -> Result<String, String> {
    // A keyword can be a name so.
    let name = name
        .strip_prefix("[\"")
        .and_then(|name| name.strip_suffix("\"]"))
        .unwrap_or(name);
    let is_one = !name.is_empty()
        && name
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if is_one {
        Ok(name.to_owned())
    } else {
        Err(format!("has no name: {name:?}"))
    }
}

/// A type that goes on in the next line would be read as something else.
fn balanced(text: &str) -> Result<(), String> {
    let count = |letter| text.matches(letter).count();
    if count('(') == count(')') && count('{') == count('}') && !text.ends_with(['|', '&', '=']) {
        Ok(())
    } else {
        Err("does not end".to_owned())
    }
}
