//! A host of `wasi:http` as `wasmtime serve` is one: an engine with wasmtime's defaults, the interfaces of the world
//! `wasi:http/proxy`, and an instance for each request, or one for all.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use libtest_mimic::Failed;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, oneshot};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::p2::bindings::{Proxy, ProxyPre};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, default_hooks};

/// Bytes of each stream of all instances.
const WORDS: usize = 1 << 20;

/// What one store holds.
struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: default_hooks(),
        }
    }
}

/// How many requests an instance answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Instances {
    /// One.
    Each,
    /// All.
    Shared,
}

/// A host that listens, until it is dropped.
pub(super) struct Host {
    address: SocketAddr,
    site: Arc<Site>,
    /// Its threads.
    _runtime: tokio::runtime::Runtime,
}

/// An instance, at home in its store.
type Home = Arc<Mutex<Option<(Store<State>, Proxy)>>>;

struct Site {
    guest: ProxyPre<State>,
    instances: Instances,
    shared: Home,
    out: MemoryOutputPipe,
    err: MemoryOutputPipe,
}

/// The component at this path, compiled as `wasmtime serve` would.
pub(super) fn compile(path: &Path) -> Result<Component, Failed> {
    Ok(Component::from_file(&Engine::default(), path)?)
}

impl Host {
    /// Serves the component on a port of the system's choice.
    pub(super) fn start(component: &Component, instances: Instances) -> Result<Host, Failed> {
        let mut linker = Linker::new(component.engine());
        wasmtime_wasi_http::p2::add_to_linker_async(&mut linker)?;
        let site = Arc::new(Site {
            guest: ProxyPre::new(linker.instantiate_pre(component)?)?,
            instances,
            shared: Home::default(),
            out: MemoryOutputPipe::new(WORDS),
            err: MemoryOutputPipe::new(WORDS),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let serving = site.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let site = serving.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| site.clone().answer(request));
                    // A client that leaves, and a script that breaks off, are none of the host's failures.
                    drop(
                        http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Ok(Host {
            address,
            site,
            _runtime: runtime,
        })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its instances printed, and what they said on standard error.
    pub(super) fn words(&self) -> (String, String) {
        let text = |pipe: &MemoryOutputPipe| String::from_utf8_lossy(&pipe.contents()).into_owned();
        (text(&self.site.out), text(&self.site.err))
    }
}

impl Site {
    fn state(&self) -> State {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(self.out.clone()).stderr(self.err.clone());
        State {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            table: ResourceTable::new(),
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
    ) -> wasmtime::Result<hyper::Response<HyperOutgoingBody>> {
        let (sender, receiver) = oneshot::channel();
        let home = match self.instances {
            Instances::Each => Home::default(),
            Instances::Shared => self.shared.clone(),
        };
        // It goes on behind the response's head.
        let handling = tokio::spawn(async move {
            let mut home = home.lock().await;
            let (store, proxy) = match &mut *home {
                Some(instance) => instance,
                empty => {
                    let mut store = Store::new(self.guest.engine(), self.state());
                    let proxy = self.guest.instantiate_async(&mut store).await?;
                    empty.insert((store, proxy))
                }
            };
            let request = store
                .data_mut()
                .http()
                .new_incoming_request(Scheme::Http, request)?;
            let out = store.data_mut().http().new_response_outparam(sender)?;
            let handler = proxy.wasi_http_incoming_handler();
            handler.call_handle(&mut *store, request, out).await
        });
        match receiver.await {
            Ok(response) => Ok(response?),
            Err(_) => Err(match handling.await {
                Ok(Ok(())) => wasmtime::format_err!("the component gave no answer"),
                Ok(Err(error)) => error,
                Err(error) => error.into(),
            }),
        }
    }
}
