//! Adds values to a file of settings (JSON with comments: `.luaurc`, VS Code's `settings.json`). Called by `project`.
//! What stands there stays: values, order, comments, indentation.

use std::fmt;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};

/// A text that a file of settings should have in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    /// The names that lead there, from the outermost object on.
    pub(super) path: &'static [&'static str],
    /// The text.
    pub(super) value: &'static str,
}

/// `"aliases": { "atoll": "./.atoll" }`
impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": ", self.path.join("\": { \""))?;
        write!(f, "\"{}\"{}", self.value, " }".repeat(self.path.len() - 1))
    }
}

/// What became of the wishes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Merged {
    /// The whole file, where something was added.
    pub(super) text: Option<String>,
    /// What could not be added, and why.
    pub(super) refused: Vec<(Wish, String)>,
}

/// Adds the wishes to the text.
pub(super) fn merge(text: &str, wishes: &[Wish]) -> Merged {
    let whole = |why: String| Merged {
        text: None,
        refused: wishes.iter().map(|wish| (*wish, why.clone())).collect(),
    };
    // The parser takes more than the readers of these files do; what only it understands would stay broken.
    let root = match CstRootNode::parse(text, &ParseOptions::default()) {
        Ok(root) => root,
        Err(error) => return whole(format!("it is not JSON ({error})")),
    };
    let is_new = root.value().is_none();
    let Some(settings) = root.object_value_or_create() else {
        return whole("it holds no object".to_owned());
    };
    let mut added = false;
    let mut refused = Vec::new();
    for wish in wishes {
        match add(&settings, wish.path, wish.value) {
            Ok(was_missing) => added |= was_missing,
            Err(why) => refused.push((*wish, why)),
        }
    }
    let text = added.then(|| {
        let text = root.to_string();
        match is_new {
            true => format!("{}\n", text.trim_end()),
            false => text,
        }
    });
    Merged { text, refused }
}

/// Adds one value; whether it was missing. Fails with the reason.
fn add(within: &CstObject, path: &[&str], value: &str) -> Result<bool, String> {
    let Some((name, rest)) = path.split_first() else {
        return Ok(false);
    };
    let Some(property) = within.get(name) else {
        let nested = rest
            .iter()
            .rev()
            .fold(CstInputValue::from(value), |inner, outer| {
                CstInputValue::Object(vec![((*outer).to_owned(), inner)])
            });
        within.ensure_multiline();
        within.append(name, nested);
        return Ok(true);
    };
    if rest.is_empty() {
        let found = property.value().and_then(|value| value.as_string_lit());
        return match found.and_then(|text| text.decoded_value().ok()) {
            Some(text) if text == value => Ok(false),
            _ => Err(format!("{name:?} has another value")),
        };
    }
    match property.object_value() {
        Some(object) => add(&object, rest, value),
        None => Err(format!("{name:?} is not an object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISHES: [Wish; 2] = [
        Wish {
            path: &["mode"],
            value: "strict",
        },
        Wish {
            path: &["aliases", "atoll"],
            value: "./.atoll",
        },
    ];

    fn added(text: &str) -> String {
        let merged = merge(text, &WISHES);
        assert_eq!(merged.refused, [], "{text}");
        let result = merged.text.expect(text);
        assert_eq!(merge(&result, &WISHES).text, None, "twice: {result}");
        result
    }

    #[test]
    fn a_new_file() {
        let whole = "{\n  \"mode\": \"strict\",\n  \"aliases\": {\n    \"atoll\": \"./.atoll\"\n  }\n}\n";
        assert_eq!(added(""), whole);
        assert_eq!(added("{}"), whole.trim_end());
    }

    #[test]
    fn what_stands_there_stays() {
        let text = "// mine\n{\n\t\"aliases\": {\n\t\t\"lib\": \"./lib\", // theirs\n\t},\n}\n";
        let result = added(text);
        for kept in [
            "// mine",
            "\t\t\"lib\": \"./lib\", // theirs",
            "\n\t\"mode\": \"strict\",",
        ] {
            assert!(result.contains(kept), "{result}");
        }
        let text = "{ \"mode\": \"strict\" }";
        assert!(added(text).contains("\"mode\": \"strict\","));
    }

    #[test]
    fn what_can_not_be_added_is_said() {
        let whys = |text: &str| -> Vec<String> {
            let merged = merge(text, &WISHES);
            merged.refused.into_iter().map(|(_, why)| why).collect()
        };
        assert_eq!(whys("{\"mode\": \"nonstrict\"}"), ["\"mode\" has another value"]);
        assert_eq!(whys("{\"mode\": 1}"), ["\"mode\" has another value"]);
        assert_eq!(whys("{\"aliases\": []}"), ["\"aliases\" is not an object"]);
        assert_eq!(whys("[]"), ["it holds no object", "it holds no object"]);
        for broken in ["{", "{]", "mode = strict"] {
            let merged = merge(broken, &WISHES);
            assert_eq!((merged.text, merged.refused.len()), (None, 2), "{broken}");
        }
        let half = merge("{\"mode\": \"nonstrict\"}", &WISHES);
        assert!(
            half.text
                .is_some_and(|text| text.contains("./.atoll") && text.contains("nonstrict"))
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        for text in ["[".repeat(500_000), "{\"a\":".repeat(150_000)] {
            assert_eq!(merge(&text, &WISHES).refused.len(), 2);
        }
        let closed = format!("{}{}", "[".repeat(250_000), "]".repeat(250_000));
        assert_eq!(merge(&closed, &WISHES).text, None);
    }

    #[test]
    fn a_wish_as_text() {
        assert_eq!(WISHES[0].to_string(), "\"mode\": \"strict\"");
        assert_eq!(WISHES[1].to_string(), "\"aliases\": { \"atoll\": \"./.atoll\" }");
    }
}
