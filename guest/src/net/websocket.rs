//! WebSocket connections of a script, on both ends: events in, messages out.
//!
//! Called by `net::reply` for an upgraded request and by `net.websocket`. The events of a connection are handed to the
//! prelude one after the other: while a handler waits, the next ones queue here, and then on the host, which stops
//! reading from the peer. What scripts hold is a userdata whose methods are the prelude's.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{AnyUserData, Function, IntoLua, Lua, UserData, UserDataFields, Value};

use crate::bindings::types::Body;
use crate::bindings::websocket::{Event, Farewell, Kind, Socket};
use crate::net::intake::Intake;
use crate::net::websocket_options::Hooks;
use crate::scheduler::Scheduler;

/// Events that one crossing from the host brings at most.
const BATCH: u32 = 32;

/// Events that wait here before no more are fetched.
const INBOX: usize = 64;

/// Bytes of messages that wait here before no more are fetched.
const INBOX_BYTES: usize = 1 << 20;

/// The named registry value with the metamethods of all sockets.
pub(super) const METATABLE: &str = "atoll websocket";

/// What all connections of one script share.
pub(crate) struct Site {
    /// The virtual machine.
    pub(crate) lua: Lua,
    /// Runs the operations.
    pub(crate) scheduler: Scheduler,
    /// Collects messages that come in pieces.
    pub(crate) intake: Rc<Intake>,
    /// The prelude's `deliver(websocket, is_server)`: handles events until none is left that can be.
    pub(crate) deliver: RefCell<Option<Function>>,
    /// What the prelude calls events and kinds.
    pub(crate) words: Words,
}

/// Strings that go along with every event, made once.
pub(crate) struct Words {
    open: LuaString,
    message: LuaString,
    close: LuaString,
    text: LuaString,
    binary: LuaString,
}

impl Words {
    /// Makes them.
    ///
    /// # Errors
    ///
    /// When the Luau heap is full.
    pub(crate) fn new(lua: &Lua) -> mlua::Result<Self> {
        Ok(Self {
            open: lua.create_string("open")?,
            message: lua.create_string("message")?,
            close: lua.create_string("close")?,
            text: lua.create_string("text")?,
            binary: lua.create_string("binary")?,
        })
    }
}

/// What the prelude gets of an event: the function and its arguments after the socket, between them what it is called.
pub(super) type Handed = (Option<Function>, Value, Value, Value);

/// Bytes that a message takes in the Luau heap, besides its content.
const OVERHEAD: usize = 64;

/// Whose events they are.
pub(crate) enum Owner {
    /// A server: all connections have the same handlers, and an event without one is dropped.
    Server(Rc<Hooks>),
    /// A client binds its functions later, so messages wait for theirs.
    Client(RefCell<Hooks>),
}

/// One end of a connection.
pub(crate) struct Connection {
    site: Rc<Site>,
    owner: Owner,
    max_message_size: u64,
    /// The host's side; given back with the last event, so that the answers to those before it still get out.
    socket: RefCell<Option<Rc<Socket>>>,
    /// The protocol that was agreed on.
    pub(super) protocol: Option<String>,
    inbox: RefCell<VecDeque<Delivery>>,
    inbox_bytes: Cell<usize>,
    /// Neither end has begun to close.
    connected: Cell<bool>,
    /// The script has begun to close it.
    hanging_up: Cell<bool>,
    /// A fetch is under way.
    receiving: Cell<bool>,
    /// The last event is here.
    ended: Cell<bool>,
    /// The prelude handles events.
    busy: Cell<bool>,
    /// What the script holds: kept while events may come, so that it is the same value every time.
    handle: RefCell<Option<AnyUserData>>,
}

/// What a script holds of a connection.
pub(super) struct SocketRef(pub(super) Rc<Connection>);

impl UserData for SocketRef {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        for name in ["__index", "__newindex", "__tostring", "__type"] {
            fields.add_meta_field_with(name, move |lua| {
                let metatable: mlua::Table = lua.named_registry_value(METATABLE)?;
                metatable.raw_get::<Value>(name)
            });
        }
    }
}

