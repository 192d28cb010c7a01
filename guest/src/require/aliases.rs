//! `.luaurc`: the aliases that it defines. Pure.
//!
//! The file is JSON with comments and trailing commas (Luau RFC "Configure analysis via .luaurc"). All of it but `aliases` is
//! for other tools, and is not looked at.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jsonc_parser::{JsonValue, ParseOptions, parse_to_value};

use super::path::LONGEST;

/// Bytes of an alias's name.
const LONGEST_NAME: usize = 64;

/// What aliases stand for, by their names in small letters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aliases(BTreeMap<String, String>);

impl Aliases {
    /// What the alias stands for.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names that there are.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Reads the content of a `.luaurc`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, after `:line:column` where that is known.
    pub(super) fn parse(content: &[u8]) -> Result<Aliases, String> {
        let text = str::from_utf8(content).map_err(|_| ": it is not UTF-8".to_owned())?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let options = ParseOptions {
            allow_missing_commas: false,
            allow_loose_object_property_names: false,
            ..ParseOptions::default()
        };
        let value = parse_to_value(text, &options).map_err(|error| {
            let (line, column) = (error.line_display(), error.column_display());
            format!(":{line}:{column}: {}", error.kind())
        })?;
        let mut object = match value {
            // An empty file.
            None => return Ok(Aliases::default()),
            Some(JsonValue::Object(object)) => object,
            Some(_) => {
                return Err(
                    ": it must be an object, as in { \"aliases\": { \"lib\": \"./lib\" } }".to_owned(),
                );
            }
        };
        let given = match object.take("aliases") {
            None => return Ok(Aliases::default()),
            // In an order, so that the same file has the same error each time.
            Some(JsonValue::Object(given)) => given.take_inner().into_iter().collect::<BTreeMap<_, _>>(),
            Some(_) => return Err(": \"aliases\" must be an object of names and paths".to_owned()),
        };
        let mut aliases = BTreeMap::new();
        for (name, value) in given {
            if !is_name(&name) {
                let name: String = name.chars().take(LONGEST_NAME).collect();
                return Err(format!(
                    ": {name:?} is no name of an alias: up to {LONGEST_NAME} letters, digits, - . and _ make one"
                ));
            }
            let JsonValue::String(value) = value else {
                return Err(format!(": the alias {name:?} must be a string, a path"));
            };
            if value.len() > LONGEST || value.contains(char::is_control) {
                return Err(format!(
                    ": the alias {name:?} is too long or has control characters: at most {LONGEST} bytes of text"
                ));
            }
            let name = name.to_ascii_lowercase();
            if aliases.insert(name.clone(), Cow::into_owned(value)).is_some() {
                return Err(format!(
                    ": the alias {name:?} is there twice; capitals make no difference"
                ));
            }
        }
        Ok(Aliases(aliases))
    }
}

/// Whether this can be an alias.
pub(super) fn is_name(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    !matches!(name, "" | "." | "..") && name.len() <= LONGEST_NAME && name.chars().all(is_letter)
}

#[cfg(test)]
mod tests {
    use super::Aliases;

    #[test]
    fn aliases_of_a_file() {
        let table: [(&str, &[(&str, &str)]); 8] = [
            ("", &[]),
            ("// nothing\n", &[]),
            ("{}", &[]),
            ("{ \"languageMode\": \"strict\", \"lint\": { \"*\": true } }", &[]),
            ("{ \"aliases\": { \"Lib\": \"./lib\" } }", &[("lib", "./lib")]),
            (
                "{ // one\n\"aliases\": { /* two */ 'a-b.c_1': \"../x\", \"d\": \"@lib/x\", }, }",
                &[("a-b.c_1", "../x"), ("d", "@lib/x")],
            ),
            (
                "\u{feff}{ \"aliases\": { \"lib\": \"a\\u002fb\" } }",
                &[("lib", "a/b")],
            ),
            (
                "{ \"aliases\": { \"lib\": \"~/of/another/tool\" } }",
                &[("lib", "~/of/another/tool")],
            ),
        ];
        for (text, expected) in table {
            let aliases = Aliases::parse(text.as_bytes()).expect(text);
            let found: Vec<_> = aliases
                .0
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_file() {
        let table: [(&[u8], &str); 11] = [
            (b"[]", ": it must be an object"),
            (b"{", ":1:2: "),
            (
                b"{ \"aliases\": { \"lib\": \"./lib\" }\n \"lint\": {} }",
                ":1:32: ",
            ),
            (b"{ \"aliases\": [] }", ": \"aliases\" must be an object"),
            (
                b"{ \"aliases\": { \"lib\": 1 } }",
                ": the alias \"lib\" must be a string",
            ),
            (b"{ \"aliases\": { \"\": \"./lib\" } }", ": \"\" is no name"),
            (b"{ \"aliases\": { \"a/b\": \"./lib\" } }", ": \"a/b\" is no name"),
            (b"{ \"aliases\": { \"..\": \"./lib\" } }", ": \"..\" is no name"),
            (
                b"{ \"aliases\": { \"a\": \"./1\", \"A\": \"./2\" } }",
                ": the alias \"a\" is there twice",
            ),
            (b"\xff", ": it is not UTF-8"),
            (b"local x", ":1:1: "),
        ];
        for (text, expected) in table {
            let problem = Aliases::parse(text).expect_err("a problem");
            assert!(problem.starts_with(expected), "{problem}");
        }
        let deep = "[".repeat(100_000);
        assert!(Aliases::parse(deep.as_bytes()).is_err());
    }
}
