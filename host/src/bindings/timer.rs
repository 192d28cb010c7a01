//! `atoll:net/timer`: time to wait.

use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf};

use super::generated::atoll::net::timer as wit;
use super::wit::ErrorCode;
use crate::runtime::State;

impl wit::Host for State {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn sleep(accessor: &Accessor<T, Self>, time: u64) -> wasmtime::Result<Result<(), ErrorCode>> {
        let (call, waits, clock) = accessor.with(|mut access| {
            let state = access.get();
            (state.enter(), state.waits.clone(), state.clock.clone())
        });
        let _call = call?;
        let Ok(_place) = waits.try_acquire() else {
            let error = accessor.with(|mut access| {
                let state = access.get();
                state.limit("parked", state.limits.parked, "too many waits are under way")
            });
            return Ok(Err(error.into()));
        };
        clock.sleep(Duration::from_nanos(time)).await;
        Ok(Ok(()))
    }
}
