//! Response content that the script makes while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body_util::Channel;
use http_body_util::channel::Sender;
use hyper::body::{Body, Frame};

use super::super::body::PIECE;
use super::super::error::Error;

/// Pieces that wait for the client; the next one waits until there is room.
const QUEUE: usize = 1;

/// Takes the pieces of one response's content. Dropped before it is finished, it breaks the response off, so that the
/// client sees that something is missing.
pub(crate) struct OutgoingBody(Option<Sender<Bytes, Error>>);

impl OutgoingBody {
    pub(super) fn new() -> (OutgoingBody, Outgoing) {
        let (sender, pieces) = Channel::new(QUEUE);
        let content = Outgoing { pieces, broken: None };
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

/// The pieces on their way to the client. One that breaks off does so a turn after its last piece: hyper writes when there is nothing
/// to take, and drops what it has when there is an error.
pub(super) struct Outgoing {
    pieces: Channel<Bytes, Error>,
    broken: Option<Error>,
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match ready!(Pin::new(&mut self.pieces).poll_frame(context)) {
            Some(Err(error)) => {
                self.broken = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            other => Poll::Ready(other),
        }
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        if let Some(sender) = self.0.take() {
            sender.abort(Error::ConnectionClosed);
        }
    }
}
