//! What the cases cannot say about WebSockets: peers that misbehave, ends that come from outside, many at once.

use libtest_mimic::{Failed, Trial};
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{Frame, FrameHeader};
use tungstenite::{Bytes, Message};

use crate::harness::child::{Atoll, Running};
use crate::harness::http::{Connection, get};
use crate::harness::trials;
use crate::harness::websocket::Client;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_lost_connection_is_broken_off,
        a_close_without_a_code,
        a_client_without_a_goodbye,
        fragments_are_put_together,
        pings_are_answered_while_a_handler_waits,
        who_does_not_read_holds_up_nobody_else,
        a_close_that_nobody_answers,
        an_idle_connection_lives_on,
        an_interrupt_says_going_away,
        an_ended_instance_says_so_and_starts_afresh,
        the_end_of_the_script_says_going_away,
        sockets_of_the_script_have_a_limit,
        connections_count_with_the_others,
        a_broadcast_reaches_everyone,
        the_queue_has_a_limit,
    ]
}

/// Starts a server whose `webhook` is this; extra words go on the command line.
fn serve(name: &str, webhook: &str, words: &[&str]) -> Result<Running, Failed> {
    let script = format!(
        "assert(net.serve({{ port = 0, address = '127.0.0.1', timeout = 0.5, webhook = {webhook},
            request = function(request) return 'plain' end }}))"
    );
    let words = [&["--allow-listen=localhost"], words].concat();
    Atoll::source(name, &script, words)?.start()
}

/// Prints what its peers do, and echoes.
const ECHO: &str = "{
    open = function() print('open') end,
    message = function(socket, message, kind)
        print(kind, #message)
        if message == 'wait' then task.wait(0.6) end
        socket:send(if kind == 'text' then message else buffer.fromstring(message))
    end,
    close = function(_, code, reason) print('close', code, reason) end,
}";

fn connect(child: &Running) -> Result<Client, Failed> {
    Client::connect(child.address()?, "/", &[], &[])
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, wanted: &T) -> Result<(), Failed> {
    if got == wanted {
        return Ok(());
    }
    Err(format!("{what}: expected {wanted:?}, got {got:?}").into())
}

fn a_lost_connection_is_broken_off() -> Result<(), Failed> {
    let child = serve("ws_lost", ECHO, &[])?;
    let mut client = connect(&child)?;
    client.send("here")?;
    client.text()?;
    client.reset()?;
    child.wait_stdout("close\t1006\t\n")
}

fn a_close_without_a_code() -> Result<(), Failed> {
    let child = serve("ws_no_code", ECHO, &[])?;
    let mut client = connect(&child)?;
    client.send(Message::Close(None))?;
    expect("the answer", &client.closed()?, &(1005, String::new()))?;
    child.wait_stdout("close\t1005\t\n")
}

fn a_client_without_a_goodbye() -> Result<(), Failed> {
    // The end of the stream, in the middle of a frame.
    let child = serve("ws_no_goodbye", ECHO, &[])?;
    let mut connection = Connection::open(child.address()?)?;
    connection.send(
        "GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )?;
    expect("the status", &connection.response_head()?.status(), &101)?;
    connection.send(b"\x81\x85")?;
    connection.half_close()?;
    connection.expect_close()?;
    child.wait_stdout("close\t1006\t\n")
}

fn fragments_are_put_together() -> Result<(), Failed> {
    let child = serve("ws_fragments", ECHO, &[])?;
    let mut client = connect(&child)?;
    let part = |opcode, is_final, content: &'static [u8]| {
        let header = FrameHeader {
            is_final,
            opcode: OpCode::Data(opcode),
            ..FrameHeader::default()
        };
        Message::Frame(Frame::from_payload(header, Bytes::from_static(content)))
    };
    // "ä" is cut in two, and a ping comes in between (RFC 6455, section 5.4).
    client.send(part(Data::Text, false, b"\xc3"))?;
    client.send(Message::Ping(Bytes::from_static(b"between")))?;
    client.send(part(Data::Continue, false, b""))?;
    client.send(part(Data::Continue, true, b"\xa4"))?;
    match client.receive()? {
        Message::Pong(payload) => expect("the pong", &payload.as_ref(), &b"between".as_slice())?,
        other => return Err(format!("expected the pong, got {other:?}").into()),
    }
    expect("the message", &client.text()?, &"ä".to_owned())
}

