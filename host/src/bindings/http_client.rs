//! `atoll:net/http-client`: outgoing requests.

use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf};

use super::generated::atoll::net::http_client as wit;
use super::types;
use crate::net::http_client::{Landed, Request};
use crate::runtime::State;

impl wit::Host for State {
    fn begin(&mut self, request: wit::Request) -> wasmtime::Result<u64> {
        let call = self.enter()?;
        let (content, client) = (types::hold(self, request.content), self.client.clone());
        let sent = async move {
            client
                .send(Request {
                    method: request.method,
                    url: request.url,
                    headers: types::fields(request.headers),
                    content: content?,
                    follow_redirects: request.follow_redirects,
                    timeout: Duration::from_nanos(request.timeout),
                    max_body_size: request.max_body_size,
                    decompress: request.decompress,
                    stream: request.stream,
                    authorities: request.authorities,
                })
                .await
        };
        Ok(self.flights.begin(sent, call))
    }

    fn give_up(&mut self, number: u64) -> wasmtime::Result<()> {
        self.flights.give_up(number);
        Ok(())
    }
}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn outcomes(accessor: &Accessor<T, Self>, max: u32) -> wasmtime::Result<Vec<wit::Outcome>> {
        let (call, flights) = accessor.with(|mut access| {
            let state = access.get();
            (state.enter(), state.flights.clone())
        });
        let _call = call?;
        let landed = flights.outcomes(max as usize).await;
        Ok(accessor.with(|mut access| {
            let state = access.get();
            landed
                .into_iter()
                .map(|landed| hand_over(state, landed))
                .collect()
        }))
    }
}

fn hand_over(state: &mut State, landed: Landed) -> wit::Outcome {
    let response = landed.outcome.and_then(|response| {
        Ok(wit::Response {
            status: response.status,
            head: response.head,
            raw_head: response.raw_head,
            body: types::body(state, response.body)?,
        })
    });
    wit::Outcome {
        number: landed.number,
        response: response.map_err(Into::into),
    }
}
