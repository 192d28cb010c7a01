//! Request targets and URLs: paths and queries in, queries out. Pure.
//!
//! The host parses and judges URLs; what happens here is only what a script's convenience asks for.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// Names and values of a query, decoded: any bytes.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The percent-decoded path of a request-target (RFC 9112, section 3.2), in any of its four forms.
pub(crate) fn path(target: &str) -> Cow<'_, [u8]> {
    percent_decode(raw_path(target).as_bytes()).into()
}

/// The names and values of a request-target's query, decoded, in order of appearance.
pub(crate) fn query(target: &str) -> Pairs {
    halves(target).1.map(pairs).unwrap_or_default()
}

/// The path of a target as received, without its query and, in the absolute form, without the origin.
pub(crate) fn raw_path(target: &str) -> &str {
    halves(target).0
}

fn halves(target: &str) -> (&str, Option<&str>) {
    let (before, query) = match target.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (target, None),
    };
    match scheme_length(before) {
        Some(length) => {
            let rest = &before[length..];
            (rest.find('/').map_or("/", |start| &rest[start..]), query)
        }
        None => (before, query),
    }
}

fn pairs(query: &str) -> Pairs {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (form_decode(name), form_decode(value))
        })
        .collect()
}

fn form_decode(text: &str) -> Vec<u8> {
    percent_decode(text.replace('+', " ").as_bytes()).collect()
}

/// The URL with `scheme://` in front where it names none.
pub(crate) fn with_scheme(scheme: &str, url: &str) -> String {
    match scheme_length(url) {
        Some(_) => url.to_owned(),
        None => format!("{scheme}://{url}"),
    }
}

/// The length of `scheme://` (RFC 3986, section 3.1) at the start.
fn scheme_length(url: &str) -> Option<usize> {
    let end = url.find("://")?;
    let scheme = &url.as_bytes()[..end];
    let starts = scheme.first().is_some_and(u8::is_ascii_alphabetic);
    let goes_on = scheme
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    (starts && goes_on).then_some(end + 3)
}

/// The URL with these names and values, encoded as a form, at the end of its query.
pub(crate) fn with_query(url: &str, query: &[(Vec<u8>, Vec<u8>)]) -> String {
    if query.is_empty() {
        return url.to_owned();
    }
    let (base, fragment) = match url.find('#') {
        Some(start) => url.split_at(start),
        None => (url, ""),
    };
    let mut result = base.to_owned();
    match base.find('?') {
        None => result.push('?'),
        // Behind nothing, or behind a separator; a `?` within the query is neither.
        Some(start) if start + 1 == base.len() || base.ends_with('&') => {}
        Some(_) => result.push('&'),
    }
    for (index, (name, value)) in query.iter().enumerate() {
        if index > 0 {
            result.push('&');
        }
        result.extend(form_urlencoded::byte_serialize(name));
        result.push('=');
        result.extend(form_urlencoded::byte_serialize(value));
    }
    result.push_str(fragment);
    result
}

#[cfg(test)]
mod tests {
    use super::{Pairs, path, query, raw_path, with_query, with_scheme};

    fn pair(name: &str, value: &str) -> (Vec<u8>, Vec<u8>) {
        (name.into(), value.into())
    }

    #[test]
    fn paths() {
        let table: [(&str, &str, &[u8]); 8] = [
            ("/a/b?c=d", "/a/b", b"/a/b"),
            ("/a%20b%00", "/a%20b%00", b"/a b\0"),
            ("/100%", "/100%", b"/100%"),
            ("/%ff", "/%ff", b"/\xff"),
            ("http://host:80/x/y?q", "/x/y", b"/x/y"),
            ("http://host", "/", b"/"),
            ("/go?to=http://host/x", "/go", b"/go"),
            ("*", "*", b"*"),
        ];
        for (target, raw, decoded) in table {
            assert_eq!(raw_path(target), raw, "{target}");
            assert_eq!(path(target), decoded, "{target}");
        }
    }

    #[test]
    fn queries() {
        let table: [(&str, Pairs); 6] = [
            ("/", vec![]),
            ("/?", vec![]),
            ("/?a=1&b=2", vec![pair("a", "1"), pair("b", "2")]),
            ("/?a=1&a=2", vec![pair("a", "1"), pair("a", "2")]),
            ("/?a+b=c%2Bd%26", vec![pair("a b", "c+d&")]),
            ("/?flag&&x==", vec![pair("flag", ""), pair("x", "=")]),
        ];
        for (target, expected) in table {
            assert_eq!(query(target), expected, "{target}");
        }
    }

    #[test]
    fn schemes() {
        let table = [
            ("localhost:80/x", "http://localhost:80/x"),
            ("https://a", "https://a"),
            ("a/?u=http://b", "http://a/?u=http://b"),
            ("", "http://"),
        ];
        for (url, expected) in table {
            assert_eq!(with_scheme("http", url), expected);
        }
    }

    #[test]
    fn added_queries() {
        let table = [
            ("http://a/", "http://a/?k+1=v%26"),
            ("http://a/?", "http://a/?k+1=v%26"),
            ("http://a/?b=c", "http://a/?b=c&k+1=v%26"),
            ("http://a/?b?", "http://a/?b?&k+1=v%26"),
            ("http://a/#f?", "http://a/?k+1=v%26#f?"),
        ];
        for (url, expected) in table {
            assert_eq!(with_query(url, &[pair("k 1", "v&")]), expected);
        }
        assert_eq!(with_query("http://a/?", &[]), "http://a/?");
    }
}
