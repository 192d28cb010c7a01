//! HTTP/1.1 over a bare socket, so that a test decides over each byte that it sends and sees each byte
//! that it gets. Called by the dialogues, the coded tests and the stress tests.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use libtest_mimic::Failed;

/// Nothing on the loopback takes this long; a test that waits so long has failed.
const READ_LIMIT: Duration = Duration::from_secs(40);

/// One connection to a server.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Received and not yet used.
    buffer: Vec<u8>,
}

/// A response, or what a peer got as a request: the first line and the fields, then the content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// `HTTP/1.1 200 OK`, or `GET / HTTP/1.1`.
    pub(crate) start: String,
    /// As they came; names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// Without the chunks' framing.
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The first field of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The status code of a response.
    pub(crate) fn status(&self) -> u16 {
        self.start
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0)
    }

    /// The content as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<Message, Failed> {
    let mut connection = Connection::open(address)?;
    connection.send(format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    ))?;
    connection.response()
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: SocketAddr) -> Result<Self, Failed> {
        let stream =
            TcpStream::connect(address).map_err(|error| format!("cannot connect to {address}: {error}"))?;
        Ok(Self::over(stream)?)
    }

    /// Takes over a connection that was accepted.
    pub(crate) fn over(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_read_timeout(Some(READ_LIMIT))?;
        stream.set_write_timeout(Some(READ_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// A second handle, to write while another thread reads.
    pub(crate) fn writer(&self) -> Result<TcpStream, Failed> {
        Ok(self.stream.try_clone()?)
    }

    /// The socket, and what was received and not yet used: for a connection that speaks something else from here.
    pub(crate) fn into_parts(self) -> (TcpStream, Vec<u8>) {
        (self.stream, self.buffer)
    }

    /// Sends the bytes.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), Failed> {
        self.stream
            .write_all(bytes.as_ref())
            .map_err(|error| format!("cannot send: {error}").into())
    }

    /// Says that nothing more will be sent.
    pub(crate) fn half_close(&self) -> Result<(), Failed> {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) -> Result<(), Failed> {
        Ok(socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?)
    }

    /// Reads the response to any request but HEAD.
    pub(crate) fn response(&mut self) -> Result<Message, Failed> {
        self.message(true)?
            .ok_or_else(|| "the server closed without a response".into())
    }

    /// Reads the response to HEAD.
    pub(crate) fn response_head(&mut self) -> Result<Message, Failed> {
        self.head()?
            .ok_or_else(|| "the server closed without a response".into())
    }

    /// Reads a whole message; `None` where the peer closed instead.
    ///
    /// A message without a length has content up to the close where `until_close` says so.
    pub(crate) fn message(&mut self, until_close: bool) -> Result<Option<Message>, Failed> {
        let Some(mut message) = self.head()? else {
            return Ok(None);
        };
        let bodiless = matches!(message.status(), 100..=199 | 204 | 304);
        if message
            .header("transfer-encoding")
            .is_some_and(|value| value.ends_with("chunked"))
        {
            message.body = self.chunks()?;
        } else if let Some(length) = message.header("content-length") {
            let length = length.parse().map_err(|_| format!("content-length: {length}"))?;
            message.body = if bodiless {
                Vec::new()
            } else {
                self.exactly(length)?
            };
        } else if until_close && !bodiless {
            message.body = self.rest()?;
        }
        Ok(Some(message))
    }

    /// Reads up to the peer's close.
    pub(crate) fn rest(&mut self) -> Result<Vec<u8>, Failed> {
        while self.fill()? {}
        Ok(std::mem::take(&mut self.buffer))
    }

    /// Fails unless the peer closes without another byte.
    pub(crate) fn expect_close(&mut self) -> Result<(), Failed> {
        let rest = self.rest()?;
        if rest.is_empty() {
            return Ok(());
        }
        Err(format!("expected the close, got {:?}", String::from_utf8_lossy(&rest)).into())
    }

    fn head(&mut self) -> Result<Option<Message>, Failed> {
        let Some(start) = self.line()? else {
            return Ok(None);
        };
        let mut headers = Vec::new();
        loop {
            let line = self.line()?.ok_or("the peer closed within a head")?;
            if line.is_empty() {
                return Ok(Some(Message {
                    start,
                    headers,
                    body: Vec::new(),
                }));
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| format!("no field: {line:?}"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, Failed> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk()?;
            if chunk.is_empty() {
                return Ok(body);
            }
            body.extend(chunk);
        }
    }

    /// Reads one chunk, after a head; the last is empty.
    pub(crate) fn chunk(&mut self) -> Result<Vec<u8>, Failed> {
        let line = self.line()?.ok_or("the peer closed within chunks")?;
        let digits = line.split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(digits.trim(), 16).map_err(|_| format!("chunk size {line:?}"))?;
        let chunk = self.exactly(size)?;
        let end = self.line()?.ok_or("the peer closed within chunks")?;
        if end.is_empty() {
            Ok(chunk)
        } else {
            Err(format!("expected a chunk's end, got {end:?}").into())
        }
    }

    fn line(&mut self) -> Result<Option<String>, Failed> {
        loop {
            if let Some(at) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.buffer.drain(..at + 2).take(at).collect::<Vec<u8>>();
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if !self.fill()? {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(format!("cut short: {:?}", String::from_utf8_lossy(&self.buffer)).into());
            }
        }
    }

    fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Failed> {
        while self.buffer.len() < count {
            if !self.fill()? {
                return Err(format!("content cut short: {} of {count} bytes", self.buffer.len()).into());
            }
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Reads what is there; says whether there was anything before the end.
    fn fill(&mut self) -> Result<bool, Failed> {
        let mut piece = [0; 64 * 1024];
        match self.stream.read(&mut piece) {
            Ok(count) => {
                self.buffer.extend_from_slice(&piece[..count]);
                Ok(count > 0)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err("no answer in time".into())
            }
            Err(error) => Err(format!("cannot read: {error}").into()),
        }
    }
}
