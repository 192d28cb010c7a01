//! What the cases cannot say about `net.request`: what its peers see of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::Atoll;
use crate::harness::http::Connection;
use crate::harness::peer::Peer;
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        cancelling_closes_the_connection,
        a_timeout_closes_the_connection,
        the_end_of_the_script_closes_the_connection,
        large_bodies_both_ways,
        a_large_download_is_whole,
        a_download_without_end_is_cut_off,
        proxy_variables_are_ignored,
        a_denied_request_never_connects,
        a_peer_that_answers_before_the_body_is_read,
        content_that_is_answered_early_goes_out_whole,
        the_main_error_drops_requests,
        connections_to_many_origins_are_not_all_kept,
    ]
}

const NET: &str = "--allow-net=localhost";

/// A peer that reads one request and tells when its client has left.
struct SilentPeer {
    address: String,
    left: Receiver<Result<(), Failed>>,
}

impl SilentPeer {
    fn start() -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (tell, left) = mpsc::channel();
        // Where nobody connects, the thread stays behind and the test fails by its time limit.
        thread::spawn(move || tell.send(Self::watch(&listener)));
        Ok(Self { address, left })
    }

    fn watch(listener: &TcpListener) -> Result<(), Failed> {
        let (stream, _) = listener.accept()?;
        let mut connection = Connection::over(stream)?;
        connection.message(false)?.ok_or("no request came")?;
        // A reset is as good as a close.
        match connection.expect_close() {
            Err(error)
                if error
                    .message()
                    .is_some_and(|text| text.contains("no answer in time")) =>
            {
                Err(error)
            }
            _ => Ok(()),
        }
    }

    fn wait(&self) -> Result<(), Failed> {
        self.left
            .recv_timeout(Duration::from_secs(60))
            .map_err(|_| "the client neither came nor left")?
    }
}

fn watch(source: &str, name: &str) -> Result<(), Failed> {
    let peer = SilentPeer::start()?;
    let child = Atoll::source(name, source, [NET, "--", &peer.address])?.start()?;
    peer.wait()?;
    drop(child);
    Ok(())
}

fn cancelling_closes_the_connection() -> Result<(), Failed> {
    watch(
        "local thread = task.spawn(function() net.request('http://' .. process.args[1]) end)
        task.wait(0.5) task.cancel(thread) task.wait(1000)",
        "cancel_request",
    )
}

fn a_timeout_closes_the_connection() -> Result<(), Failed> {
    watch(
        "net.request('http://' .. process.args[1], { timeout = 0.5 }) task.wait(1000)",
        "timeout_request",
    )
}

fn the_end_of_the_script_closes_the_connection() -> Result<(), Failed> {
    watch(
        "task.spawn(net.request, 'http://' .. process.args[1]) task.wait(0.5) error('the end')",
        "end_request",
    )
}

fn the_main_error_drops_requests() -> Result<(), Failed> {
    let peer = SilentPeer::start()?;
    let source = "task.spawn(net.request, 'http://' .. process.args[1]) task.wait(0.2) error('the end')";
    let finished = Atoll::source("main_error", source, [NET, "--", &peer.address])?.finish()?;
    finished.expect_code(1)?;
    peer.wait()
}

fn large_bodies_both_ways() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let source = "for _, size in { 0, 1, 65535, 65536, 65537, 2 ^ 20, 5 * 2 ^ 20 } do
            local body = string.rep('0123456789abcdef', math.ceil(size / 16)):sub(1, size)
            local ok, response = net.request('http://' .. process.args[1], { method = 'POST', body = body })
            print(ok, ok and response.body:sub(#response.body - size + 1) == body or response)
        end";
    let address = peer.address().to_string();
    let finished = Atoll::source("large_requests", source, [NET, "--", &address])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "true\ttrue\n".repeat(7));
    Ok(())
}

/// A peer that answers one request with the head and then the piece, so many times.
fn pouring_peer(head: &'static str, piece: Vec<u8>, times: usize) -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || -> Result<(), Failed> {
        let (stream, _) = listener.accept()?;
        let mut connection = Connection::over(stream)?;
        connection.message(false)?;
        connection.send(head)?;
        for _ in 0..times {
            connection.send(&piece)?;
        }
        Ok(())
    });
    Ok(address)
}

fn a_large_download_is_whole() -> Result<(), Failed> {
    let piece: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
    let address =
        pouring_peer("HTTP/1.1 200 OK\r\ncontent-length: 12582912\r\n\r\n", piece, 192)?.to_string();
    let source = "local ok, response = net.request('http://' .. process.args[1])
        local all = {} for byte = 0, 255 do all[byte + 1] = string.char(byte) end
        print(ok, #response.body, response.body == string.rep(table.concat(all), 49152))";
    let finished = Atoll::source("large_download", source, [NET, "--", &address])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "true\t12582912\ttrue\n");
    Ok(())
}