fn pings_are_answered_while_a_handler_waits() -> Result<(), Failed> {
    let child = serve("ws_pings", ECHO, &[])?;
    let mut client = connect(&child)?;
    client.send("wait")?;
    child.wait_stdout("text\t4")?;
    client.send(Message::Ping(Bytes::from_static(b"still there?")))?;
    match client.receive()? {
        Message::Pong(_) => {}
        other => return Err(format!("expected the pong before the echo, got {other:?}").into()),
    }
    expect("the echo", &client.text()?, &"wait".to_owned())
}

fn who_does_not_read_holds_up_nobody_else() -> Result<(), Failed> {
    let webhook = "{ message = function(socket, message)
        if message == 'flood' then
            print('flooding')
            repeat until not socket:send(buffer.create(65536))
            print('let go')
        end
        socket:send(message)
    end }";
    let child = serve("ws_no_reader", webhook, &[])?;
    let (mut stuck, mut other) = (connect(&child)?, connect(&child)?);
    stuck.send("flood")?;
    child.wait_stdout("flooding")?;
    for number in 0..100 {
        other.send(number.to_string())?;
        expect("the echo", &other.text()?, &number.to_string())?;
    }
    expect(
        "a request beside it",
        &get(child.address()?, "/")?.body,
        &b"plain".to_vec(),
    )?;
    // After `timeout` without a byte taken, it is let go.
    child.wait_stdout("let go")
}

fn a_close_that_nobody_answers() -> Result<(), Failed> {
    let webhook = "{ message = function(socket)
        local began = os.clock()
        socket:close(3000, 'bye')
        print('closed', os.clock() - began < 2, socket.connected)
    end, close = function(_, code) print('code', code) end }";
    let child = serve("ws_no_answer", webhook, &["--limit", "drain=0.3"])?;
    let mut client = connect(&child)?;
    client.send("close it")?;
    // Nothing is read, so nothing is answered.
    child.wait_stdout("closed\ttrue\tfalse")?;
    child.wait_stdout("code\t1006")?;
    drop(client);
    Ok(())
}

fn an_idle_connection_lives_on() -> Result<(), Failed> {
    // Well beyond `timeout`, which is for requests.
    let webhook = "{ open = function(socket) task.wait(1.5) socket:send('still here') end }";
    let child = serve("ws_idle", webhook, &[])?;
    expect("the message", &connect(&child)?.text()?, &"still here".to_owned())
}

fn an_interrupt_says_going_away() -> Result<(), Failed> {
    let child = serve("ws_interrupt", ECHO, &[])?;
    let mut clients = vec![connect(&child)?, connect(&child)?];
    child.signal("INT")?;
    for client in &mut clients {
        expect("the goodbye", &client.closed()?, &(1001, String::new()))?;
    }
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn an_ended_instance_says_so_and_starts_afresh() -> Result<(), Failed> {
    let script =
        "net.serve({ port = tonumber(process.args[1]), address = '127.0.0.1', request = print, webhook = {
        message = function(socket, message)
            if message == 'spin' then
                while true do pcall(function() while true do end end) end
            end
            socket:send(message)
        end,
    } })";
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let port = free.port().to_string();
    let words = [
        "--allow-listen=localhost",
        "--limit=run=0.2",
        "--limit=grace=0.2",
        "--",
        &port,
    ];
    let child = Atoll::source("ws_spin", script, words)?.start()?;
    child.address()?;
    let mut witness = Client::connect(free, "/", &[], &[])?;
    let mut attacker = Client::connect(free, "/", &[], &[])?;
    witness.send("hello")?;
    witness.text()?;
    attacker.send("spin")?;
    let failure = (1011, "the server's script ended".to_owned());
    expect("the goodbye", &witness.closed()?, &failure)?;
    expect("the goodbye", &attacker.closed()?, &failure)?;
    child.wait_stderr("the server starts afresh")?;
    child.addresses(2)?;
    let mut again = Client::connect(free, "/", &[], &[])?;
    again.send("hello again")?;
    expect("the echo", &again.text()?, &"hello again".to_owned())
}

