//! What becomes of one request: the script's response, or a short text of the component's own.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Poll, Waker};

use wasip2::http::types::{self as http, OutgoingResponse, ResponseOutparam};

use super::types::Header;
use super::{body, fields};

/// What a script's failure tells its client: nothing.
const SERVER_ERROR: &str = "An error occurred on the server";

/// What becomes of a request.
pub(super) struct Answer {
    /// The way back, until a head is sent.
    out: RefCell<Option<ResponseOutparam>>,
    /// What the client gets where the script gives no answer.
    refusal: RefCell<(u16, String)>,
    /// The content of a whole response, to be sent.
    content: RefCell<Option<(http::OutgoingBody, Vec<u8>)>>,
    /// Nothing more is sent.
    is_finished: Cell<bool>,
    /// Whom to tell of content.
    waiting: RefCell<Option<Waker>>,
    /// Until when the script must have begun to answer.
    pub(super) deadline: Cell<Option<u64>>,
}

impl Answer {
    /// A request whose client waits at `out`.
    pub(super) fn new(out: ResponseOutparam) -> Self {
        Self {
            out: RefCell::new(Some(out)),
            refusal: RefCell::new((500, SERVER_ERROR.to_owned())),
            content: RefCell::default(),
            is_finished: Cell::new(false),
            waiting: RefCell::default(),
            deadline: Cell::new(None),
        }
    }

    /// Whether nothing more is sent.
    pub(super) fn is_finished(&self) -> bool {
        self.is_finished.get()
    }

    /// Nothing more is sent.
    pub(super) fn finish(&self) {
        self.is_finished.set(true);
    }

    /// The request has more content than it may have.
    pub(super) fn is_too_large(&self, most: u64) {
        *self.refusal.borrow_mut() = (413, format!("the content has more than {most} bytes"));
    }

    /// The script gives no answer.
    pub(super) fn give_up(&self) {
        let (status, text) = self.refusal.borrow().clone();
        self.refuse(status, &text);
    }

    /// Answers with this, unless there is an answer already.
    pub(super) fn refuse(&self, status: u16, text: &str) {
        if let Some(out) = self.out.take() {
            refuse(out, status, text);
            self.finish();
        }
    }

    /// Sends the head. None where the client has its answer already.
    pub(super) fn start(
        &self,
        status: u16,
        headers: &[Header],
        length: Option<usize>,
    ) -> Result<Option<http::OutgoingBody>, String> {
        let response = OutgoingResponse::new(fields::of_response(headers, length)?);
        response
            .set_status_code(status)
            .map_err(|()| format!("the host does not take the status {status}"))?;
        let content = response
            .body()
            .map_err(|()| "the host takes no content".to_owned())?;
        let Some(out) = self.out.take() else {
            return Ok(None);
        };
        self.deadline.set(None);
        ResponseOutparam::set(out, Ok(response));
        Ok(Some(content))
    }

    /// Has the content of a whole response sent.
    pub(super) fn give_content(&self, content: http::OutgoingBody, bytes: Vec<u8>) {
        *self.content.borrow_mut() = Some((content, bytes));
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }

    /// Sends the content of a whole response, once there is one.
    pub(super) async fn send_content(&self) {
        let (content, bytes) = poll_fn(|context| match self.content.take() {
            Some(content) => Poll::Ready(content),
            None => {
                *self.waiting.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await;
        // Where it fails the client has gone.
        let _ = body::send(content, &bytes).await;
        self.finish();
    }
}

/// Answers with a short text of the component's own.
pub(super) fn refuse(out: ResponseOutparam, status: u16, text: &str) {
    let headers = [Header {
        name: "content-type".to_owned(),
        value: b"text/plain".to_vec(),
    }];
    let Ok(fields) = fields::of_response(&headers, Some(text.len())) else {
        return;
    };
    let response = OutgoingResponse::new(fields);
    let content = response.set_status_code(status).and_then(|()| response.body());
    ResponseOutparam::set(out, Ok(response));
    let Ok(content) = content else { return };
    if let Ok(stream) = content.write() {
        // Where it fails the client has gone.
        let _ = stream.blocking_write_and_flush(text.as_bytes());
    }
    let _ = http::OutgoingBody::finish(content, None);
}
