//! `--metrics`: after known traffic every number is what it must be.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use atoll::Runtime;
use libtest_mimic::{Failed, Trial};

use crate::harness::child::{Atoll, Running, scratch};
use crate::harness::http::{self, Connection, get};
use crate::harness::peer::Peer;
use crate::harness::websocket::Client;
use crate::harness::{root, trials};

/// A server that does what its paths say; `process.args[1]` is a peer.
pub(crate) const SERVER: &str = r#"
local peer = process.args[1]
local options = { port = 0, address = "127.0.0.1" }
function options.request(request)
    if request.path == "/created" then
        return { statusCode = 201, body = "made" }
    elseif request.path == "/fetch" then
        local ok, response = net.request(`http://{peer}/there?token=hidden`, {
            method = "POST",
            body = "12345",
            headers = { authorization = "Bearer hidden" },
        })
        return if ok then response.body else response
    elseif request.path == "/denied" then
        return select(2, net.request("http://127.0.0.2/?token=hidden"))
    elseif request.path == "/another" then
        return tostring(select(2, net.serve(options)))
    elseif request.path:match("^/metrics/") then
        return tostring(select(2, net.request(`http://{request.path:sub(10)}/metrics`)))
    elseif request.path == "/spin" then
        while true do
            pcall(function() while true do end end)
        end
    end
    return "hello"
end
options.webhook = { message = function(socket, message) socket:send(message) end }
assert(net.serve(options))
"#;

/// How long numbers may take to be there: a client has its response a moment before the host is through with it.
const SETTLING: Duration = Duration::from_secs(20);

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        numbers_of_known_traffic,
        a_killed_instance,
        the_endpoint_tells_nothing_else,
        scripts_cannot_reach_it,
        every_metric_is_documented,
    ]
}

/// Samples by name and labels.
pub(crate) struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    pub(crate) fn of(address: SocketAddr) -> Result<Scrape, Failed> {
        let response = get(address, "/metrics")?;
        assert_eq!(
            (response.status(), response.header("content-type")),
            (200, Some("text/plain; version=0.0.4; charset=utf-8"))
        );
        Scrape::parse(&response.text())
    }

    fn parse(text: &str) -> Result<Scrape, Failed> {
        let samples = text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (name, value) = line.rsplit_once(' ').ok_or(format!("no sample: {line:?}"))?;
            Ok((
                name.to_owned(),
                value.parse().map_err(|_| format!("no number: {line:?}"))?,
            ))
        });
        Ok(Scrape(samples.collect::<Result<_, Failed>>()?))
    }

    /// Scrapes until nothing is under way and so many requests are over.
    fn settled(address: SocketAddr, requests: f64) -> Result<Scrape, Failed> {
        let deadline = Instant::now() + SETTLING;
        loop {
            let scrape = Scrape::of(address)?;
            let over: f64 = scrape
                .all("atoll_http_requests_total{")
                .iter()
                .map(|(_, count)| count)
                .sum();
            let sockets = scrape.get("atoll_websockets{side=\"server\"}")?;
            if over == requests && scrape.get("atoll_http_requests_in_flight")? == 0.0 && sockets == 0.0 {
                return Ok(scrape);
            }
            if Instant::now() > deadline {
                return Err(format!("never settled: {:?}", scrape.0).into());
            }
        }
    }

    pub(crate) fn get(&self, name: &str) -> Result<f64, Failed> {
        let sample = self.0.get(name).copied();
        sample.ok_or_else(|| format!("no {name}: {:?}", self.0).into())
    }

    fn all(&self, start: &str) -> Vec<(&str, f64)> {
        let all = self.0.iter().filter(|(name, _)| name.starts_with(start));
        all.map(|(name, value)| (name.as_str(), *value)).collect()
    }

    /// Fails unless these are the values.
    fn expect(&self, expected: &[(&str, f64)]) -> Result<(), Failed> {
        for (name, value) in expected {
            let found = self.get(name)?;
            if found != *value {
                return Err(format!("{name} is {found}, not {value}").into());
            }
        }
        Ok(())
    }
}

/// Starts the server and returns it with the address of its metrics.
pub(crate) fn start(name: &str, words: &[&str], peer: SocketAddr) -> Result<(Running, SocketAddr), Failed> {
    let peer = peer.to_string();
    let rule = format!("--allow-net={peer}");
    let own = ["--metrics=127.0.0.1:0", "--allow-listen=localhost", &rule];
    let all = [own.as_slice(), words, &["--", &peer]].concat();
    let child = Atoll::source(name, SERVER, all)?.start()?;
    child.wait_stderr("/metrics\n")?;
    let text = child.stderr.text();
    let metrics = text
        .lines()
        .find_map(|line| line.strip_prefix("metrics on http://")?.strip_suffix("/metrics"))
        .ok_or("no line about metrics")?
        .parse()?;
    Ok((child, metrics))
}