/// An event on its way to the script.
enum Delivery {
    Open,
    Message(Kind, Vec<u8>),
    Closed(Farewell),
}

impl Connection {
    /// Takes over a connection and returns what the script gets of it. `open` is its first event, on the next turn.
    ///
    /// # Errors
    ///
    /// When the Luau heap is full.
    pub(crate) fn start(
        site: &Rc<Site>,
        socket: Socket,
        owner: Owner,
        max_message_size: u64,
    ) -> mlua::Result<AnyUserData> {
        let connection = Rc::new(Self {
            site: site.clone(),
            owner,
            max_message_size,
            protocol: socket.protocol(),
            socket: RefCell::new(Some(Rc::new(socket))),
            inbox: RefCell::new(VecDeque::from([Delivery::Open])),
            inbox_bytes: Cell::new(0),
            connected: Cell::new(true),
            hanging_up: Cell::new(false),
            receiving: Cell::new(false),
            ended: Cell::new(false),
            busy: Cell::new(false),
            handle: RefCell::new(None),
        });
        let handle = site.lua.create_userdata(SocketRef(connection.clone()))?;
        *connection.handle.borrow_mut() = Some(handle.clone());
        let turn = connection.clone();
        site.scheduler.enqueue(move || {
            turn.receive();
            turn.dispatch();
        });
        Ok(handle)
    }

