//! `atoll:net/functions`: the embedder's own.

use wasmtime::component::{Accessor, HasSelf};

use super::generated::atoll::net::functions as wit;
use super::types;
use crate::functions::{Bounds, Failure, parse};
use crate::net::error::Error;
use crate::runtime::State;

impl wit::Host for State {
    fn registered(&mut self) -> wasmtime::Result<Vec<wit::Namespace>> {
        let names = self.functions.names();
        Ok(names
            .map(|(name, functions)| wit::Namespace { name, functions })
            .collect())
    }
}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn call(
        accessor: &Accessor<T, Self>,
        function: u32,
        arguments: Vec<wit::Value>,
    ) -> wasmtime::Result<Result<Vec<wit::Value>, wit::Failure>> {
        let (call, functions, places) = accessor.with(|mut access| {
            let state = access.get();
            (
                state.enter(),
                state.functions.clone(),
                state.function_places.clone(),
            )
        });
        let _call = call?;
        let Some(function) = functions.get(function as usize) else {
            return Err(wasmtime::Error::msg("a function was called that is not there"));
        };
        let mut bounds = Bounds::new();
        let arguments = match parse(arguments, &mut bounds) {
            Ok(arguments) => arguments,
            Err(why) => return Ok(Err(wit::Failure::Arguments(format!("the arguments have {why}")))),
        };
        // What they hold counts as the content of requests does: the function may take its time.
        let held = accessor.with(|mut access| {
            let state = access.get();
            let Ok(place) = places.try_acquire_owned() else {
                let most = state.limits.functions;
                return Err(state.limit(
                    "functions",
                    most,
                    "too many calls of the host's functions are under way",
                ));
            };
            Ok((place, types::place(state, bounds.used())?))
        });
        let _held = match held {
            Ok(held) => held,
            Err(Error::LimitExceeded { text, .. }) => return Ok(Err(wit::Failure::LimitExceeded(text))),
            Err(error) => return Ok(Err(wit::Failure::LimitExceeded(error.to_string()))),
        };
        Ok(match function.call(arguments).await {
            Ok(result) => result
                .flatten()
                .map_err(|why| wit::Failure::Failed(format!("the result has no form in Luau: it has {why}"))),
            Err(Failure::Arguments(text)) => Err(wit::Failure::Arguments(text)),
            Err(Failure::Failed(text)) => Err(wit::Failure::Failed(types::bounded(text))),
        })
    }
}
