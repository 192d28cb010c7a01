//! One request on its way to the script's handler: hands it to the prelude, which makes the `ServerRequest` table.
//!
//! Called by `net::serve`. `handle_request` in the prelude starts the coroutine that calls the handler and hands its
//! result to `net::reply`. All short strings cross in one: each Luau value that Rust makes costs a protected call,
//! as the heap may be full.

use std::cell::OnceCell;

use mlua::{Function, Lua, Table};

use crate::bindings::http_server::Exchange;
use crate::bindings::types::Header;
use crate::net::header;
use crate::net::reply::{Pending, Upgrade};
use crate::net::target::{path, query, raw_path};
use crate::problem::message_of;

/// The prelude's way to run handlers.
#[derive(Default)]
pub(crate) struct Handlers {
    /// `handle_request(handler, recover, exchange, is_upgrade, head, fields, query, body)`; set once the prelude is loaded.
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
        handler: Option<&Function>,
        recover: Option<&Function>,
        upgrade: Option<Upgrade>,
        exchange: Exchange,
        work: Work,
    ) -> mlua::Result<()> {
        let Some(driver) = self.driver.get() else {
            return Ok(());
        };
        let is_upgrade = upgrade.is_some();
        let pending = Pending::new(exchange, work.origin(), upgrade);
        let (head, fields) = work.head();
        let values = work.query(lua).and_then(|query| {
            Ok((
                lua.create_string(head)?,
                fields,
                query,
                lua.create_string(&work.content)?,
            ))
        });
        match values {
            Ok((head, fields, query, body)) => {
                let pending = lua.create_userdata(pending)?;
                let values = (handler, recover, &pending, is_upgrade, head, fields, query, body);
                driver.call(values).inspect_err(|_| {
                    // Now, and not when Luau collects it: the client waits.
                    if let Ok(mut pending) = pending.borrow_mut::<Pending>() {
                        pending.fail();
                    }
                })
            }
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
        Pending::new(exchange, self.origin(), None).give_up(why);
    }

    fn origin(&self) -> String {
        format!("request handler for {} {}", self.method, raw_path(&self.target))
    }

    /// Method, decoded path, target and peer, then a name and a value per header field, each behind its length (four
    /// bytes, little-endian); and how many fields there are.
    fn head(&self) -> (Vec<u8>, usize) {
        let fields = header::joined(&self.headers, header::request_separator);
        let mut head = Vec::with_capacity(256);
        let mut push = |bytes: &[u8]| {
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            head.extend_from_slice(&length.to_le_bytes());
            head.extend_from_slice(bytes);
        };
        push(self.method.as_bytes());
        push(&path(&self.target));
        push(self.target.as_bytes());
        push(self.peer.as_bytes());
        for (name, value) in &fields {
            push(name.as_bytes());
            push(value);
        }
        (head, fields.len())
    }

    /// The query's names and values, if there are any.
    fn query(&self, lua: &Lua) -> mlua::Result<Option<Table>> {
        let pairs = query(&self.target);
        if pairs.is_empty() {
            return Ok(None);
        }
        let table = lua.create_table_with_capacity(0, pairs.len())?;
        for (name, value) in pairs {
            table.raw_set(lua.create_string(name)?, lua.create_string(value)?)?;
        }
        Ok(Some(table))
    }
}
