//! One request on its way to the script's handler: hands it to the prelude, which makes the `ServerRequest` table.
//!
//! Called by `net::serve`. `handle_request` in the prelude makes a coroutine call the handler, and hands its
//! result to `net::reply`. All short strings cross in one: each Luau value that Rust makes costs a protected call,
//! as the heap may be full.

use std::cell::OnceCell;
use std::rc::Rc;

use mlua::prelude::LuaString;
use mlua::{AnyUserData, Function, Lua, Table};

use crate::bindings::http_server::Exchange;
use crate::heap::Heap;
use crate::net::head::Head;
use crate::net::reply::{Pending, Upgrade};
use crate::problem::message_of;

/// Bytes of Luau values that are made for each request, besides its strings.
const OVERHEAD: usize = 1024;

/// Bytes of a table that a byte of a query can lead to: two bytes are a name and its place.
const PER_BYTE_OF_QUERY: usize = 64;

/// The prelude's way to run handlers.
pub(crate) struct Handlers {
    /// Where the values of requests are made.
    heap: Rc<Heap>,
    /// `handle_request(handler, recover, exchange, is_upgrade, head, path, query, body)`; set once the prelude is loaded.
    driver: OnceCell<Function>,
}

/// A request that is there in full.
pub(crate) struct Work {
    /// Its start.
    pub(crate) head: Head,
    /// The content; empty where there is none.
    pub(crate) content: Vec<u8>,
}

/// What the prelude makes a request's table of.
struct Values {
    pending: AnyUserData,
    head: LuaString,
    path: Option<LuaString>,
    query: Option<Table>,
    body: LuaString,
}

impl Handlers {
    /// None yet.
    pub(crate) fn new(heap: Rc<Heap>) -> Self {
        Self {
            heap,
            driver: OnceCell::new(),
        }
    }

    /// Hands over the prelude's function; called once, before any server exists.
    pub(crate) fn set_driver(&self, driver: Function) {
        // A second one would be the same function.
        let _ = self.driver.set(driver);
    }

    /// Runs the handler in a coroutine until its first yield.
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
        let coming = work.head.packed().len() * PER_BYTE_OF_QUERY + work.content.len() + OVERHEAD;
        let values = self
            .heap
            .with_room(lua, coming, || Values::make(lua, upgrade, exchange, work));
        let Some(values) = values? else { return Ok(()) };
        let Values {
            pending,
            head,
            path,
            query,
            body,
        } = values;
        let values = (handler, recover, &pending, is_upgrade, head, path, query, body);
        driver.call(values).inspect_err(|_| {
            // Now, and not when Luau collects it: the client waits.
            if let Ok(mut pending) = pending.borrow_mut::<Pending>() {
                pending.fail();
            }
        })
    }
}

impl Values {
    /// The values; none where the heap is full, which the client is told of.
    fn make(
        lua: &Lua,
        upgrade: Option<Upgrade>,
        exchange: Exchange,
        work: Work,
    ) -> mlua::Result<Option<Values>> {
        let strings = || {
            Ok((
                lua.create_string(work.head.packed())?,
                work.head.path().map(|path| lua.create_string(path)).transpose()?,
                work.query(lua)?,
                lua.create_string(&work.content)?,
            ))
        };
        let made: mlua::Result<_> = strings();
        let pending = Pending::new(exchange, work.head, upgrade);
        match made {
            Ok((head, path, query, body)) => Ok(Some(Values {
                pending: lua.create_userdata(pending)?,
                head,
                path,
                query,
                body,
            })),
            Err(problem) => {
                pending.give_up(&message_of(&problem));
                Ok(None)
            }
        }
    }
}

impl Work {
    /// Answers with the standard 500 and reports why, without running the handler.
    pub(crate) fn give_up(self, exchange: Exchange, why: &str) {
        Pending::new(exchange, self.head, None).give_up(why);
    }

    /// The query's names and values, if there are any.
    fn query(&self, lua: &Lua) -> mlua::Result<Option<Table>> {
        let pairs = self.head.query();
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
