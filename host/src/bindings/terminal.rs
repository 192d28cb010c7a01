//! `atoll:net/terminal`: what a person types.

use wasmtime::component::{Accessor, HasSelf};

use super::generated::atoll::net::terminal as wit;
use crate::runtime::{Input, State};

impl wit::Host for State {
    fn take_interrupt(&mut self) -> wasmtime::Result<bool> {
        Ok(self
            .terminal
            .as_ref()
            .is_some_and(|terminal| terminal.take_interrupt()))
    }
}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn read_line(accessor: &Accessor<T, Self>, continues: bool) -> wasmtime::Result<wit::Input> {
        let (call, terminal) = accessor.with(|mut access| {
            let state = access.get();
            (state.enter(), state.terminal.clone())
        });
        let _call = call?;
        let input = match terminal {
            Some(terminal) => terminal.read_line(continues).await,
            None => Input::End,
        };
        Ok(match input {
            Input::Line(text) => wit::Input::Line(text),
            Input::Abandoned => wit::Input::Abandoned,
            Input::End => wit::Input::End,
        })
    }

    async fn interrupted(accessor: &Accessor<T, Self>) -> wasmtime::Result<()> {
        let (call, terminal) = accessor.with(|mut access| {
            let state = access.get();
            (state.enter(), state.terminal.clone())
        });
        let _call = call?;
        match terminal {
            Some(terminal) => terminal.interrupted().await,
            None => std::future::pending().await,
        }
        Ok(())
    }
}
