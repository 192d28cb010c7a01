//! `--access-log`: a line for each request of the script's servers, in the combined format that Apache and nginx made common.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::lines::{Lines, Sink};
use crate::observe::{Access, AccessLog};

/// Bytes of each text that a client chose, as far as they are written.
const LONGEST: usize = 2 << 10;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Writes the lines.
#[derive(Clone)]
pub(super) struct AccessLines(Lines);

impl AccessLines {
    /// Adds to the file; `-` is standard error.
    pub(super) fn open(path: &Path) -> io::Result<AccessLines> {
        Ok(AccessLines(Lines::start("access log", Sink::open(path)?)?))
    }

    /// Waits until all is written, for a while.
    pub(super) fn finish(&self) {
        self.0.finish();
    }
}

impl AccessLog for AccessLines {
    fn record(&self, access: &Access<'_>) -> io::Result<()> {
        match self.0.push(line(access).as_bytes()) {
            true => Ok(()),
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// `peer - - [time] "METHOD target HTTP/1.1" status bytes "referer" "user agent"`.
fn line(access: &Access<'_>) -> String {
    let request = match &access.line {
        // What a browser's address bar has no room for is enough to see what it was.
        Some(line) => format!(
            "{} {} {}",
            neutral(line.method.as_bytes()),
            neutral(line.target.as_bytes()),
            line.version
        ),
        None => "-".to_owned(),
    };
    let field = |field: Option<&[u8]>| field.map_or_else(|| "-".to_owned(), neutral);
    format!(
        "{} - - [{}] \"{request}\" {} {} \"{}\" \"{}\"\n",
        access.peer,
        date(access.time),
        access.status,
        access.sent,
        field(access.referer),
        field(access.user_agent),
    )
}

/// As Apache and nginx write what a client chose: quotes and backslashes behind a backslash, and each byte that is not
/// printable ASCII as `\xHH`, so that it can neither end its field or its line, nor speak to a terminal.
fn neutral(text: &[u8]) -> String {
    let mut shown = String::with_capacity(text.len());
    for byte in text.iter().take(LONGEST) {
        match byte {
            b'"' | b'\\' => shown.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => shown.push(char::from(*byte)),
            other => shown.push_str(&format!("\\x{other:02X}")),
        }
    }
    shown
}

/// `10/Oct/2000:13:55:36 +0000`.
fn date(time: SystemTime) -> String {
    // 2000-10-10T13:55:36Z
    let iso = humantime::format_rfc3339_seconds(time).to_string();
    let part = |range: std::ops::Range<usize>| iso.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok();
    let month = month.and_then(|number| MONTHS.get(number.checked_sub(1)?));
    let (day, year, clock) = (part(8..10), part(0..4), part(11..19));
    format!("{day}/{}/{year}:{clock} +0000", month.unwrap_or(&"-"))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::observe::RequestLine;

    fn access() -> Access<'static> {
        Access {
            time: UNIX_EPOCH + Duration::from_secs(971_186_136),
            peer: Ipv4Addr::LOCALHOST.into(),
            line: Some(RequestLine {
                method: "GET",
                target: "/a?b=c",
                version: "HTTP/1.1",
            }),
            status: 200,
            received: 0,
            sent: 2326,
            referer: None,
            user_agent: Some(b"curl/8.5.0"),
            script: Duration::ZERO,
            total: Duration::ZERO,
        }
    }

    #[test]
    fn the_combined_format() {
        assert_eq!(
            line(&access()),
            "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"GET /a?b=c HTTP/1.1\" 200 2326 \"-\" \"curl/8.5.0\"\n"
        );
        let unread = Access {
            line: None,
            status: 408,
            sent: 0,
            user_agent: None,
            ..access()
        };
        assert_eq!(
            line(&unread),
            "127.0.0.1 - - [10/Oct/2000:13:55:36 +0000] \"-\" 408 0 \"-\" \"-\"\n"
        );
    }

    #[test]
    fn nothing_that_a_client_says_leaves_its_field() {
        let hostile = Access {
            referer: Some(b"\" 200 1 \"\\"),
            user_agent: Some(b"\x1b[31m\r\n\xff\xc3\xa9\x7f"),
            ..access()
        };
        assert_eq!(
            line(&hostile).split_once(" 2326 ").map(|(_, rest)| rest),
            Some("\"\\\" 200 1 \\\"\\\\\" \"\\x1B[31m\\x0D\\x0A\\xFF\\xC3\\xA9\\x7F\"\n")
        );
        let long = vec![b'x'; 1 << 20];
        let endless = Access {
            user_agent: Some(&long),
            ..access()
        };
        assert!(line(&endless).len() < 3000);
    }

    #[test]
    fn months_have_names() {
        // 1 March 2024, a leap year.
        assert_eq!(
            date(UNIX_EPOCH + Duration::from_secs(1_709_251_199)),
            "29/Feb/2024:23:59:59 +0000"
        );
    }
}
