//! An HTTP service in which each tenant's own script answers the tenant's route. The scripts have no port and no permission: the
//! service hands them requests through a function of its own.
//!
//! Run it with `cargo run --example tenants`, then:
//!
//! ```console
//! $ curl http://127.0.0.1:8080/ada/there
//! ada says hello to /there
//! $ curl -d '1 2 3' http://127.0.0.1:8080/bob/sum
//! 6
//! ```
//!
//! A tenant writes a module that returns its handler. `MAIN` is the service's own script around it.
#![expect(
    clippy::disallowed_methods,
    reason = "the service binds a port of its own; its scripts have none"
)]

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use atoll::{Limits, Modules, Namespace, RunError, Runtime, Script};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for a tenant's script.
const BACKLOG: usize = 64;

/// How long a tenant whose script has ended waits for a fresh one.
const PAUSE: Duration = Duration::from_secs(1);

/// What a tenant's script runs in: requests come in, each handler has a coroutine of its own.
const MAIN: &str = r#"
local handler = require("./tenant")

while true do
	local ok, request = route.next()
	if not ok then
		return
	end
	task.spawn(function()
		local fine, answer = pcall(handler, request)
		if not fine then
			warn(answer)
		end
		local ok, why = route.answer(request.id, if fine then answer else { status = 500 })
		if not ok then
			warn(why)
		end
	end)
end
"#;

const ADA: &str = r#"
return function(request)
	task.wait(0.01)
	return { body = `ada says hello to {request.path}\n` }
end
"#;

const BOB: &str = r#"
return function(request)
	local sum = 0
	for number in string.gmatch(request.body, "%d+") do
		sum += tonumber(number)
	end
	return { status = 200, body = `{sum}\n` }
end
"#;

/// A tenant that means no good: the others never notice.
const EVE: &str = r#"
return function(request)
	while true do end
end
"#;

/// A request, as scripts get it.
#[derive(Serialize)]
struct Request {
    id: u64,
    method: String,
    path: String,
    body: String,
}

/// A script's answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    body: String,
}

fn ok() -> u16 {
    200
}

/// A request on its way, and where its answer goes.
type Waiting = (Method, String, String, oneshot::Sender<Answer>);

/// The ways to the tenants' scripts.
type Tenants = Arc<HashMap<&'static str, mpsc::Sender<Waiting>>>;

/// The functions of one tenant: it gets its own requests, and can answer no other's.
fn route(waiting: mpsc::Receiver<Waiting>) -> Namespace {
    let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
    let open: Arc<Mutex<HashMap<u64, oneshot::Sender<Answer>>>> = Arc::default();
    let taken = open.clone();
    let next = move || {
        let (waiting, open) = (waiting.clone(), open.clone());
        async move {
            let (method, path, body, answer) = waiting.lock().await.recv().await.ok_or("Closed")?;
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            // Whose client has gone needs no place any more.
            open.retain(|_, answer| !answer.is_closed());
            let id = (0..).find(|id| !open.contains_key(id)).ok_or("Full")?;
            open.insert(id, answer);
            let method = method.to_string();
            Ok::<_, &str>(Request {
                id,
                method,
                path,
                body,
            })
        }
    };
    let answer = move |id: u64, answer: Answer| {
        let waiting = taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        async move {
            let waiting = waiting.ok_or("NoSuchRequest")?;
            waiting.send(answer).map_err(|_| "ClientGone")
        }
    };
    Namespace::new("route")
        .function("next", next)
        .function("answer", answer)
}

/// Has the tenant's script answer.
async fn handle(
    State(tenants): State<Tenants>,
    Path((tenant, path)): Path<(String, String)>,
    method: Method,
    body: Bytes,
) -> Response {
    let Some(way) = tenants.get(tenant.as_str()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (answer, answered) = oneshot::channel();
    let body = String::from_utf8_lossy(&body).into_owned();
    if way.try_send((method, format!("/{path}"), body, answer)).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match answered.await {
        Ok(answer) => match StatusCode::from_u16(answer.status) {
            Ok(status) => (status, answer.body).into_response(),
            Err(_) => StatusCode::BAD_GATEWAY.into_response(),
        },
        // Its script was ended meanwhile.
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// Runs a tenant's script for as long as the service takes requests for it.
async fn keep(
    runtime: Runtime,
    tenant: &'static str,
    source: &'static str,
    mut waiting: mpsc::Receiver<Waiting>,
) {
    loop {
        // The requests pass through here, so that those which wait outlive a script that a limit ends.
        let (way, own) = mpsc::channel(1);
        let script = Script::new("main.luau", MAIN)
            .modules(Modules::sources([("tenant.luau", source)]))
            .functions(route(own));
        let passing = async {
            while let Ok(place) = way.reserve().await {
                match waiting.recv().await {
                    Some(request) => place.send(request),
                    None => return,
                }
            }
        };
        let ended: Result<(), RunError> = tokio::select! {
            ended = runtime.run(&script) => ended,
            () = passing => return,
        };
        eprintln!("{tenant}: the script has ended and starts afresh: {ended:?}");
        // Not in a circle, where it ends at its start.
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port = env::args().nth(1).unwrap_or_else(|| "8080".to_owned());
    let mut limits = Limits::default();
    for limit in ["memory=32m", "run=0.2", "grace=0.2"] {
        limits.set(limit)?;
    }
    let mut runtime = Runtime::builder().limits(limits);
    if let Some(folder) = env::var_os("ATOLL_EXAMPLE_CACHE") {
        runtime = runtime.cache(folder);
    }
    let runtime = runtime.build()?;
    let local = tokio::task::LocalSet::new();
    let mut tenants = HashMap::new();
    for (tenant, source) in [("ada", ADA), ("bob", BOB), ("eve", EVE)] {
        let (way, waiting) = mpsc::channel(BACKLOG);
        local.spawn_local(keep(runtime.clone(), tenant, source, waiting));
        tenants.insert(tenant, way);
    }
    let service = Router::new()
        .route("/{tenant}/{*path}", any(handle))
        .with_state(Tenants::new(tenants));
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    local
        .run_until(async { axum::serve(listener, service).await })
        .await?;
    Ok(())
}
