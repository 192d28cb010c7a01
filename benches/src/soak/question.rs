//! Requests, and what answers them.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::{Request, Response};

use super::dice::Dice;

/// What can go wrong with an answer.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// What `/large` repeats.
pub(super) const PATTERN: &[u8] = b"0123456789abcdef";

/// A request, and the content that answers it.
pub(super) struct Question {
    method: &'static str,
    path: String,
    content: Bytes,
    expected: Bytes,
}

impl Question {
    fn get(path: String, expected: impl Into<Bytes>) -> Question {
        Question {
            method: "GET",
            path,
            content: Bytes::new(),
            expected: expected.into(),
        }
    }

    fn echo(content: Bytes) -> Question {
        Question {
            method: "POST",
            path: "/echo".to_owned(),
            content: content.clone(),
            expected: content,
        }
    }

    pub(super) fn large(size: usize) -> Question {
        let size = size / PATTERN.len() * PATTERN.len();
        Question::get(
            format!("/large?size={size}"),
            PATTERN.repeat(size / PATTERN.len()),
        )
    }

    pub(super) fn stream(pieces: u8, size: usize) -> Question {
        let content: Vec<u8> = (1..=pieces)
            .flat_map(|number| vec![97 + number % 26; size])
            .collect();
        Question::get(format!("/stream?pieces={pieces}&size={size}"), content)
    }

    pub(super) fn any(dice: &mut Dice) -> Question {
        match dice.below(10) {
            0..=2 => Question::echo(noise(dice, 100_000)),
            3 => Question::echo(noise(dice, 900_000)),
            4 => Question::large(dice.size(4 << 20)),
            5 => Question::stream(u8::try_from(1 + dice.below(40)).unwrap_or(1), dice.size(30_000)),
            6 => Question::get(format!("/wait?seconds=0.{:03}", dice.below(200)), "waited"),
            _ => {
                let calls = [
                    "request",
                    "stream",
                    "give_up",
                    "cancel",
                    "timeout",
                    "socket",
                    "socket&drop=1",
                ];
                let (call, tls) = (dice.one(&calls), dice.one(&["", "&tls=1"]));
                Question::get(
                    format!("/call?size={}&what={call}{tls}", dice.size(600_000)),
                    "ok",
                )
            }
        }
    }

    pub(super) fn request(&self, origin: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        Request::builder()
            .method(self.method)
            .uri(format!("{origin}{}", self.path))
            .header("host", "soak")
            .body(Full::new(self.content.clone()))
    }

    /// Reads the answer, pausing before each part.
    pub(super) async fn check(&self, response: Response<Incoming>, pause: Duration) -> Result<(), Failure> {
        let status = response.status();
        let mut body = response.into_body();
        let mut content = Vec::new();
        while let Some(frame) = body.frame().await.transpose()? {
            content.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        if status == 200 && content == self.expected {
            return Ok(());
        }
        let start = String::from_utf8_lossy(&content[..content.len().min(300)]);
        Err(format!("{}: {status}, {} bytes: {start}", self.path, content.len()).into())
    }
}

/// Bytes that are hard to mistake for others.
pub(super) fn noise(dice: &mut Dice, end: u64) -> Bytes {
    let (size, start) = (dice.size(end), dice.below(251));
    (0..size)
        .map(|index| ((start as usize + index * 7 + index / 251) % 256) as u8)
        .collect()
}
