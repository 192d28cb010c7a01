//! What `content-encoding` says (RFC 9110, section 8.4).

/// What `accept-encoding` says.
pub(crate) const ACCEPTED: &str = "gzip, br, zstd";

/// Bytes decoded at once.
pub(crate) const CHUNK: usize = 32 << 10;

/// Encodings one over the other that are taken off; nobody sends more.
const LAYERS: usize = 3;

/// One encoding that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// The encodings that these values of the field name, in the order in which they were applied; `None` where one of them is not
/// known.
pub(crate) fn codings<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<Coding>> {
    let mut found = Vec::new();
    for value in values {
        for name in std::str::from_utf8(value).ok()?.split(',') {
            match name.trim().to_ascii_lowercase().as_str() {
                "gzip" | "x-gzip" => found.push(Coding::Gzip),
                "br" => found.push(Coding::Brotli),
                "zstd" => found.push(Coding::Zstd),
                "" | "identity" => {}
                _ => return None,
            }
        }
    }
    Some(found).filter(|found| found.len() <= LAYERS)
}

#[cfg(test)]
mod tests {
    use super::{Coding, codings};

    #[test]
    fn what_content_encoding_says() {
        use Coding::{Brotli, Gzip, Zstd};
        let cases: [(&[&str], Option<Vec<Coding>>); 9] = [
            (&[], Some(vec![])),
            (&["gzip"], Some(vec![Gzip])),
            (&["X-GZIP"], Some(vec![Gzip])),
            (&["identity"], Some(vec![])),
            (&["br, zstd"], Some(vec![Brotli, Zstd])),
            (&["gzip", "br"], Some(vec![Gzip, Brotli])),
            (&["gzip, unheard-of"], None),
            (&["gzip, gzip, gzip, gzip"], None),
            (&["gzip\u{e9}"], None),
        ];
        for (values, expected) in cases {
            let values = values.iter().map(|value| value.as_bytes());
            assert_eq!(codings(values), expected);
        }
    }
}