fn the_end_of_the_script_says_going_away() -> Result<(), Failed> {
    // The client's side of the script, whose main part fails while the socket is open.
    let server = serve("ws_end_server", ECHO, &[])?;
    let script = format!("net.websocket('ws://{}') error('the end')", server.address()?);
    let client = Atoll::source("ws_end_client", &script, ["--allow-net=localhost"])?;
    client.finish()?.expect_code(1)?;
    server.wait_stdout("close\t1001\t\n")
}

fn sockets_of_the_script_have_a_limit() -> Result<(), Failed> {
    let server = serve("ws_limit_server", ECHO, &[])?;
    let script = format!(
        "local url = 'ws://{}'
        local _, first = net.websocket(url)
        net.websocket(url)
        print(net.websocket(url))
        first:close()
        local ok
        repeat ok = net.websocket(url) until ok
        print('one closed, one opened')
        error('enough')",
        server.address()?
    );
    let words = ["--allow-net=localhost", "--limit", "sockets=2"];
    let finished = Atoll::source("ws_limit_client", &script, words)?.finish()?;
    let wanted = "false\tLimitExceeded: too many WebSockets are open (limit sockets=2; \
                  raise it with --limit sockets=VALUE)\none closed, one opened\n";
    expect("the output", &finished.out(), &wanted.to_owned())
}

fn connections_count_with_the_others() -> Result<(), Failed> {
    let script = "net.serve({ port = 0, address = '127.0.0.1', maxConnections = 2,
        request = function() return 'plain' end, webhook = {} })";
    let child = Atoll::source("ws_places", script, ["--allow-listen=localhost"])?.start()?;
    let (first, second) = (connect(&child)?, connect(&child)?);
    // In the backlog until one of them goes.
    let mut third = Connection::open(child.address()?)?;
    third.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")?;
    drop(first);
    expect("the status", &third.response()?.status(), &200)?;
    drop(second);
    Ok(())
}

fn a_broadcast_reaches_everyone() -> Result<(), Failed> {
    let webhook = "(function()
        local all = {}
        return {
            open = function(socket) all[socket] = true end,
            message = function(_, message) for socket in all do socket:send(message) end end,
            close = function(socket) all[socket] = nil end,
        }
    end)()";
    let child = serve("ws_broadcast", webhook, &[])?;
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(connect(&child)?);
    }
    for round in 0..5 {
        let text = format!("round {round}");
        clients[round].send(text.as_str())?;
        for client in &mut clients {
            expect("the message", &client.text()?, &text)?;
        }
    }
    Ok(())
}

fn the_queue_has_a_limit() -> Result<(), Failed> {
    // Messages that nobody reads wait in the script and not in the host: its memory stays flat.
    let webhook = "{ open = function(socket)
        local sent = 0
        task.delay(0.3, function() print('sent', sent < 400) end)
        while socket:send(buffer.create(32768)) do sent += 1 end
    end }";
    let child = serve("ws_queue", webhook, &["--limit", "socket-queue=64k"])?;
    let before = child.resident()?;
    let client = connect(&child)?;
    child.wait_stdout("sent\ttrue")?;
    let grown = child.resident()?.saturating_sub(before);
    drop(client);
    if grown > 24 << 20 {
        return Err(format!("the process grew by {grown} bytes").into());
    }
    Ok(())
}
