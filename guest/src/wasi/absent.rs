//! What other hosts than Atoll's do not have.

/// The end of the program, where the script chooses it.
pub(crate) mod process {
    use super::super::console::{self, Output};

    /// Ends the instance at once; the host answers what is under way with an error.
    pub(crate) fn exit(code: u8) {
        let word = format!("error: the script ended itself with exit code {code}");
        console::write_line(Output::Err, word.as_bytes());
        std::process::abort();
    }
}

/// Nobody types.
pub(crate) mod terminal {
    /// What comes of a question for a line.
    #[allow(dead_code, reason = "there is no terminal")]
    pub(crate) enum Input {
        /// A line.
        Line(Vec<u8>),
        /// It was given up.
        Abandoned,
        /// There is no more.
        End,
    }

    /// There is no line.
    pub(crate) async fn read_line(_continues: bool) -> Input {
        Input::End
    }

    /// Nobody interrupts.
    pub(crate) async fn interrupted() {
        std::future::pending::<()>().await;
    }

    /// Nobody has.
    pub(crate) fn take_interrupt() -> bool {
        false
    }
}

/// Nobody runs tests.
pub(crate) mod test {
    /// What becomes of a test.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Fate {
        /// It runs.
        Run,
        /// It is left out.
        Skip,
        /// It is yet to be written.
        Todo,
    }

    /// A test.
    #[allow(dead_code, reason = "nobody reads them")]
    pub(crate) struct TestCase {
        /// Its name behind those of its groups.
        pub(crate) names: Vec<String>,
        /// What becomes of it.
        pub(crate) fate: Fate,
    }

    /// Which tests run.
    pub(crate) struct Schedule {
        /// For each, whether it does.
        pub(crate) chosen: Vec<bool>,
        /// Nanoseconds that each may take.
        pub(crate) time_limit: u64,
    }

    /// None runs.
    pub(crate) fn plan(tests: &[TestCase]) -> Schedule {
        Schedule {
            chosen: vec![false; tests.len()],
            time_limit: 0,
        }
    }

    /// The run is given up.
    pub(crate) fn begin(_test: u32) -> bool {
        false
    }

    /// Nothing was under way.
    pub(crate) fn end() {}
}

/// `wasi:http` 0.2 has no WebSockets.
pub(crate) mod websocket {
    use super::super::types::{Body, ErrorCode, Header};

    /// Why there is none.
    pub(crate) const NO_WEBSOCKETS: &str = "a component of the target wasi-http has no WebSockets";

    /// What a message is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[allow(dead_code, reason = "no message arrives")]
    pub(crate) enum Kind {
        /// UTF-8.
        Text,
        /// Any bytes.
        Binary,
    }

    /// A message that arrived.
    pub(crate) struct Message {
        /// What it is.
        pub(crate) kind: Kind,
        /// Its content.
        pub(crate) content: Body,
    }

    /// How a connection ends.
    pub(crate) struct Farewell {
        /// A status code.
        pub(crate) code: u16,
        /// The reason.
        pub(crate) reason: String,
    }

    /// What happens on a connection.
    #[allow(dead_code, reason = "nothing does")]
    pub(crate) enum Event {
        /// A message.
        Message(Message),
        /// The last one.
        Closed(Farewell),
    }

    /// A connection that is wanted.
    #[allow(dead_code, reason = "nobody reads it")]
    pub(crate) struct Request {
        /// Where to.
        pub(crate) url: String,
        /// What may be spoken.
        pub(crate) protocols: Vec<String>,
        /// Further fields.
        pub(crate) headers: Vec<Header>,
        /// Nanoseconds for connecting.
        pub(crate) timeout: u64,
        /// Bytes that a message may have.
        pub(crate) max_message_size: u64,
        /// PEM.
        pub(crate) authorities: Option<String>,
    }

    /// One end of a connection; there is none.
    pub(crate) enum Socket {}

    impl Socket {
        /// What was agreed on.
        pub(crate) fn protocol(&self) -> Option<String> {
            match *self {}
        }

        /// The next events.
        pub(crate) async fn receive(&self, _max: u32) -> Vec<Event> {
            match *self {}
        }

        /// Queues a message.
        pub(crate) fn send(&self, _kind: Kind, _content: &[u8]) -> Result<bool, ErrorCode> {
            match *self {}
        }

        /// Queues a ping.
        pub(crate) fn ping(&self, _payload: &[u8]) -> Result<bool, ErrorCode> {
            match *self {}
        }

        /// Waits for room.
        pub(crate) async fn writable(&self) {
            match *self {}
        }

        /// Says goodbye.
        pub(crate) async fn close(&self, _farewell: Farewell) {
            match *self {}
        }
    }

    /// Connects nowhere.
    pub(crate) async fn connect(_request: Request) -> Result<Socket, ErrorCode> {
        Err(ErrorCode::NotSupported(NO_WEBSOCKETS.to_owned()))
    }
}

/// Nobody embeds it.
pub(crate) mod functions {
    /// Functions under one global name.
    pub(crate) struct Namespace {
        /// That name.
        pub(crate) name: String,
        /// Theirs.
        pub(crate) functions: Vec<String>,
    }

    /// A value, or the beginning of a table.
    pub(crate) enum Value {
        /// Nothing.
        Nil,
        /// True or false.
        Boolean(bool),
        /// A number.
        Number(f64),
        /// Any bytes.
        Text(Vec<u8>),
        /// A buffer's.
        Buffer(Vec<u8>),
        /// So many values follow.
        Array(u32),
        /// So many pairs follow.
        Record(u32),
    }

    /// Why a call has no result.
    #[allow(dead_code, reason = "none is called")]
    pub(crate) enum Failure {
        /// The arguments are wrong.
        Arguments(String),
        /// The function says so.
        Failed(String),
        /// A limit of the host's.
        LimitExceeded(String),
    }

    /// None.
    pub(crate) fn registered() -> Vec<Namespace> {
        Vec::new()
    }

    /// There is none to call.
    pub(crate) async fn call(_function: u32, _arguments: Vec<Value>) -> Result<Vec<Value>, Failure> {
        Err(Failure::Failed("there is no such function".to_owned()))
    }
}
