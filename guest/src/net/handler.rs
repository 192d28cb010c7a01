//! One request on its way to the script's handler: makes the `ServerRequest` table and starts the coroutine.
//!
//! Called by `net::serve`. The coroutine's body, which calls the handler and hands its result to `net::reply`, is
//! `handle_request` in the prelude.

use std::cell::OnceCell;

use mlua::{Function, Lua, Table};

use crate::bindings::http_server::Exchange;
use crate::bindings::types::Header;
use crate::net::header;
use crate::net::reply::Pending;
use crate::net::target::{Target, raw_path};
use crate::problem::message_of;

/// The prelude's way to run handlers.
#[derive(Default)]
pub(crate) struct Handlers {
    /// `handle_request(handler, recover, exchange, request)`; set once the prelude is loaded.
    driver: OnceCell<Function>,
}

/// A request that is there in full.
pub(crate) struct Work {
    /// The method, in its own case.
    pub(crate) method: String,
    /// The request-target as received.
    pub(crate) target: String,
    /// The header fields in the order of the wire.
    pub(crate) headers: Vec<Header>,
    /// The peer's IP address.
    pub(crate) peer: String,
    /// The content; empty where there is none.
    pub(crate) content: Vec<u8>,
}

impl Handlers {
    /// Hands over the prelude's function; called once, before any server exists.
    pub(crate) fn set_driver(&self, driver: Function) {
        // A second one would be the same function.
        let _ = self.driver.set(driver);
    }

    /// Runs the handler in a new coroutine until its first yield.
    ///
    /// # Errors
    ///
    /// When the Luau heap or stack is full; the exchange is answered all the same.
    pub(crate) fn handle(
        &self,
        lua: &Lua,
        handler: &Function,
        recover: Option<&Function>,
        exchange: Exchange,
        work: Work,
    ) -> mlua::Result<()> {
        let Some(driver) = self.driver.get() else {
            return Ok(());
        };
        let origin = work.origin();
        let pending = Pending::new(exchange, origin);
        match work.into_table(lua) {
            Ok(request) => driver.call((handler, recover, lua.create_userdata(pending)?, request)),
            Err(problem) => {
                pending.give_up(&message_of(&problem));
                Ok(())
            }
        }
    }
}

impl Work {
    /// Answers with the standard 500 and reports why, without running the handler.
    pub(crate) fn give_up(&self, exchange: Exchange, why: &str) {
        Pending::new(exchange, self.origin()).give_up(why);
    }

    fn origin(&self) -> String {
        format!("request handler for {} {}", self.method, raw_path(&self.target))
    }

    /// `ServerRequest = { method, path, query, headers, body, rawPath, address }`.
    fn into_table(self, lua: &Lua) -> mlua::Result<Table> {
        let Target { path, query: pairs } = Target::parse(&self.target);
        let query = lua.create_table_with_capacity(0, pairs.len())?;
        for (name, value) in pairs {
            query.raw_set(lua.create_string(name)?, lua.create_string(value)?)?;
        }
        let fields = header::joined(self.headers, header::request_separator);
        let request = lua.create_table_with_capacity(0, 7)?;
        request.raw_set("method", self.method)?;
        request.raw_set("path", lua.create_string(path)?)?;
        request.raw_set("query", query)?;
        request.raw_set("headers", header::to_table(lua, &fields)?)?;
        request.raw_set("body", lua.create_string(self.content)?)?;
        request.raw_set("rawPath", self.target)?;
        request.raw_set("address", self.peer)?;
        Ok(request)
    }
}
