//! Where a session's lines come from: the meeting point of the guest, which asks for lines, and of `cli`, which has a person
//! or a pipe to get them from.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Notify, mpsc, oneshot};

/// What was typed.
#[derive(Debug)]
pub(crate) enum Input {
    /// A line, without its line feed.
    Line(Vec<u8>),
    /// What was typed so far is given up.
    Abandoned,
    /// There is no more.
    End,
}

/// A line that is asked for.
pub(crate) struct Asked {
    /// Whether it goes on with the one before.
    pub(crate) continues: bool,
    /// Where it goes.
    pub(crate) answer: oneshot::Sender<Input>,
}

/// The guest's end. Clones are the same.
#[derive(Clone)]
pub(crate) struct Terminal(Arc<State>);

struct State {
    asking: mpsc::Sender<Asked>,
    was_asked: AtomicBool,
    is_interrupted: AtomicBool,
    interrupt: Notify,
}

impl Terminal {
    /// A terminal, and what is asked of it, one line at a time.
    pub(crate) fn new() -> (Terminal, mpsc::Receiver<Asked>) {
        let (asking, asked) = mpsc::channel(1);
        let state = State {
            asking,
            was_asked: AtomicBool::new(false),
            is_interrupted: AtomicBool::new(false),
            interrupt: Notify::new(),
        };
        (Terminal(Arc::new(state)), asked)
    }

    /// The next line; the end where nobody answers any more. An interruption that nobody heard is over then.
    ///
    /// Cancel safety: a line is lost.
    pub(crate) async fn read_line(&self, continues: bool) -> Input {
        self.0.was_asked.store(true, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        // Where nobody listens the answer's end is dropped, and it is the end.
        drop(self.0.asking.send(Asked { continues, answer }).await);
        let input = answered.await.unwrap_or(Input::End);
        self.take_interrupt();
        input
    }

    /// Whether a line was asked for since this was asked last.
    pub(crate) fn was_asked(&self) -> bool {
        self.0.was_asked.swap(false, Ordering::Relaxed)
    }

    /// Asks to stop what runs. Whether the last such wish is still unheard.
    pub(crate) fn interrupt(&self) -> bool {
        let was_unheard = self.0.is_interrupted.swap(true, Ordering::Relaxed);
        self.0.interrupt.notify_waiters();
        was_unheard
    }

    /// Hears the wish, where there is one.
    pub(crate) fn take_interrupt(&self) -> bool {
        self.0.is_interrupted.swap(false, Ordering::Relaxed)
    }

    /// Waits for the wish, and hears it.
    ///
    /// Cancel safety: nothing is lost.
    pub(crate) async fn interrupted(&self) {
        loop {
            // First, as the wish may come between the two.
            let notified = self.0.interrupt.notified();
            if self.take_interrupt() {
                return;
            }
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_is_asked_for_and_answered() {
        let (terminal, mut asked) = Terminal::new();
        let reading = tokio::spawn({
            let terminal = terminal.clone();
            async move { terminal.read_line(true).await }
        });
        let ask = asked.recv().await.expect("a question");
        assert!(ask.continues);
        assert!(!terminal.interrupt());
        drop(ask.answer.send(Input::Line(b"1 + 1".to_vec())));
        assert!(matches!(reading.await, Ok(Input::Line(text)) if text == b"1 + 1"));
        // It was meant for what ran before.
        assert!(!terminal.take_interrupt());
        drop(asked);
        assert!(matches!(terminal.read_line(false).await, Input::End));
    }

    #[tokio::test]
    async fn an_interruption_is_heard_once() {
        let (terminal, _asked) = Terminal::new();
        assert!(!terminal.interrupt());
        assert!(terminal.interrupt(), "the first is unheard");
        terminal.interrupted().await;
        assert!(!terminal.interrupt());
        assert!(terminal.take_interrupt());
        assert!(!terminal.take_interrupt());
    }
}
