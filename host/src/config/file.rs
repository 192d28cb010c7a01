//! `atoll.toml`: the same as the flags, in a file. It is read only where `--config` names it: one that lies beside a
//! script is the script's author's, and must grant nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What the file says.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// `[package]`: for `atoll build` alone.
    #[serde(default)]
    pub(crate) package: Package,
    /// `[permissions]`
    #[serde(default)]
    pub(crate) permissions: PermissionTable,
    /// `[limits]`: names and values as `--limit` takes them, and `timeout`.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, LimitValue>,
}

/// `[package]`: what an app is called.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Package {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
}

/// `[permissions]`, named as the flags are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct PermissionTable {
    pub(crate) allow_net: Grant,
    pub(crate) deny_net: Vec<String>,
    pub(crate) allow_listen: Grant,
    pub(crate) deny_listen: Vec<String>,
    pub(crate) allow_env: Grant,
    pub(crate) allow_all: bool,
}

/// `true`, as the bare flag, or a list of rules.
#[derive(Debug, Default)]
pub(crate) enum Grant {
    #[default]
    Nothing,
    Bare,
    Rules(Vec<String>),
}

/// A number, or text such as `256m`.
#[derive(Debug)]
pub(crate) struct LimitValue(pub(crate) String);

/// Why a file can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// It can't be read.
    #[error("cannot read the config {}: {cause}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It is not TOML, or says what no config says.
    #[error("{}:{line}:{column}: {message}", .path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Reads the file.
pub(crate) fn read(path: &Path) -> Result<File, FileError> {
    let text = std::fs::read_to_string(path).map_err(|cause| FileError::Read {
        path: path.to_owned(),
        cause,
    })?;
    parse(path, &text)
}

/// What the text of the file `path` says.
pub(crate) fn parse(path: &Path, text: &str) -> Result<File, FileError> {
    toml::from_str(text).map_err(|error| {
        let before = &text[..error
            .span()
            .map_or(0, |span| text.floor_char_boundary(span.start))];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        FileError::Content {
            path: path.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: error.message().to_owned(),
        }
    })
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Grant, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Grant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` or an array of rules")
            }

            fn visit_bool<E>(self, bare: bool) -> Result<Grant, E> {
                Ok(if bare { Grant::Bare } else { Grant::Nothing })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Grant, A::Error> {
                let mut rules = Vec::new();
                while let Some(rule) = items.next_element()? {
                    rules.push(rule);
                }
                Ok(Grant::Rules(rules))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for LimitValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<LimitValue, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(LimitValue(text)),
            toml::Value::Integer(number) => Ok(LimitValue(number.to_string())),
            toml::Value::Float(number) => Ok(LimitValue(number.to_string())),
            other => Err(D::Error::custom(format!(
                "a limit is a number or a text such as \"256m\", not {}",
                other.type_str()
            ))),
        }
    }
}
