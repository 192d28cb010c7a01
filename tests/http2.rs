//! HTTP/2 clients that behave as none of ours does.

use std::time::Duration;

use bytes::Bytes;
use libtest_mimic::{Failed, Trial};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;

use crate::harness::certificates::{Authority, Kind};
use crate::harness::child::Atoll;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![clients_that_take_nothing, clients_that_wait_for_the_script]
}

/// Answers with 100 KiB, but for `/slow`, whose content takes longer than `timeout` to make.
const SERVER: &str = r#"
local ok, server = net.serve({
    port = 0,
    address = "127.0.0.1",
    timeout = 0.4,
    tls = { cert = process.args[1], key = process.args[2] },
    request = function(request)
        if request.path ~= "/slow" then
            return string.rep("x", 100 * 1024)
        end
        return {
            body = function(write)
                for _ = 1, 3 do
                    write("x")
                    task.wait(1)
                end
            end,
        }
    end,
})
assert(ok, server)
"#;

type Requests = h2::client::SendRequest<Bytes>;
type Connection = h2::client::Connection<tokio_rustls::client::TlsStream<TcpStream>, Bytes>;

/// Runs the server, and plays its client, whose responses may send `window` bytes ahead.
fn play<F: Future<Output = Result<(), Failed>>>(
    name: &str,
    window: u32,
    client: impl FnOnce(Requests, Connection) -> F,
) -> Result<(), Failed> {
    let authority = Authority::new()?;
    let identity = authority.issue(Kind::Localhost)?;
    let words = [
        "--allow-listen=localhost",
        "--",
        &identity.cert_pem,
        &identity.key_pem,
    ];
    let child = Atoll::source(name, SERVER, words)?.start()?;
    let port = child.address()?.port();
    let executor = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    executor.block_on(async {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.ca_pem.as_bytes())?)?;
        let provider = rustls::crypto::ring::default_provider();
        let mut config = rustls::ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let stream = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
            .connect(ServerName::try_from("localhost")?, stream)
            .await?;
        let (requests, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .handshake(stream)
            .await?;
        tokio::time::timeout(Duration::from_secs(30), client(requests, connection))
            .await
            .map_err(|_| "the connection neither moved nor ended")?
    })
}

fn get(path: &str) -> http::Request<()> {
    let uri = format!("https://localhost{path}");
    http::Request::get(uri).body(()).expect("a request")
}

fn clients_that_take_nothing() -> Result<(), Failed> {
    // Not a byte, and all but the last few.
    for window in [0, 100 * 1024 - 7] {
        play("h2_takes_nothing", window, async |mut requests, connection| {
            let (response, _) = requests.send_request(get("/"), true)?;
            // Held, so that the stream is not reset.
            let _response = response;
            match connection.await {
                Ok(()) => Ok(()),
                Err(error) if error.is_io() || error.is_go_away() => Ok(()),
                Err(error) => Err(error.into()),
            }
        })?;
    }
    Ok(())
}

fn clients_that_wait_for_the_script() -> Result<(), Failed> {
    play("h2_waits", 65_535, async |mut requests, connection| {
        let exchange = async {
            let (response, _) = requests.send_request(get("/slow"), true)?;
            let mut content = response.await?.into_body();
            let mut bytes = 0;
            while let Some(data) = content.data().await {
                bytes += data?.len();
            }
            Ok::<_, Failed>(bytes)
        };
        let (bytes, _) = tokio::join!(exchange, connection);
        assert_eq!(bytes?, 3);
        Ok(())
    })
}
