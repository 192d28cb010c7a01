//! nginx as the server that `net.request` asks. Called by `peers`; `proxy.rs` has the same nginx in front of a script.

use std::net::SocketAddr;
use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running};
use crate::harness::{matching, root, trials};
use crate::program::{folder, program, start};
use crate::script::{self, Server, Transport};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        a_static_file,
        compressed_content,
        conditional_and_partial_requests,
        connections_are_kept,
        requests_share_a_connection_of_http2,
        redirects,
        uploads,
        a_stranger_is_not_trusted,
    ]
}

/// An nginx under way, in front of a script's server.
pub(crate) struct Nginx {
    /// The program, whose complaints are in its standard error.
    pub(crate) running: Running,
    /// What it passes requests for `/proxied/` on to.
    pub(crate) server: Server,
    /// The certificate that its clients have to trust.
    pub(crate) ca: PathBuf,
    /// Where it listens without TLS.
    pub(crate) plain: SocketAddr,
    /// Where it offers no HTTP/2.
    pub(crate) tls: SocketAddr,
    /// Where it does.
    pub(crate) http2: SocketAddr,
    /// Bound and not listening: they keep the ports from everybody but nginx.
    _held: Vec<socket2::Socket>,
}

impl Nginx {
    /// Starts both.
    pub(crate) fn start(test: &str) -> Result<Self, Failed> {
        let server = Server::start(test, Transport::Plain)?;
        let folder = folder(test)?;
        let ca = script::certificate(test)?.ca;
        std::fs::create_dir_all(folder.join("www"))?;
        std::fs::write(folder.join("www/file.txt"), "from nginx\n")?;
        std::fs::write(folder.join("www/big.txt"), "0123456789abcdef".repeat(65_536))?;

        let mut config = std::fs::read_to_string(root().join("tests/peers/nginx.conf"))?;
        config = config.replace("{atoll}", &server.address.to_string());
        let (mut held, mut addresses) = (Vec::new(), Vec::new());
        for name in ["{plain}", "{tls}", "{http2}"] {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
            socket.set_reuse_port(true)?;
            socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
            let address = socket.local_addr()?.as_socket().ok_or("no IP address")?;
            config = config.replace(name, &address.to_string());
            held.push(socket);
            addresses.push(address);
        }
        std::fs::write(folder.join("nginx.conf"), config)?;

        let mut command = program("nginx")?;
        command
            .arg("-p")
            .arg(&folder)
            .args(["-c", "nginx.conf", "-e", "stderr"]);
        let running = start(command)?;
        // Its last words before it serves; it listens by then.
        running.wait_stderr("getrlimit(")?;
        Ok(Self {
            running,
            server,
            ca,
            plain: addresses[0],
            tls: addresses[1],
            http2: addresses[2],
            _held: held,
        })
    }

    /// The three ways in: plain, over TLS with HTTP/1.1, over TLS with HTTP/2.
    pub(crate) fn ways(&self) -> [String; 3] {
        [
            format!("http://{}", self.plain),
            format!("https://{}", self.tls),
            format!("https://{}", self.http2),
        ]
    }

    /// Runs a script that has `plain`, `tls` and `http2` for URLs, and `ask` to request a path of one of them.
    fn script(&self, test: &str, source: &str) -> Result<String, Failed> {
        let source = format!(
            "local plain, tls, http2, ca = table.unpack(process.args)
            local function ask(url, options)
                options = table.clone(options or {{}})
                options.tls = {{ ca = ca }}
                local ok, response = net.request(url, options)
                assert(ok, response)
                return response
            end
            {source}"
        );
        let ca = std::fs::read_to_string(&self.ca)?;
        let [plain, tls, http2] = self.ways();
        let words = ["--allow-net=localhost", "--", &plain, &tls, &http2, &ca];
        let finished = Atoll::source(&format!("peers_{test}"), source, words)?.finish()?;
        finished.expect_code(0).map_err(|error| {
            let text = error.message().unwrap_or_default();
            format!("{text}\n--- nginx ---\n{}", self.running.stderr.text())
        })?;
        Ok(finished.out())
    }
}

/// Runs the script and compares what it prints.
fn requests(test: &str, source: &str, expected: &str) -> Result<(), Failed> {
    let out = Nginx::start(test)?.script(test, source)?;
    Ok(matching::compare("the script's output", expected, &out)?)
}

