//! `net.serve`: listens, hands requests to the script's handler, and closes.
//!
//! Called by the prelude, which makes the `ServerHandle` that scripts see. One operation accepts requests in
//! batches; each request is a job of its own and runs its handler in a coroutine of its own. The next
//! batch is asked for when the jobs of the last one have run, so requests never pile up in the guest.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use mlua::{AnyUserData, Function, IntoLuaMulti, Lua, MultiValue, Table, UserData, UserDataRef, Value};

use crate::bindings::http_server::{Exchange, Incoming, Request, Server};
use crate::bindings::types::Body;
use crate::net::error;
use crate::net::handler::{Handlers, Work};
use crate::net::head::Head;
use crate::net::intake::{Intake, Shortfall};
use crate::net::reply::Upgrade;
use crate::net::serve_options::ServeOptions;
use crate::net::websocket;
use crate::problem::{Problem, handed_over};
use crate::scheduler::Scheduler;

/// Requests that one crossing from the host brings at most.
const BATCH: u32 = 64;

/// A listening server, as long as its accepting or its handle lives.
struct Listening {
    /// The host's side; none while the program's start is kept, and its host has it.
    server: RefCell<Option<Rc<Server>>>,
    /// How far its closing is.
    closing: Cell<Closing>,
    /// The waits for its end.
    closers: RefCell<Vec<Waker>>,
}

/// How far a server's closing is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closing {
    /// It accepts requests.
    Open,
    /// It has stopped accepting, and finishes the requests under way.
    Draining,
    /// It has ended.
    Closed,
}

/// The native side of a script's server handle.
struct ServerRef(Rc<Listening>);

impl UserData for ServerRef {}

/// What the requests of one server need.
struct Site {
    /// The virtual machine.
    lua: Lua,
    /// What it shares with other servers.
    shared: Shared,
    /// Where requests come from.
    listening: Rc<Listening>,
    /// Answers requests.
    handler: Function,
    /// Answers requests whose handler failed.
    recover: Option<Function>,
    /// Bytes of content that a request may have.
    max_body_size: u64,
    /// Decides about requests for WebSockets.
    check: Option<Function>,
    /// Makes WebSockets of them.
    upgrade: Option<Upgrade>,
}

/// What the servers of one script share.
#[derive(Clone)]
struct Shared {
    /// Runs the handlers.
    scheduler: Scheduler,
    /// Collects contents that come in pieces.
    intake: Rc<Intake>,
    /// The prelude's side of requests.
    handlers: Rc<Handlers>,
    /// The script's WebSockets.
    sockets: Rc<websocket::Site>,
    /// The servers themselves.
    servers: Rc<Servers>,
}

/// The servers of a program. One whose start is kept has them accept nothing before it goes on.
pub(crate) struct Servers {
    /// Whether they wait.
    is_held: Cell<bool>,
    /// Those that wait.
    held: RefCell<Vec<Rc<Site>>>,
}

impl Servers {
    /// None yet.
    pub(crate) fn new(holds: bool) -> Self {
        Self {
            is_held: Cell::new(holds),
            held: RefCell::default(),
        }
    }

    /// Gives the host those that are open, in order. Of the others nothing is left.
    #[cfg(not(feature = "wasi-http"))]
    pub(crate) fn give_up(&self) -> Vec<Server> {
        let mut given = Vec::new();
        self.held.borrow_mut().retain(|site| {
            let server = site.listening.server.take().and_then(Rc::into_inner);
            let open = server.filter(|_| site.listening.closing.get() == Closing::Open);
            let is_open = open.is_some();
            given.extend(open);
            is_open
        });
        given
    }

    /// Has those that were given up accept requests, now that the host has these in their places.
    #[cfg(not(feature = "wasi-http"))]
    pub(crate) fn go_on(&self, servers: Vec<Server>) {
        self.is_held.set(false);
        for (site, server) in self.held.take().into_iter().zip(servers) {
            *site.listening.server.borrow_mut() = Some(Rc::new(server));
            site.accept();
        }
    }

    fn add(&self, site: &Rc<Site>) {
        match self.is_held.get() {
            true => self.held.borrow_mut().push(site.clone()),
            false => site.accept(),
        }
    }
}

/// Adds the natives `serve`, `stopped` and `close`.
///
/// # Errors
///
/// When the Luau heap is full.
pub(crate) fn install(
    lua: &Lua,
    natives: &Table,
    intake: &Rc<Intake>,
    handlers: &Rc<Handlers>,
    sockets: &Rc<websocket::Site>,
    servers: &Rc<Servers>,
) -> mlua::Result<()> {
    let scheduler = sockets.scheduler.clone();
    let shared = Shared {
        scheduler: scheduler.clone(),
        intake: intake.clone(),
        handlers: handlers.clone(),
        sockets: sockets.clone(),
        servers: servers.clone(),
    };
    let serve = lua.create_function(move |lua, options: Value| {
        let options = match ServeOptions::read(&options) {
            Ok(options) => options,
            Err(Problem(text)) => return text.into_lua_multi(lua),
        };
        serve(lua, &shared, options)
    })?;
    natives.raw_set("serve", serve)?;

    let stopped =
        lua.create_function(|_, server: UserDataRef<ServerRef>| Ok(server.0.closing.get() != Closing::Open))?;
    natives.raw_set("stopped", stopped)?;

    let close = lua.create_function(move |lua, server: UserDataRef<ServerRef>| {
        handed_over(lua, close(lua, &scheduler, &server.0))
    })?;
    natives.raw_set("close", close)
}

