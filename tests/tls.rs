//! TLS on both ends of a script: whom its clients trust, what its servers show, and the words for each fault.
//! Certificates are made for each test; they reach the script as arguments.

use std::io::Read;
use std::net::TcpListener;
use std::thread;

use libtest_mimic::{Failed, Trial};

use crate::harness::certificates::{Authority, Kind};
use crate::harness::child::{Atoll, Finished, scratch};
use crate::harness::http::Connection;
use crate::harness::{matching, trials};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        faults_of_certificates,
        both_versions_of_http,
        responses_without_content,
        responses_that_nobody_reads_hold_up_no_other,
        the_system_is_trusted,
        websockets_over_tls,
        wrong_material,
        peers_that_do_not_speak_tls,
        streams_and_large_bodies,
        redirects_between_schemes,
    ]
}

/// What every script begins with: the authority, then pairs of certificate and key.
const COMMON: &str = r#"
local ca = process.args[1]

local function serve(pair, options)
    options = options or {}
    options.port = 0
    options.address = "127.0.0.1"
    options.tls = { cert = process.args[2 * pair], key = process.args[2 * pair + 1] }
    options.request = options.request or function(request)
        return `{request.method} {request.path} {request.headers.host} {#request.body}`
    end
    local ok, server = net.serve(options)
    assert(ok, server)
    return server, `127.0.0.1:{server.port}`
end
"#;

/// Runs the script with an authority's certificate and what it issued.
fn run(name: &str, script: &str, kinds: &[Kind]) -> Result<Finished, Failed> {
    let authority = Authority::new()?;
    let mut words = vec!["-A".to_owned(), "--".to_owned(), authority.ca_pem.clone()];
    for kind in kinds {
        let identity = authority.issue(*kind)?;
        words.extend([identity.cert_pem, identity.key_pem]);
    }
    Atoll::source(name, format!("{COMMON}{script}"), words)?.finish()
}

fn expect(finished: &Finished, expected: &str) -> Result<(), Failed> {
    finished.expect_code(0)?;
    Ok(matching::compare("standard output", expected, &finished.out())?)
}

fn faults_of_certificates() -> Result<(), Failed> {
    let script = r#"
        for pair = 1, 5 do
            local server, address = serve(pair)
            local ok, result = net.request("https://" .. address, { tls = { ca = ca } })
            print(if ok then result.body else result)
            print(select(2, net.websocket("wss://" .. address, { tls = { ca = ca } })))
            server:close()
        end
        local server, address = serve(1)
        print(net.request("https://" .. address))
        -- A certificate that the script names itself is trusted, and no other.
        local own, own_address = serve(5)
        print((net.request("https://" .. own_address, { tls = { ca = process.args[10] } })))
        print(net.request("https://" .. address, { tls = { ca = process.args[10] } }))
        server:close()
        own:close()
    "#;
    use Kind::{Expired, Localhost, NotYetValid, OtherName, SelfSigned};
    let kinds = [Localhost, Expired, NotYetValid, OtherName, SelfSigned];
    let expected = "\
GET / 127.0.0.1:* 0
HandshakeRejected: the server answered 200 OK
TlsFailure: the server's certificate has expired
TlsFailure: the server's certificate has expired
TlsFailure: the server's certificate is not valid yet
TlsFailure: the server's certificate is not valid yet
TlsFailure: the server's certificate is for another name: asked for 127.0.0.1, it is for *other.test*
TlsFailure: the server's certificate is for another name: asked for 127.0.0.1, it is for *other.test*
TlsFailure: the server's certificate is self-signed (add it to tls.ca, if you trust it)
TlsFailure: the server's certificate is self-signed (add it to tls.ca, if you trust it)
false\tTlsFailure: the server's certificate is from an unknown authority (add that authority's certificate to tls.ca, if you trust it)
true
false\tTlsFailure: the server's certificate is from an unknown authority (add that authority's certificate to tls.ca, if you trust it)
";
    expect(&run("tls_faults", script, &kinds)?, expected)
}

fn both_versions_of_http() -> Result<(), Failed> {
    // Over HTTP/2 many requests share one connection, and `host` is what its pseudo-header says.
    let script = r#"
        local peers = {}
        local server, address = serve(1, { maxConnections = 1, request = function(request)
            peers[request.address] = true
            task.wait(0.05)
            return {
                headers = { ["set-cookie"] = { "a=1", "b=2" }, connection = "close" },
                body = `{request.path} {request.rawPath} {request.query.x} {request.headers.host} {request.headers.cookie}`,
            }
        end })
        local began, done = os.clock(), 0
        for i = 1, 20 do
            task.spawn(function()
                local ok, response = net.request(`https://{address}/a%20b?x={i}`, {
                    tls = { ca = ca },
                    headers = { cookie = "k=v" },
                })
                assert(ok and response.body == `/a b /a%20b?x={i} {i} {address} k=v`, if ok then response.body else response)
                assert(response.headers["set-cookie"] == "a=1\nb=2" and response.statusReason == "OK")
                done += 1
            end)
        end
        while done < 20 do
            task.wait(0.01)
        end
        print(done, os.clock() - began < 0.9)
        server:close()
    "#;
    expect(&run("tls_http2", script, &[Kind::Localhost])?, "20\ttrue\n")
}