fn numbers_of_known_traffic() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let words = ["--limit=servers=1", "--limit=header-bytes=8k"];
    let (child, metrics) = start("metrics_traffic", &words, peer.address())?;
    let server = child.address()?;
    let mut bytes = 0;
    let mut told = |message: &http::Message, status| {
        assert_eq!(message.status(), status, "{message:?}");
        bytes += message.body.len();
    };
    // One connection with four requests.
    let mut kept = Connection::open(server)?;
    for path in ["/", "/created", "/?query=1"] {
        kept.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"))?;
        told(&kept.response()?, if path == "/created" { 201 } else { 200 });
    }
    kept.send("BREW /pot HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\nconnection: close\r\n\r\ncoffee")?;
    told(&kept.response()?, 200);
    // What the host answers by itself.
    for (request, status) in [
        (
            "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n".to_owned(),
            413,
        ),
        (
            format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(9000)),
            431,
        ),
    ] {
        let mut refused = Connection::open(server)?;
        refused.send(request)?;
        told(&refused.response()?, status);
    }
    let mut unreadable = Connection::open(server)?;
    unreadable.send("GET / HTTP/1.1\r\nno field\r\n\r\n")?;
    assert_eq!(unreadable.response()?.status(), 400);
    // What the script asks for.
    let fetched = [get(server, "/fetch")?, get(server, "/fetch")?];
    fetched.iter().for_each(|message| told(message, 200));
    let denied = get(server, "/denied")?;
    assert!(denied.text().starts_with("PermissionDenied"), "{}", denied.text());
    told(&denied, 200);
    let another = get(server, "/another")?;
    assert!(another.text().starts_with("LimitExceeded"), "{}", another.text());
    told(&another, 200);
    let mut socket = Client::connect(server, "/", &[], &[])?;
    for _ in 0..3 {
        socket.send("four")?;
        assert_eq!(socket.text()?, "four");
    }
    socket.close(1000, "")?;

    let scrape = Scrape::settled(metrics, 12.0)?;
    assert_eq!(
        scrape.all("atoll_http_requests_total{"),
        [
            ("atoll_http_requests_total{method=\"GET\",status=\"101\"}", 1.0),
            ("atoll_http_requests_total{method=\"GET\",status=\"200\"}", 6.0),
            ("atoll_http_requests_total{method=\"GET\",status=\"201\"}", 1.0),
            ("atoll_http_requests_total{method=\"GET\",status=\"431\"}", 1.0),
            ("atoll_http_requests_total{method=\"POST\",status=\"413\"}", 1.0),
            ("atoll_http_requests_total{method=\"other\",status=\"200\"}", 1.0),
            ("atoll_http_requests_total{method=\"other\",status=\"400\"}", 1.0),
        ]
    );
    assert_eq!(
        scrape.all("atoll_outgoing_requests_total{"),
        [
            (
                "atoll_outgoing_requests_total{method=\"GET\",outcome=\"PermissionDenied\"}",
                1.0
            ),
            (
                "atoll_outgoing_requests_total{method=\"POST\",outcome=\"200\"}",
                2.0
            ),
        ]
    );
    let received: usize = fetched.iter().map(|message| message.body.len()).sum();
    scrape.expect(&[
        // All but the one whose head could not be read.
        ("atoll_http_request_duration_seconds_count", 11.0),
        ("atoll_http_request_duration_seconds_bucket{le=\"+Inf\"}", 11.0),
        ("atoll_http_script_duration_seconds_count", 9.0),
        ("atoll_http_request_bytes_total", 6.0),
        ("atoll_http_response_bytes_total", bytes as f64),
        ("atoll_outgoing_request_duration_seconds_count", 3.0),
        ("atoll_outgoing_requests_in_flight", 0.0),
        ("atoll_outgoing_request_bytes_total", 10.0),
        ("atoll_outgoing_response_bytes_total", received as f64),
        ("atoll_connections_total", 9.0),
        ("atoll_websockets_total{side=\"server\"}", 1.0),
        ("atoll_websockets_total{side=\"client\"}", 0.0),
        ("atoll_websocket_messages_total{direction=\"received\"}", 3.0),
        ("atoll_websocket_messages_total{direction=\"sent\"}", 3.0),
        ("atoll_websocket_bytes_total{direction=\"received\"}", 12.0),
        ("atoll_websocket_bytes_total{direction=\"sent\"}", 12.0),
        ("atoll_denied_decisions_total{action=\"net.request\"}", 1.0),
        ("atoll_denied_decisions_total{action=\"net.serve\"}", 0.0),
        ("atoll_limit_hits_total{limit=\"servers\"}", 1.0),
        ("atoll_limit_hits_total{limit=\"header-bytes\"}", 1.0),
        ("atoll_limit_hits_total{limit=\"run\"}", 0.0),
        ("atoll_instances", 1.0),
        ("atoll_instances_total", 1.0),
        ("atoll_restarts_total", 0.0),
        ("atoll_access_log_lines_lost_total", 0.0),
    ])?;
    if scrape.get("atoll_memory_bytes")? < 1e6 || scrape.get("atoll_start_time_seconds")? < 1.7e9 {
        return Err(format!("no memory, or no time: {:?}", scrape.0).into());
    }
    child.signal("INT")?;
    child.finish()?.expect_code(130)?;
    Ok(())
}

