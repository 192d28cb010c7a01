//! What the definition files `guest/types/*.d.luau` declare, by name. Called by `types`; the reader is the one that makes the pages of
//! the documentation, so that a line which it would pass over is a failure here too.

use std::collections::{BTreeMap, BTreeSet};

use xtask::definitions::{self, Item, Kind};

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

impl Definitions {
    /// Adds what one file declares.
    ///
    /// # Errors
    ///
    /// The first line that is not understood, with its number; a name that another file has declared.
    pub(crate) fn read(&mut self, text: &str) -> Result<(), String> {
        let read = definitions::read(text).map_err(|misread| misread.to_string())?;
        read.items.into_iter().try_for_each(|item| self.add(item))
    }

    fn add(&mut self, item: Item) -> Result<(), String> {
        let mut fields: Fields = item
            .fields
            .into_iter()
            .map(|field| (field.name, field.meaning))
            .collect();
        let name = item.name;
        let is_new = match item.kind {
            Kind::Table => self.types.insert(name.clone(), fields).is_none(),
            Kind::Extern { parent } => {
                fields.extend(
                    parent
                        .and_then(|parent| self.types.get(&parent).cloned())
                        .unwrap_or_default(),
                );
                self.types.insert(name.clone(), fields).is_none()
            }
            Kind::Alias => self.aliases.insert(name.clone()),
            Kind::Library => self.libraries.insert(name.clone(), fields).is_none(),
            Kind::Function => self.functions.insert(name.clone()),
            Kind::Value { meaning } => self.values.insert(name.clone(), meaning).is_none(),
        };
        if is_new {
            Ok(())
        } else {
            Err(format!("declares {name} once more"))
        }
    }
}