fn a_download_without_end_is_cut_off() -> Result<(), Failed> {
    let address = pouring_peer("HTTP/1.1 200 OK\r\n\r\n", vec![b'x'; 1 << 16], usize::MAX)?.to_string();
    let source = "print(net.request('http://' .. process.args[1]))";
    let finished = Atoll::source("endless_download", source, [NET, "--", &address])?.finish()?;
    finished.expect_code(0)?;
    if !finished.out().starts_with("false\tBodyTooLarge") {
        return Err(finished.out().into());
    }
    Ok(())
}

fn proxy_variables_are_ignored() -> Result<(), Failed> {
    let (proxy, target) = (Peer::echo()?, Peer::echo()?);
    let address = target.address().to_string();
    let source = "print(net.request('http://' .. process.args[1]))";
    let mut atoll = Atoll::source("proxy", source, [NET, "--", &address])?;
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
    ] {
        atoll = atoll.env(name, &format!("http://{}", proxy.address()));
    }
    atoll.finish()?.expect_code(0)?;
    assert_eq!((proxy.connections(), target.connections()), (0, 1));
    Ok(())
}

fn a_denied_request_never_connects() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let port = peer.address().port().to_string();
    let source =
        "for _, host in { '127.0.0.1', 'localhost', '2130706433', '[::ffff:127.0.0.1]', '0.0.0.0' } do
            print(net.request(`http://{host}:{process.args[1]}/`))
        end";
    let finished = Atoll::source("denied", source, ["--allow-net", "--", &port])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(
        finished.out().matches("false\tPermissionDenied: ").count(),
        5,
        "{}",
        finished.out()
    );
    assert_eq!(peer.connections(), 0);
    Ok(())
}

fn a_peer_that_answers_before_the_body_is_read() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let answering = thread::spawn(move || -> Result<(), Failed> {
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        // Some of the head is enough to say no; the rest is read so that the close is a clean one.
        let mut piece = [0; 64];
        stream.read_exact(&mut piece)?;
        let mut connection = Connection::over(stream)?;
        connection.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")?;
        connection.half_close()?;
        // How the client leaves is its own business.
        let _ = connection.rest();
        Ok(())
    });
    let source = "local ok, response = net.request('http://' .. process.args[1],
            { method = 'POST', body = string.rep('x', 4 * 2 ^ 20), timeout = 20 })
        print(ok, ok and response.statusCode or response, ok and response.body)";
    let finished = Atoll::source("early_answer", source, [NET, "--", &address])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "true\t403\tno\n");
    answering.join().map_err(|_| "the peer panicked")?
}

fn content_that_is_answered_early_goes_out_whole() -> Result<(), Failed> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let answering = thread::spawn(move || -> Result<(), Failed> {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        let (mut stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut piece = vec![0; 64];
        stream.read_exact(&mut piece)?;
        stream.write_all(answer)?;
        while !piece.ends_with(b"END") {
            let mut more = vec![0; 64 << 10];
            match stream.read(&mut more)? {
                0 => return Err("the content was cut short".into()),
                length => piece.extend_from_slice(&more[..length]),
            }
        }
        // Until then the script waits for this one.
        let (mut next, _) = listener.accept()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            next.read_exact(&mut byte)?;
            head.extend(byte);
        }
        next.write_all(answer)?;
        Ok(())
    });
    let source = "local url = 'http://' .. process.args[1]
        local ok = net.request(url, { method = 'POST', body = string.rep('x', 16 * 2 ^ 20) .. 'END', timeout = 20 })
        print(ok, (net.request(url)))";
    let finished = Atoll::source("whole_content", source, [NET, "--", &address])?.finish()?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "true\ttrue\n");
    answering.join().map_err(|_| "the peer panicked")?
}

fn connections_to_many_origins_are_not_all_kept() -> Result<(), Failed> {
    // All of 127.0.0.0/8 is this machine, so one peer is many origins.
    let listener = TcpListener::bind("0.0.0.0:0")?;
    let port = listener.local_addr()?.port().to_string();
    let _peer = Peer::serve(listener, Vec::new())?;
    let source = "local last
        for round = 1, 2 do
            for index = 1, 300 do
                local host = `127.0.{index // 200}.{index % 200 + 1}:{process.args[1]}`
                local ok, response = net.request(host)
                last = ok and tonumber(response.headers['x-connection']) or response
            end
            print(last)
        end";
    let arguments = ["--allow-net=127.0.0.0/8", "--", &port];
    let finished = Atoll::source("many_origins", source, arguments)?.finish()?;
    finished.expect_code(0)?;
    // 256 were kept; the other 44 had to be opened again.
    assert_eq!(finished.out(), "300\n344\n");
    Ok(())
}
