//! `atoll:net/timer`: time to wait.

use std::time::Duration;

use tokio::time::Instant;
use wasmtime::component::{Accessor, HasSelf};

use super::generated::atoll::net::timer as wit;
use super::wit::ErrorCode;
use crate::runtime::State;

impl wit::Host for State {}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn sleep(accessor: &Accessor<T, Self>, time: u64) -> wasmtime::Result<Result<(), ErrorCode>> {
        let (call, waits) = accessor.with(|mut access| {
            let state = access.get();
            (state.enter(), state.waits.clone())
        });
        let _call = call?;
        let Ok(_place) = waits.try_acquire() else {
            let error = accessor.with(|mut access| {
                let state = access.get();
                state.limit("parked", state.limits.parked, "too many waits are under way")
            });
            return Ok(Err(error.into()));
        };
        // A time too long for the clock never comes.
        match Instant::now().checked_add(Duration::from_nanos(time)) {
            Some(deadline) => tokio::time::sleep_until(deadline).await,
            None => std::future::pending().await,
        }
        Ok(Ok(()))
    }
}