fn a_static_file() -> Result<(), Failed> {
    requests(
        "nginx_static_file",
        "for _, url in { plain, tls, http2 } do
            local response = ask(url .. '/file.txt', { decompress = false })
            local headers = response.headers
            print(response.ok, response.statusCode, headers['content-type'], headers['content-length'], response.body)
            local missing = ask(url .. '/nothing')
            print(missing.ok, missing.statusCode, #missing.body > 0)
            local head = ask(url .. '/big.txt', { method = 'HEAD', decompress = false })
            print(head.statusCode, head.headers['content-length'], head.body == '')
        end",
        &"true\t200\ttext/plain\t11\tfrom nginx\n\nfalse\t404\ttrue\n200\t1048576\ttrue\n".repeat(3),
    )
}

fn compressed_content() -> Result<(), Failed> {
    requests(
        "nginx_compressed",
        "local whole = string.rep('0123456789abcdef', 65536)
        for _, url in { plain, tls, http2 } do
            local response = ask(url .. '/big.txt')
            print(response.body == whole, response.headers['content-encoding'], response.headers['content-length'])
            for _, header in response.rawHeaders do
                if header.name:lower() == 'content-encoding' or header.name:lower() == 'transfer-encoding' then
                    print(header.name:lower(), header.value)
                end
            end
            local raw = ask(url .. '/big.txt', {
                headers = { ['accept-encoding'] = 'gzip' },
                decompress = false,
            })
            print(raw.headers['content-encoding'], raw.body:sub(1, 2) == '\\31\\139', #raw.body < 20000)
            local response = ask(url .. '/big.txt', { stream = true })
            local count, piece = 0, response:read()
            while piece do
                count += buffer.len(piece)
                piece = response:read()
            end
            print(response.body, count)
            -- The limit counts what the script would get, not what came.
            local ok, message = net.request(url .. '/big.txt', { tls = { ca = ca }, maxBodySize = 2 ^ 20 - 1 })
            print(ok, message:match('^%a+'))
            print(#ask(url .. '/big.txt', { maxBodySize = 2 ^ 20 }).body)
        end",
        &[true, true, false]
            .map(|chunked| {
                let mut text = "true\tnil\tnil\n".to_owned();
                // Compressed as it goes, so that HTTP/1.1 has no length for it; the order is nginx's.
                text.push_str(if chunked { "transfer-encoding\tchunked\n" } else { "" });
                text.push_str("content-encoding\tgzip\ngzip\ttrue\ttrue\nnil\t1048576\nfalse\tBodyTooLarge\n1048576\n");
                text
            })
            .concat(),
    )
}

fn conditional_and_partial_requests() -> Result<(), Failed> {
    requests(
        "nginx_conditional",
        "for _, url in { plain, tls, http2 } do
            local tag = ask(url .. '/file.txt', { decompress = false }).headers.etag
            local same = ask(url .. '/file.txt', { headers = { ['if-none-match'] = tag }, decompress = false })
            print(same.statusCode, same.body == '')
            local part = ask(url .. '/file.txt', { headers = { range = 'bytes=5-9' }, decompress = false })
            print(part.statusCode, part.headers['content-range'], part.body)
            local fields = ask(url .. '/fields', { query = { a = 'b c' }, headers = { ['X-Custom'] = 'seen' } }).body
            local agent, _, custom, host, args = fields:match('^(%a+)/[%d.]+|(.-)|(.-)|(.-)|(.-)\\n$')
            print(agent, custom, host == url:match('//(.+)$'), args == 'a=b%20c' or args == 'a=b+c')
        end",
        &"304\ttrue\n206\tbytes 5-9/11\tnginx\nAtoll\tseen\ttrue\ttrue\n".repeat(3),
    )
}

fn connections_are_kept() -> Result<(), Failed> {
    requests(
        "nginx_kept",
        "for _, url in { plain, tls, http2 } do
            local first
            for turn = 1, 3 do
                local version, connection, count = ask(url .. '/about').body:match('(%S+) (%d+) (%d+)\\n')
                first = first or connection
                print(version, connection == first, count)
            end
        end",
        &["HTTP/1.1", "HTTP/1.1", "HTTP/2.0"]
            .map(|version| format!("{version}\ttrue\t1\n{version}\ttrue\t2\n{version}\ttrue\t3\n"))
            .concat(),
    )
}

fn requests_share_a_connection_of_http2() -> Result<(), Failed> {
    requests(
        "nginx_shared",
        "-- The first makes the connection; the others find it.
        local first = ask(http2 .. '/about').body:match(' (%d+) ')
        local main, left, others = coroutine.running(), 50, 0
        for _ = 1, 50 do
            task.spawn(function()
                others += if ask(http2 .. '/about').body:match(' (%d+) ') == first then 0 else 1
                left -= 1
                if left == 0 then
                    task.spawn(main)
                end
            end)
        end
        coroutine.yield()
        print(others, ask(http2 .. '/about').body:match(' (%d+)\\n'))",
        "0\t52",
    )
}

fn redirects() -> Result<(), Failed> {
    requests(
        "nginx_redirects",
        "for _, url in { plain, tls, http2 } do
            local followed = ask(url .. '/moved')
            print(followed.statusCode, followed.body)
            local moved = ask(url .. '/moved', { allowRedirects = false })
            print(moved.statusCode, moved.headers.location == url .. '/file.txt')
            print(ask(url .. '/elsewhere').body)
            local content = string.rep('content', 1000)
            print(ask(url .. '/replayed', { method = 'POST', body = content }).body == content)
        end",
        &"200\tfrom nginx\n\n301\ttrue\nfrom nginx\n\ntrue\n".repeat(3),
    )
}

fn uploads() -> Result<(), Failed> {
    requests(
        "nginx_uploads",
        "for _, url in { plain, tls, http2 } do
            local content = string.rep('0123456789abcdef', 65536)
            print(ask(url .. '/proxied/echo', { method = 'PUT', body = buffer.fromstring(content) }).body == content)
            -- nginx says no before it has the content.
            print(ask(url .. '/proxied/echo', { method = 'POST', body = string.rep(content, 3) }).statusCode)
            print(ask(url .. '/proxied/hello').body)
        end",
        &"true\n413\nHello from Atoll\n\n".repeat(3),
    )
}

fn a_stranger_is_not_trusted() -> Result<(), Failed> {
    requests(
        "nginx_stranger",
        "for _, url in { tls, http2 } do
            local ok, message = net.request(url .. '/file.txt')
            print(ok, message:match('^%a+'))
        end",
        "false\tTlsFailure\nfalse\tTlsFailure",
    )
}
