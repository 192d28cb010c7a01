//! Response content that the script makes while it is sent.

use bytes::Bytes;
use http_body_util::Channel;
use http_body_util::channel::Sender;

use super::super::body::PIECE;
use super::super::error::Error;

/// Pieces that wait for the client; the next one waits until there is room.
const QUEUE: usize = 1;

/// Takes the pieces of one response's content. Dropped before it is finished, it breaks the response off, so that the
/// client sees that something is missing.
pub(crate) struct OutgoingBody(Option<Sender<Bytes, Error>>);

impl OutgoingBody {
    pub(super) fn new() -> (OutgoingBody, Channel<Bytes, Error>) {
        let (sender, content) = Channel::new(QUEUE);
        (OutgoingBody(Some(sender)), content)
    }

    /// Sends a piece, in parts of at most 1 MiB; waits while the client is slow.
    ///
    /// Cancel safety: some of the piece may have been sent.
    pub(crate) async fn write(&mut self, mut piece: Bytes) -> Result<(), Error> {
        let Some(sender) = &mut self.0 else {
            return Err(Error::ConnectionClosed);
        };
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(PIECE));
            // The other half goes with the connection.
            sender
                .send_data(part)
                .await
                .map_err(|_| Error::ConnectionClosed)?;
        }
        Ok(())
    }

    /// The content is whole.
    pub(crate) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            sender.abort(Error::ConnectionClosed);
        }
    }
}