fn responses_that_nobody_reads_hold_up_no_other() -> Result<(), Failed> {
    // All over one HTTP/2 connection.
    let script = r#"
        local server, address = serve(1, { request = function(request)
            if request.path == "/small" then
                return "small"
            end
            return { body = function(write)
                while write(string.rep("x", 10000)) do end
            end }
        end })
        local tls = { ca = ca }
        local unread = {}
        for index = 1, 20 do
            unread[index] = select(2, net.request(`https://{address}/stream`, { stream = true, tls = tls }))
        end
        task.wait(0.3)
        local ok, response = net.request(`https://{address}/small`, { tls = tls, timeout = 5 })
        print(ok, if ok then response.body else response)
        for _, streamed in unread do
            streamed:close()
        end
        server:close()
    "#;
    expect(&run("tls_unread", script, &[Kind::Localhost])?, "true\tsmall\n")
}

fn responses_without_content() -> Result<(), Failed> {
    // hyper leaves it out over HTTP/1.1 only.
    let script = r#"
        local server, address = serve(1, { request = function(request)
            if request.path == "/none" then
                return { statusCode = 204, body = "not to be sent" }
            end
            return "content"
        end })
        local function try(method, path)
            local ok, response = net.request(`https://{address}{path}`, { method = method, tls = { ca = ca } })
            print(if ok then `{response.statusCode} {response.headers["content-length"]} {response.body}` else response)
        end
        try("GET", "/")
        try("HEAD", "/")
        try("GET", "/none")
        try("GET", "/")
        server:close()
    "#;
    expect(
        &run("tls_no_content", script, &[Kind::Localhost])?,
        "200 7 content\n200 7 \n204 nil \n200 7 content\n",
    )
}

fn the_system_is_trusted() -> Result<(), Failed> {
    let authority = Authority::new()?;
    let identity = authority.issue(Kind::Localhost)?;
    let files = authority.write(&identity, &scratch().join("tls_system"))?;
    let script = r#"
        local server, address = serve(1)
        print((net.request("https://" .. address)))
        print((net.websocket("wss://" .. address)))
        server:close()
    "#;
    let words = [
        "-A",
        "--",
        &authority.ca_pem,
        &identity.cert_pem,
        &identity.key_pem,
    ];
    let finished = Atoll::source("tls_system", format!("{COMMON}{script}"), words)?
        .env("SSL_CERT_FILE", &files.ca.display().to_string())
        .finish()?;
    expect(&finished, "true\nfalse\n")
}

fn websockets_over_tls() -> Result<(), Failed> {
    let script = r#"
        local server, address = serve(1, { webhook = {
            message = function(socket, message, kind)
                socket:send(if kind == "text" then message else buffer.fromstring(message))
            end,
            close = function(_, code)
                print("server", code)
            end,
        } })
        local ok, socket = net.websocket("wss://" .. address, { tls = { ca = ca } })
        assert(ok, socket)
        local count = 0
        socket:bindMessage(function(message)
            count += #message
            if count == 20 * 65536 then
                print(count)
                socket:close()
                server:close()
            end
        end)
        for _ = 1, 20 do
            socket:send(string.rep("x", 65536))
        end
    "#;
    expect(
        &run("tls_websocket", script, &[Kind::Localhost])?,
        "1310720\nserver\t1000\n",
    )
}

fn wrong_material() -> Result<(), Failed> {
    let script = r#"
        local cert, key, other = process.args[2], process.args[3], process.args[5]
        local function try(tls)
            print(select(2, net.serve({ port = 0, address = "127.0.0.1", request = print, tls = tls })))
        end
        try({ cert = "", key = key })
        try({ cert = "nonsense", key = key })
        try({ cert = key, key = key })
        try({ cert = cert, key = "" })
        try({ cert = cert, key = cert })
        try({ cert = cert, key = other })
        try({ cert = (string.gsub(cert, "CATE%-%-%-%-%-\n....", "CATE-----\nAAAA")), key = key })
        print(pcall(try, { cert = cert }))
        print(pcall(try, { cert = 1, key = key }))
        print(pcall(try, "tls"))
        print(net.request("https://127.0.0.1:1", { tls = { ca = "nonsense" } }))
        print(net.request("https://127.0.0.1:1", { tls = { ca = key } }))
        print(net.websocket("wss://127.0.0.1:1", { tls = { ca = "" } }))
    "#;
    let expected = "\
TlsFailure: there is no certificate in 'cert' *
TlsFailure: there is no certificate in 'cert' *
TlsFailure: there is no certificate in 'cert' *
TlsFailure: there is no private key in 'key' *
TlsFailure: there is no private key in 'key' *
TlsFailure: 'key' is not the key of the first certificate in 'cert'
TlsFailure: 'cert' and 'key' can't be used: *
false\t*net.serve: field 'tls' must have a PEM string as 'cert' and another as 'key'
false\t*net.serve: field 'tls' must have a PEM string as 'cert', got 1
false\t*net.serve: field 'tls' must be a table, got \"tls\"
false\tTlsFailure: there is no certificate in 'ca' *
false\tTlsFailure: there is no certificate in 'ca' *
false\tTlsFailure: there is no certificate in 'ca' *
";
    expect(
        &run("tls_material", script, &[Kind::Localhost, Kind::Localhost])?,
        expected,
    )
}