    /// Whether messages can be sent.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.get()
    }

    /// Whether the script has begun to close it.
    pub(super) fn is_hanging_up(&self) -> bool {
        self.hanging_up.get()
    }

    /// The host's side, while there is one.
    pub(super) fn socket(&self) -> Option<Rc<Socket>> {
        self.socket.borrow().clone()
    }

    /// The script closes it: nothing more is sent, and what arrives is dropped by the host.
    pub(super) fn hang_up(self: &Rc<Self>) {
        self.connected.set(false);
        self.hanging_up.set(true);
        self.receive();
    }

    /// Binds a client's function in place of the last one, and hands over what has waited for it.
    pub(super) fn bind(self: &Rc<Self>, handle: AnyUserData, set: impl FnOnce(&mut Hooks)) -> bool {
        let Owner::Client(hooks) = &self.owner else {
            return false;
        };
        set(&mut hooks.borrow_mut());
        if !self.busy.get() && self.has_next() {
            *self.handle.borrow_mut() = Some(handle);
            let turn = self.clone();
            self.site.scheduler.enqueue(move || turn.dispatch());
        }
        true
    }

    /// Fetches the next events, unless enough of them wait.
    fn receive(self: &Rc<Self>) {
        let has_room = self.inbox.borrow().len() < INBOX && self.inbox_bytes.get() < INBOX_BYTES;
        if self.receiving.get() || self.ended.get() || !(has_room || self.hanging_up.get()) {
            return;
        }
        let Some(socket) = self.socket() else { return };
        self.receiving.set(true);
        let fetching = self.clone();
        let connection = self.clone();
        self.site
            .scheduler
            .start(async move { fetching.fetch(socket).await }, move |events| {
                connection.arrived(events)
            });
    }

    async fn fetch(&self, socket: Rc<Socket>) -> Vec<Delivery> {
        let events = socket.receive(BATCH).await;
        let mut deliveries = Vec::with_capacity(events.len());
        for event in events {
            deliveries.push(match event {
                Event::Closed(farewell) => Delivery::Closed(farewell),
                Event::Message(message) => {
                    let content = match message.content {
                        Body::Whole(content) => Ok(content),
                        pieces => self.site.intake.read(pieces, None, self.max_message_size).await,
                    };
                    match content {
                        Ok(content) => Delivery::Message(message.kind, content),
                        // Not a message may be lost in silence: the connection ends here.
                        Err(shortfall) => {
                            deliveries.push(Delivery::Closed(Farewell {
                                code: 1009,
                                reason: shortfall.words(),
                            }));
                            return deliveries;
                        }
                    }
                }
            });
        }
        if deliveries.is_empty() {
            // Only after the last event, which nobody asks behind.
            deliveries.push(Delivery::Closed(Farewell {
                code: 1006,
                reason: String::new(),
            }));
        }
        deliveries
    }

    fn arrived(self: &Rc<Self>, deliveries: Vec<Delivery>) {
        self.receiving.set(false);
        for delivery in deliveries {
            match &delivery {
                Delivery::Message(_, content) => self.inbox_bytes.set(self.inbox_bytes.get() + content.len()),
                Delivery::Closed(_) => {
                    self.connected.set(false);
                    self.ended.set(true);
                }
                Delivery::Open => {}
            }
            self.inbox.borrow_mut().push_back(delivery);
        }
        self.receive();
        self.dispatch();
    }

    /// Has the prelude handle what is here.
    fn dispatch(&self) {
        if self.busy.get() {
            return;
        }
        if self.has_next() {
            let handle = self.handle.borrow().clone();
            let deliver = self.site.deliver.borrow().clone();
            if let (Some(handle), Some(deliver)) = (handle, deliver) {
                self.busy.set(true);
                self.site
                    .scheduler
                    .expect_no_error(deliver.call::<()>((handle, self.is_server())));
            }
        } else {
            self.rest();
        }
    }

    /// Nothing can be handled now. Where nothing more can come either, only the script keeps the rest.
    fn rest(&self) {
        self.busy.set(false);
        if self.ended.get() {
            *self.handle.borrow_mut() = None;
            if let None | Some(Delivery::Closed(_)) = self.inbox.borrow().front() {
                *self.socket.borrow_mut() = None;
            }
        }
    }

    /// Whether the first event can be handled: it has a function, or is dropped for want of one.
    fn has_next(&self) -> bool {
        match self.inbox.borrow().front() {
            None => false,
            Some(Delivery::Open) => true,
            Some(other) => match &self.owner {
                Owner::Server(_) => true,
                Owner::Client(hooks) => other.function(&hooks.borrow()).is_some(),
            },
        }
    }

    /// The next event that has a function: the function and its arguments after the socket; nothing where none is left.
    ///
    /// # Errors
    ///
    /// When the Luau heap is full.
    pub(super) fn next(self: &Rc<Self>) -> mlua::Result<Handed> {
        let lua = &self.site.lua;
        while self.has_next() {
            let Some(delivery) = self.inbox.borrow_mut().pop_front() else {
                break;
            };
            let function = match &self.owner {
                Owner::Server(hooks) => delivery.function(hooks),
                Owner::Client(hooks) => delivery.function(&hooks.borrow()),
            };
            match &delivery {
                Delivery::Message(_, content) => self.inbox_bytes.set(self.inbox_bytes.get() - content.len()),
                Delivery::Closed(_) => *self.socket.borrow_mut() = None,
                Delivery::Open => {}
            }
            self.receive();
            let Some(function) = function else { continue };
            let words = &self.site.words;
            let word = |word: &LuaString| Value::String(word.clone());
            let (event, first, second) = match delivery {
                Delivery::Open => (word(&words.open), Value::Nil, Value::Nil),
                Delivery::Message(kind, content) => {
                    let kind = match kind {
                        Kind::Text => &words.text,
                        Kind::Binary => &words.binary,
                    };
                    let make = || lua.create_string(&content);
                    let content = self
                        .site
                        .scheduler
                        .with_room(lua, content.len() + OVERHEAD, make)?;
                    (word(&words.message), Value::String(content), word(kind))
                }
                Delivery::Closed(farewell) => (
                    word(&words.close),
                    farewell.code.into_lua(lua)?,
                    farewell.reason.into_lua(lua)?,
                ),
            };
            return Ok((Some(function), event, first, second));
        }
        self.rest();
        Ok((None, Value::Nil, Value::Nil, Value::Nil))
    }

    /// Whether handlers get the socket as their first argument.
    pub(super) fn is_server(&self) -> bool {
        matches!(self.owner, Owner::Server(_))
    }
}

impl Delivery {
    fn function(&self, hooks: &Hooks) -> Option<Function> {
        match self {
            Self::Open => &hooks.open,
            Self::Message(..) => &hooks.message,
            Self::Closed(_) => &hooks.close,
        }
        .clone()
    }
}
