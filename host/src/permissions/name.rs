//! Host names in the one form in which they are compared.
//!
//! Rules and targets both come through here. Refused: what is no name in the DNS sense, and what a URL
//! parser would read as a number, so a name is never an address in disguise.

use std::fmt;
use std::ops::Deref;

/// A host name: lower case, IDNA-encoded (UTS 46), without a trailing dot; letters, digits, `-`, `_`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Name(String);

/// Why a text is no host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is left of it.
    #[error("it has no host name; write one such as api.example.com")]
    Empty,
    /// IDNA has no encoding for it, or it has a character that names don't have.
    #[error("a host name has letters, digits, - and _ between its dots; write it that way")]
    Character,
    /// RFC 1035, section 2.3.4.
    #[error("each part of a host name has 1 to 63 characters and all of it at most 253; shorten it")]
    Length,
    /// A URL parser would take it for an IPv4 address.
    #[error("a host name doesn't end in a number; write four decimal numbers for an IPv4 address")]
    Number,
}

impl Name {
    /// Brings a text into the form of a name.
    ///
    /// # Errors
    /// Says which rule of names the text breaks.
    pub(crate) fn parse(text: &str) -> Result<Name, NameError> {
        let ascii = idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::URL)
            .map_err(|_| NameError::Character)?;
        let name = ascii.strip_suffix('.').unwrap_or(&ascii);
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(NameError::Length);
        }
        if !name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
        {
            return Err(NameError::Character);
        }
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(NameError::Number);
        }
        Ok(Name(name.to_owned()))
    }

    /// Whether it means this machine: `localhost` and what is below it (RFC 6761, section 6.3).
    pub(crate) fn is_localhost(&self) -> bool {
        self.0 == "localhost" || self.0.ends_with(".localhost")
    }

    /// Whether it is below `apex`, at any depth, and not `apex` itself.
    pub(super) fn is_under(&self, apex: &Name) -> bool {
        self.0
            .strip_suffix(&apex.0)
            .is_some_and(|front| front.ends_with('.'))
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the URL standard's IPv4 parser takes for a number, in a name's last part.
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(hex) => hex.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => label.bytes().all(|byte| byte.is_ascii_digit()),
    }
}