/// Listens; returns nil, nil, the server, its port and its address, or nil and the failure.
fn serve(lua: &Lua, shared: &Shared, options: ServeOptions) -> mlua::Result<MultiValue> {
    let server = match Server::listen(&options.listen) {
        Ok(server) => server,
        Err(failure) => return (Value::Nil, error::words(&failure)).into_lua_multi(lua),
    };
    let (port, address) = (server.port(), server.address());
    let listening = Rc::new(Listening {
        server: RefCell::new(Some(Rc::new(server))),
        closing: Cell::new(Closing::Open),
        closers: RefCell::default(),
    });
    let handle: AnyUserData = lua.create_userdata(ServerRef(listening.clone()))?;
    let (check, upgrade) = match options.webhook {
        None => (None, None),
        Some(webhook) => {
            let upgrade = Upgrade {
                site: shared.sockets.clone(),
                hooks: Rc::new(webhook.hooks),
                protocols: webhook.protocols.into(),
                max_message_size: webhook.max_message_size,
            };
            (webhook.upgrade, Some(upgrade))
        }
    };
    let site = Rc::new(Site {
        lua: lua.clone(),
        shared: shared.clone(),
        listening,
        check,
        upgrade,
        handler: options.handler,
        recover: options.recover,
        max_body_size: options.listen.max_body_size,
    });
    shared.servers.add(&site);
    (Value::Nil, Value::Nil, handle, port, address).into_lua_multi(lua)
}

/// Closes the server and parks the running coroutine until it has ended. Closing is the server's own operation:
/// whoever gives up waiting for it does not stop it.
fn close(lua: &Lua, scheduler: &Scheduler, listening: &Rc<Listening>) -> Result<(), Problem> {
    let ending = listening.clone();
    scheduler.park(lua, async move { ending.ended().await }, |_, ()| {
        Ok(MultiValue::new())
    })?;
    if listening.closing.get() == Closing::Open {
        listening.closing.set(Closing::Draining);
        let listening = listening.clone();
        scheduler.start(
            async move {
                let server = listening.server.borrow().clone();
                if let Some(server) = server {
                    server.close().await;
                }
                listening.closing.set(Closing::Closed);
                for closer in listening.closers.take() {
                    closer.wake();
                }
            },
            |()| {},
        );
    }
    Ok(())
}

impl Listening {
    /// Waits until the server has ended.
    async fn ended(&self) {
        poll_fn(|context| {
            if self.closing.get() == Closing::Closed {
                return Poll::Ready(());
            }
            self.closers.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

impl Site {
    /// Waits for the next requests, until the server has been closed.
    fn accept(self: &Rc<Self>) {
        let Some(server) = self.listening.server.borrow().clone() else {
            return;
        };
        let site = self.clone();
        self.shared
            .scheduler
            .start(async move { server.accept(BATCH).await }, move |batch| {
                if batch.is_empty() {
                    return;
                }
                for Incoming { exchange, request } in batch {
                    site.take_in(exchange, request);
                }
                let again = site.clone();
                site.shared.scheduler.enqueue(move || again.accept());
            });
    }

    /// Queues a request's handler, once its content is there.
    fn take_in(self: &Rc<Self>, exchange: Exchange, request: Request) {
        let Request {
            head,
            body,
            is_upgrade,
        } = request;
        let head = Head::new(head);
        let site = self.clone();
        match body {
            Body::Whole(content) => {
                let work = Work { head, content };
                self.shared
                    .scheduler
                    .enqueue(move || site.handle(exchange, is_upgrade, work));
            }
            Body::Pieces(source) => {
                let (intake, most) = (self.shared.intake.clone(), self.max_body_size);
                let expected = head.stated_length();
                let reading = async move { intake.read(Body::Pieces(source), expected, most).await };
                let work = |content| Work { head, content };
                self.shared
                    .scheduler
                    .start(reading, move |content| match content {
                        Ok(content) => site.handle(exchange, is_upgrade, work(content)),
                        // The host has answered its client already, or has none any more.
                        Err(Shortfall::Broken(_)) => {}
                        Err(full @ Shortfall::NoMemory) => work(Vec::new()).give_up(exchange, &full.words()),
                    });
            }
        }
    }

    fn handle(&self, exchange: Exchange, is_upgrade: bool, work: Work) {
        let upgrade = self.upgrade.clone().filter(|_| is_upgrade);
        let handler = if is_upgrade {
            self.check.as_ref()
        } else {
            Some(&self.handler)
        };
        let recover = self.recover.as_ref();
        let outcome = self
            .shared
            .handlers
            .handle(&self.lua, handler, recover, upgrade, exchange, work);
        self.shared.scheduler.expect_no_error(outcome);
    }
}