fn peers_that_do_not_speak_tls() -> Result<(), Failed> {
    // One that answers in the clear, one that hangs up.
    let (clear, mute) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    let addresses = [clear.local_addr()?, mute.local_addr()?];
    thread::spawn(move || -> Result<(), Failed> {
        let mut connection = Connection::over(clear.accept()?.0)?;
        connection.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")?;
        connection.rest()?;
        Ok(())
    });
    thread::spawn(move || -> Result<(), Failed> {
        // With unread bytes the close would be a reset.
        let mut first = [0; 16 << 10];
        let _read = mute.accept()?.0.read(&mut first)?;
        Ok(())
    });
    let script = format!(
        "for _, peer in {{ '{}', '{}' }} do
            print(net.request('https://' .. peer))
        end
        local ok, server = net.serve({{ port = 0, address = '127.0.0.1', request = print }})
        print(net.request(`https://127.0.0.1:{{server.port}}`))
        server:close()",
        addresses[0], addresses[1]
    );
    let expected = "\
false\tTlsFailure: the server does not speak TLS
false\tTlsFailure: the server closed the connection during the handshake
false\tTlsFailure: *
";
    expect(&run("tls_clear_peers", &script, &[])?, expected)
}

fn streams_and_large_bodies() -> Result<(), Failed> {
    let script = r#"
        local server, address = serve(1, { maxBodySize = 4 * 1024 * 1024, request = function(request)
            if request.path == "/stream" then
                return { body = function(write)
                    for i = 1, 50 do
                        assert(write(string.rep(string.char(i), 40000)))
                    end
                end }
            elseif request.path == "/broken" then
                return { body = function(write)
                    write("some")
                    task.wait(0.05)
                    error("broken off")
                end }
            end
            return buffer.fromstring(request.body)
        end })
        local tls = { ca = ca }
        local content = string.rep("0123456789abcdef", 200000)
        local ok, response = net.request(`https://{address}/`, { method = "POST", body = content, tls = tls })
        print(ok and response.body == content)
        local _, streamed = net.request(`https://{address}/stream`, { stream = true, tls = tls })
        local total, sum = 0, 0
        while true do
            local piece = streamed:read()
            if not piece then
                break
            end
            total += buffer.len(piece)
            sum += buffer.readu8(piece, buffer.len(piece) - 1)
        end
        print(total, sum > 0)
        print((net.request(`https://{address}/broken`, { tls = tls })))
        print((select(2, net.request(`https://{address}/`, { method = "POST", body = string.rep("x", 4194305), tls = tls }))).statusCode)
        server:close()
    "#;
    expect(
        &run("tls_streams", script, &[Kind::Localhost])?,
        "true\n2000000\ttrue\nfalse\n413\n",
    )
}

fn redirects_between_schemes() -> Result<(), Failed> {
    // From https to http and back: followed as Fetch says, credentials stay behind.
    let script = r#"
        local plain_address, secure_address
        local _, plain = net.serve({ port = 0, address = "127.0.0.1", request = function(request)
            print("plain", request.headers.authorization, request.headers["x-own"])
            return { statusCode = 307, headers = { location = `https://{secure_address}/end` } }
        end })
        plain_address = `127.0.0.1:{plain.port}`
        local secure
        secure, secure_address = serve(1, { request = function(request)
            print("secure", request.path, request.method, request.headers.authorization)
            if request.path == "/end" then
                return request.body
            end
            return { statusCode = 307, headers = { location = `http://{plain_address}/` } }
        end })
        local ok, response = net.request(`https://{secure_address}/start`, {
            method = "PUT",
            body = "kept",
            headers = { authorization = "secret", ["x-own"] = "1" },
            tls = { ca = ca },
        })
        print(ok, if ok then response.body else response)
        plain:close()
        secure:close()
    "#;
    let expected = "\
secure\t/start\tPUT\tsecret
plain\tnil\t1
secure\t/end\tPUT\tnil
true\tkept
";
    expect(&run("tls_redirects", script, &[Kind::Localhost])?, expected)
}
