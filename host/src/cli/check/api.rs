//! What calls take as options: the names in the types of the libraries (`guest/types`), which a test keeps in step with what
//! calls read. Called by `facts`.

use std::collections::BTreeMap;

/// The libraries' functions that take tables of options, and the names in these.
#[derive(Debug, Default)]
pub(super) struct Api {
    /// The fields of each record type, and the type of each field.
    records: BTreeMap<String, BTreeMap<String, String>>,
    /// Of each library its functions, and the text of their types.
    libraries: BTreeMap<String, BTreeMap<String, String>>,
}

impl Api {
    /// Reads definitions as they are written in `guest/types`: each type and each field on a line of its own.
    pub(super) fn of(definitions: &str) -> Api {
        let mut api = Api::default();
        let mut fields = None;
        for line in definitions.lines() {
            if let Some(head) = line
                .strip_suffix(" = {")
                .and_then(|head| head.strip_prefix("export type "))
            {
                fields = Some(api.records.entry(head.to_owned()).or_default());
            } else if let Some(head) = line
                .strip_suffix(": {")
                .and_then(|head| head.strip_prefix("declare "))
            {
                fields = Some(api.libraries.entry(head.to_owned()).or_default());
            } else if line == "}" {
                fields = None;
            } else if let (Some(fields), Some((name, kind))) = (&mut fields, field(line)) {
                fields.insert(name.to_owned(), kind.to_owned());
            }
        }
        api
    }

    /// The libraries that there are.
    pub(super) fn libraries(&self) -> impl Iterator<Item = &str> {
        self.libraries.keys().map(String::as_str)
    }

    /// The arguments of a function that are options: their places, from 0, and their types.
    pub(super) fn options<'a>(&'a self, library: &str, function: &str) -> Vec<(usize, &'a str)> {
        let kind = self
            .libraries
            .get(library)
            .and_then(|functions| functions.get(function));
        let parameters = kind.map(|kind| parameters(kind)).unwrap_or_default();
        let record = |kind: &'a str| alternatives(kind).find(|name| self.records.contains_key(*name));
        let options = parameters.into_iter().enumerate();
        options
            .filter_map(|(place, kind)| Some((place, record(kind)?)))
            .collect()
    }

    /// The names of a type's fields.
    pub(super) fn names(&self, record: &str) -> impl Iterator<Item = &str> {
        self.records
            .get(record)
            .into_iter()
            .flat_map(|fields| fields.keys().map(String::as_str))
    }

    /// The type of a field, where that is a record too; none where there is no such field at all.
    pub(super) fn field(&self, record: &str, name: &str) -> Option<Option<&str>> {
        let kind = self.records.get(record)?.get(name)?;
        Some(Some(kind.trim_end_matches('?')).filter(|kind| self.records.contains_key(*kind)))
    }
}

/// `\tname: type,`
fn field(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix('\t')?.strip_suffix(',')?;
    let (name, kind) = line.split_once(": ")?;
    let is_name = name
        .chars()
        .all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    is_name.then_some((name, kind))
}

/// The types of a function's parameters: of `(host: string, options: RequestOptions?) -> …` there are two.
fn parameters(kind: &str) -> Vec<&str> {
    let Some(open) = kind.find('(') else {
        return Vec::new();
    };
    let (mut depth, mut from, mut found) = (0_usize, open + 1, Vec::new());
    for (at, letter) in kind.char_indices().skip_while(|(at, _)| *at < open) {
        match letter {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 || depth == 1 && letter == ',' {
            found.push(kind[from..at].trim());
            from = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    let types = found
        .into_iter()
        .map(|parameter| parameter.split_once(": ").map_or(parameter, |(_, kind)| kind));
    types.filter(|kind| !kind.is_empty()).collect()
}

/// The types that a type may be: of `({ string } | WebSocketOptions)?` these two.
fn alternatives(kind: &str) -> impl Iterator<Item = &str> {
    let whole = kind.trim_end_matches('?');
    let inner = whole.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
    inner
        .unwrap_or(whole)
        .split('|')
        .map(|kind| kind.trim().trim_end_matches('?'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::types::DEFINITIONS;

    #[test]
    fn the_options_of_net() {
        let api = Api::of(DEFINITIONS);
        assert_eq!(api.options("net", "serve"), [(0, "ServeOptions")]);
        assert_eq!(api.options("net", "request"), [(1, "RequestOptions")]);
        assert_eq!(api.options("net", "websocket"), [(1, "WebSocketOptions")]);
        assert_eq!(api.options("net", "none"), []);
        assert_eq!(api.options("task", "wait"), []);
        assert!(api.libraries().any(|name| name == "task"));
        assert_eq!(api.field("ServeOptions", "port"), Some(None));
        assert_eq!(api.field("ServeOptions", "tls"), Some(Some("ServerTls")));
        assert_eq!(
            api.field("ServeOptions", "webhook"),
            Some(Some("ServerWebSocketHandlers"))
        );
        assert_eq!(api.field("RequestOptions", "tls"), Some(Some("ClientTls")));
        assert_eq!(api.field("ServeOptions", "prot"), None);
        assert_eq!(api.names("ServerTls").collect::<Vec<_>>(), ["cert", "key"]);
    }

    #[test]
    fn parameters_and_alternatives() {
        assert_eq!(parameters("() -> number"), [""; 0]);
        assert_eq!(
            parameters("(a: number, f: ((b: string, c: X) -> { y: Z })?) -> (boolean, Y)"),
            ["number", "((b: string, c: X) -> { y: Z })?"]
        );
        assert_eq!(parameters("<A...>(number, A...) -> ()"), ["number", "A..."]);
        assert_eq!(
            alternatives("({ string } | X?)?").collect::<Vec<_>>(),
            ["{ string }", "X"]
        );
        assert_eq!(alternatives("X").collect::<Vec<_>>(), ["X"]);
    }
}