fn a_killed_instance() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let words = ["--limit=run=0.1", "--limit=grace=0.1"];
    let (child, metrics) = start("metrics_killed", &words, peer.address())?;
    // It may get a 500, or only the end of its connection.
    drop(get(child.address()?, "/spin"));
    child.addresses(2)?;
    Scrape::settled(metrics, 1.0)?.expect(&[
        ("atoll_instances_killed_total{reason=\"run\"}", 1.0),
        ("atoll_instances_killed_total{reason=\"crash\"}", 0.0),
        ("atoll_limit_hits_total{limit=\"run\"}", 1.0),
        ("atoll_restarts_total", 1.0),
        ("atoll_instances_total", 2.0),
        ("atoll_instances", 1.0),
    ])
}

fn the_endpoint_tells_nothing_else() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let (_child, metrics) = start("metrics_endpoint", &[], peer.address())?;
    for (request, status, allow) in [
        ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", 404, None),
        ("GET /metrics/ HTTP/1.1\r\nhost: x\r\n\r\n", 404, None),
        ("GET //metrics HTTP/1.1\r\nhost: x\r\n\r\n", 404, None),
        (
            "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\nx",
            405,
            Some("GET, HEAD"),
        ),
        (
            "DELETE /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
            405,
            Some("GET, HEAD"),
        ),
        ("GET /metrics?name=up HTTP/1.1\r\nhost: x\r\n\r\n", 200, None),
        // A second request behind the first is not looked at.
        (
            "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\nGET /metrics HTTP/1.1\r\nhost: x\r\n\r\n",
            200,
            None,
        ),
        ("nonsense\r\n\r\n", 400, None),
    ] {
        let mut connection = Connection::open(metrics)?;
        connection.send(request)?;
        let response = connection.response()?;
        assert_eq!(
            (response.status(), response.header("allow")),
            (status, allow),
            "{request:?}"
        );
        // With unread bytes it may be a reset.
        assert!(connection.rest().unwrap_or_default().is_empty(), "{request:?}");
    }
    let mut head = Connection::open(metrics)?;
    head.send("HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n")?;
    assert_eq!(head.response_head()?.status(), 200);
    head.expect_close()?;
    // Idle ones are few, and the next waits for one to go.
    let idle: Vec<_> = (0..7)
        .map(|_| Connection::open(metrics))
        .collect::<Result<_, _>>()?;
    Scrape::of(metrics)?;
    drop(idle);
    Ok(())
}

fn scripts_cannot_reach_it() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let (child, metrics) = start("metrics_hidden", &["--allow-all"], peer.address())?;
    let ask = |host: &str| get(child.address()?, &format!("/metrics/{host}"));
    let port = metrics.port();
    for (host, code) in [
        (metrics.to_string(), "PermissionDenied: "),
        (format!("[::ffff:127.0.0.1]:{port}"), "PermissionDenied: "),
        (format!("0.0.0.0:{port}"), "PermissionDenied: "),
        // Its other address is not forbidden, and nobody listens there.
        (format!("localhost:{port}"), "ConnectionRefused"),
    ] {
        let text = ask(&host)?.text();
        if !text.starts_with(code) {
            return Err(format!("{host}: {text}").into());
        }
    }
    Ok(())
}

/// Names of the metrics in a text of the endpoint.
fn names(text: &str) -> Vec<String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
        .collect()
}

fn every_metric_is_documented() -> Result<(), Failed> {
    let text = Runtime::builder()
        .cache(scratch().join("atoll"))
        .build()?
        .metrics()
        .to_prometheus();
    let page = std::fs::read_to_string(root().join("docs/observability.md"))?;
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `atoll_"));
    let documented: Vec<String> = rows
        .filter_map(|row| Some(format!("atoll_{}", row.split(['`', '{']).next()?)))
        .collect();
    // In the same order, so that none stands twice either.
    assert_eq!(names(&text), documented);
    for name in names(&text) {
        let help = format!("# HELP {name} ");
        assert_eq!(text.matches(&help).count(), 1, "{name}");
    }
    Scrape::parse(&text)?;
    Ok(())
}
