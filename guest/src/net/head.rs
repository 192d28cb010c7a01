//! The start of a message as it crosses: the strings that `wit/http-server.wit` and `wit/http-client.wit` pack into one.
//!
//! `net::serve`, `net::request` and `net::handler` look into it for what Rust needs; `prelude/net.luau` makes the script's table of it.

use std::borrow::Cow;

use crate::net::target::{Pairs, path, query, raw_path};

/// Method, target, peer, and a name and a value for each header field, each behind its length (four bytes,
/// little-endian).
pub(crate) struct Head(Vec<u8>);

impl Head {
    /// What the host packed.
    pub(crate) fn new(packed: Vec<u8>) -> Self {
        Self(packed)
    }

    /// Packs the strings.
    #[cfg(any(test, feature = "wasi-http"))]
    pub(crate) fn pack<'a>(strings: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut packed = Vec::new();
        for string in strings {
            let length = u32::try_from(string.len()).unwrap_or(u32::MAX);
            packed.extend_from_slice(&length.to_le_bytes());
            packed.extend_from_slice(string);
        }
        Self(packed)
    }

    /// As it crosses.
    #[cfg(feature = "wasi-http")]
    pub(crate) fn into_packed(self) -> Vec<u8> {
        self.0
    }

    /// As it came.
    pub(crate) fn packed(&self) -> &[u8] {
        &self.0
    }

    /// What reports call its handler.
    pub(crate) fn origin(&self) -> String {
        let method = self.strings().next().unwrap_or_default();
        let method = String::from_utf8_lossy(method);
        format!("request handler for {method} {}", raw_path(&self.target()))
    }

    /// The decoded path, where it is not the target itself.
    pub(crate) fn path(&self) -> Option<Vec<u8>> {
        let target = self.target();
        let is_plain = target.starts_with('/') && !target.contains(['?', '%']);
        (!is_plain).then(|| path(&target).into_owned())
    }

    /// The names and values of its query, decoded.
    pub(crate) fn query(&self) -> Pairs {
        query(&self.target())
    }

    /// The length that it states for the content, where it does.
    pub(crate) fn stated_length(&self) -> Option<u64> {
        stated_length(self.strings().skip(3))
    }

    fn target(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.strings().nth(1).unwrap_or_default())
    }

    fn strings(&self) -> impl Iterator<Item = &[u8]> {
        strings(&self.0)
    }
}

/// What was packed.
pub(crate) fn strings(packed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        let (length, others) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (string, others) = others.split_at_checked(length)?;
        rest = others;
        Some(string)
    })
}

/// The length that the fields, names and values in turn, state for the content, where they do.
pub(crate) fn stated_length<'a>(mut fields: impl Iterator<Item = &'a [u8]>) -> Option<u64> {
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        if name == b"content-length" {
            return std::str::from_utf8(value).ok()?.trim().parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Head;

    fn head(strings: &[&str]) -> Head {
        Head::pack(strings.iter().map(|string| string.as_bytes()))
    }

    #[test]
    fn what_rust_needs_of_it() {
        let plain = head(&["GET", "/a", "127.0.0.1", "host", "x"]);
        assert_eq!(plain.origin(), "request handler for GET /a");
        assert_eq!(plain.path(), None);
        assert!(plain.query().is_empty());
        assert_eq!(plain.stated_length(), None);

        let post = head(&[
            "POST",
            "/a%20b?c=d",
            "::1",
            "x",
            "content-length",
            "content-length",
            " 17 ",
        ]);
        assert_eq!(post.origin(), "request handler for POST /a%20b");
        assert_eq!(post.path(), Some(b"/a b".to_vec()));
        assert_eq!(post.query(), [(b"c".to_vec(), b"d".to_vec())]);
        assert_eq!(post.stated_length(), Some(17));

        for target in ["http://host/x", "*"] {
            assert!(head(&["GET", target, ""]).path().is_some(), "{target}");
        }
    }

    #[test]
    fn a_head_that_is_cut_short() {
        let whole = head(&["GET", "/a?b=c", "::1", "a", "b"]);
        for length in 0..whole.packed().len() {
            let cut = Head::new(whole.packed()[..length].to_vec());
            cut.origin();
            cut.path();
            cut.query();
            assert_eq!(cut.stated_length(), None);
        }
    }
}
