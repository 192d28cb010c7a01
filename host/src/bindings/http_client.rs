//! `atoll:net/http-client`: outgoing requests.

use std::time::Duration;

use wasmtime::component::{Accessor, HasSelf};

use super::generated::atoll::net::http_client as wit;
use super::types;
use super::wit::ErrorCode;
use crate::net::http_client::Request;
use crate::runtime::State;

impl wit::Host for State {}

impl<T: Send> wit::HostWithStore<T> for HasSelf<State> {
    async fn send(
        accessor: &Accessor<T, Self>,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, ErrorCode>> {
        let (call, client, content) = accessor.with(|mut access| {
            let state = access.get();
            let content = types::hold(state, request.content);
            (state.enter(), state.client.clone(), content)
        });
        let _call = call?;
        let content = match content {
            Ok(content) => content,
            Err(error) => return Ok(Err(error.into())),
        };
        let sent = client
            .send(Request {
                method: request.method,
                url: request.url,
                headers: types::fields(request.headers),
                content,
                follow_redirects: request.follow_redirects,
                timeout: Duration::from_nanos(request.timeout),
                max_body_size: request.max_body_size,
                decompress: request.decompress,
                stream: request.stream,
                authorities: request.authorities,
            })
            .await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Ok(Err(error.into())),
        };
        let body = accessor.with(|mut access| types::body(access.get(), response.body));
        Ok(body.map_err(Into::into).map(|body| wit::Response {
            status: response.status,
            reason: response.reason,
            headers: types::headers(response.headers),
            raw_headers: response.raw_headers.map(types::headers),
            body,
        }))
    }
}
