//! `--log` and `--access-log`: what is told of known traffic, and that nobody can put words of their own into it.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use libtest_mimic::{Failed, Trial};
use serde_json::Value;

use crate::harness::child::{Atoll, Running, scratch};
use crate::harness::http::{Connection, get};
use crate::harness::matching::compare;
use crate::harness::peer::Peer;
use crate::harness::trials;
use crate::harness::websocket::Client;
use crate::metrics::{self, SERVER, Scrape};

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![
        the_log_of_known_traffic,
        the_log_as_json,
        secrets_stay_out_of_the_log,
        nobody_writes_the_log_but_the_host,
        warnings_of_a_script_have_a_limit,
        the_access_log_of_known_traffic,
        an_access_log_that_cannot_be_written_holds_nothing_up,
        an_access_log_that_nobody_reads_holds_nothing_up,
    ]
}

fn start(name: &str, words: &[&str], peer: SocketAddr) -> Result<Running, Failed> {
    let peer = peer.to_string();
    let rule = format!("--allow-net={peer}");
    let own = ["--allow-listen=localhost", &rule];
    let all = [own.as_slice(), words, &["--", &peer]].concat();
    Atoll::source(name, SERVER, all)?.start()
}

/// Ends the server and returns what it wrote to standard error.
fn end(child: Running) -> Result<String, Failed> {
    child.signal("INT")?;
    let finished = child.finish()?;
    finished.expect_code(130)?;
    Ok(finished.err())
}

/// The lines of the log, without their times.
fn log(stderr: &str) -> String {
    let lines = stderr.lines().filter(|line| line.starts_with("20"));
    let lines = lines.filter_map(|line| Some(line.split_once(' ')?.1.trim_start().to_owned() + "\n"));
    lines.collect()
}

fn the_log_of_known_traffic() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let words = [
        "--log=info",
        "--limit=run=0.2",
        "--limit=grace=0.2",
        "--limit=servers=1",
    ];
    let child = start("log_traffic", &words, peer.address())?;
    let server = child.address()?;
    get(server, "/a%20b?query=hidden")?;
    get(server, "/fetch")?;
    get(server, "/denied")?;
    get(server, "/another")?;
    let mut refused = Connection::open(server)?;
    refused.send("POST /large HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n")?;
    refused.response()?;
    let mut unreadable = Connection::open(server)?;
    unreadable.send("GET / HTTP/1.1\r\nno field\r\n\r\n")?;
    unreadable.response()?;
    let mut socket = Client::connect(server, "/socket", &[], &[])?;
    socket.send("four")?;
    socket.text()?;
    socket.close(1000, "")?;
    child.wait_stderr("closed")?;
    // It may get a 500, or only the end of its connection.
    drop(get(server, "/spin"));
    child.addresses(2)?;
    let log = log(&end(child)?);
    let expected = format!(
        "INFO atoll::run: started script=\"main.luau\"\n\
         INFO atoll::http: listening address={server} secure=false\n\
         INFO request{{method=\"GET\" path=\"/a%20b\" version=HTTP/1.1 peer=127.0.0.1 status=200 received=0 sent=5 queued_us=* script_us=* total_us=*}}: atoll::http: served\n\
         INFO fetch{{method=\"POST\" origin=\"http://{peer}\" sent=5 outcome=200 redirects=0 reused=false received=* total_us=*}}: atoll::client: fetched\n\
         INFO request{{method=\"GET\" path=\"/fetch\" version=HTTP/1.1 peer=127.0.0.1 status=200 received=0 sent=* queued_us=* script_us=* total_us=*}}: atoll::http: served\n\
         WARN atoll::permissions: denied action=\"net.request\" to=\"http://127.0.0.2:80\" reason=\"loopback address\" cure=\"--allow-net=127.0.0.2:80\"\n\
         INFO fetch{{method=\"GET\" origin=\"http://127.0.0.2:80\" sent=0 outcome=\"PermissionDenied\" redirects=0 reused=false received=0 total_us=*}}: atoll::client: failed\n\
         INFO request{{method=\"GET\" path=\"/denied\" * status=200 *}}: atoll::http: served\n\
         WARN atoll::limits: limit met limit=\"servers\"\n\
         INFO request{{method=\"GET\" path=\"/another\" * status=200 *}}: atoll::http: served\n\
         INFO request{{method=\"POST\" path=\"/large\" version=HTTP/1.1 peer=127.0.0.1 status=413 received=0 sent=* queued_us=0 script_us=0 total_us=*}}: atoll::http: refused reason=\"the content has more than 1048576 bytes\"\n\
         INFO atoll::http: refused peer=127.0.0.1 status=400 reason=\"invalid HTTP header parsed\"\n\
         INFO request{{method=\"GET\" path=\"/socket\" version=HTTP/1.1 peer=127.0.0.1 status=101 *}}: atoll::http: served\n\
         INFO websocket{{side=\"server\" peer=\"127.0.0.1\"}}: atoll::websocket: opened\n\
         INFO websocket{{side=\"server\" peer=\"127.0.0.1\" code=1000 messages_received=1 bytes_received=4 messages_sent=1 bytes_sent=4 total_us=*}}: atoll::websocket: closed\n\
         WARN atoll::run: killed script=\"main.luau\" reason=\"run\" error=\"the script ran for 0.2 s without waiting, *\"\n\
         ...\n\
         WARN atoll::run: restarted script=\"main.luau\"\n\
         INFO atoll::run: started script=\"main.luau\"\n\
         INFO atoll::http: listening address=127.0.0.1:* secure=false\n\
         INFO atoll::run: ended script=\"main.luau\"\n",
        peer = peer.address(),
    );
    compare("the log", &expected, &log)?;
    if !["500", "499"].iter().any(|status| {
        log.contains(&format!(
            "path=\"/spin\" version=HTTP/1.1 peer=127.0.0.1 status={status}"
        ))
    }) {
        return Err(format!("nothing of the request that spun:\n{log}").into());
    }
    Ok(())
}

fn the_log_as_json() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let child = start("log_json", &["--log=info", "--log-format=json"], peer.address())?;
    get(child.address()?, "/created")?;
    child.wait_stderr("\"served\"")?;
    let stderr = end(child)?;
    let lines = stderr.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(serde_json::from_str).collect::<Result<_, _>>()?;
    let served = lines.iter().find(|line| line["message"] == "served");
    let served = served.ok_or(format!("nothing was served:\n{stderr}"))?;
    assert_eq!(served["level"], "INFO");
    assert_eq!(served["target"], "atoll::http");
    let request = &served["span"];
    assert_eq!(request["name"], "request");
    assert_eq!(request["path"], "/created");
    assert_eq!(request["status"], 201);
    assert_eq!(request["sent"], 4);
    assert!(request["total_us"].as_u64() >= request["script_us"].as_u64());
    assert!(request["script_us"].as_u64() > Some(0));
    Ok(())
}

fn secrets_stay_out_of_the_log() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let child = start("log_secrets", &["--log=info"], peer.address())?;
    let server = child.address()?;
    let mut connection = Connection::open(server)?;
    connection.send(
        "POST /fetch?token=hidden HTTP/1.1\r\nhost: x\r\nauthorization: hidden\r\ncookie: hidden\r\n\
         content-length: 6\r\n\r\nhidden",
    )?;
    let response = connection.response()?;
    // The peer tells what it was sent, so it was there to be seen.
    assert!(response.text().contains("hidden"), "{}", response.text());
    get(server, "/denied?token=hidden")?;
    child.wait_stderr("path=\"/denied\"")?;
    let stderr = end(child)?;
    if stderr.contains("hidden") {
        return Err(stderr.into());
    }
    Ok(())
}

fn nobody_writes_the_log_but_the_host() -> Result<(), Failed> {
    let source = r#"
        net.request("http://a\nb/")
        net.request("http://\27[31m/")
        pcall(net.request, "http://x/", { method = "GET\r\n" })
        net.request("http://xn--/\r\n")
        pcall(net.websocket, "ws://\r\nINFO forged/")
        pcall(net.serve, { port = 0, address = "127.0.0.1\r\nINFO forged", request = function() return "" end })
        assert(net.serve({ port = 0, address = "127.0.0.1", request = function() return "" end }))
    "#;
    let words = ["--allow-all", "--log=atoll=trace"];
    let child = Atoll::source("log_forged", source, words)?.start()?;
    let server = child.address()?;
    for target in ["/\u{202e}\u{1f600}", "/\"quoted\"", "*"] {
        let mut connection = Connection::open(server)?;
        connection.send(format!(
            "GET {target} HTTP/1.1\r\nhost: \r\nuser-agent: \u{7f}\r\n\r\n"
        ))?;
        // Refused or not, it is told of.
        connection.response()?;
    }
    let mut connection = Connection::open(server)?;
    connection.send(b"GET /\x1b[2J\x00 HTTP/1.1\r\n\r\n")?;
    connection.response()?;
    let stderr = end(child)?;
    let is_plain = |c: char| c == '\n' || (' '..='~').contains(&c) || c == '…';
    if let Some(odd) = stderr.chars().find(|c| !is_plain(*c)) {
        return Err(format!("{odd:?} in the log:\n{stderr}").into());
    }
    let forged = stderr.lines().find(|line| {
        !line.starts_with("20") && !line.starts_with("listening on ") || line.contains(" INFO forged")
    });
    match forged {
        Some(line) => Err(format!("not the host's: {line:?}\n{stderr}").into()),
        None => Ok(()),
    }
}

fn warnings_of_a_script_have_a_limit() -> Result<(), Failed> {
    let source = "for _ = 1, 500 do net.request('http://127.0.0.2/') end";
    let words = ["--log=warn", "--limit=log-lines=10"];
    let finished = Atoll::source("log_flood", source, words)?.finish()?;
    finished.expect_code(0)?;
    let lines = log(&finished.err()).lines().count();
    // Ten at once, and ten more a second.
    if !(10..200).contains(&lines) {
        return Err(format!("{lines} lines of 500 denials:\n{}", finished.err()).into());
    }
    Ok(())
}

fn fresh(name: &str) -> Result<PathBuf, Failed> {
    let path = scratch().join(name);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(path),
    }
}

fn flag(path: &Path) -> String {
    format!("--access-log={}", path.display())
}

fn the_access_log_of_known_traffic() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let path = fresh("access.log")?;
    fs::write(&path, "already there\n")?;
    let words = [
        &flag(&path),
        "--limit=header-bytes=8k",
        "--limit=run=0.2",
        "--limit=grace=0.2",
    ];
    let child = start("access_traffic", &words, peer.address())?;
    let server = child.address()?;
    let mut kept = Connection::open(server)?;
    for request in [
        "GET /a?b=c HTTP/1.1\r\nhost: x\r\nreferer: http://x/?q\r\nuser-agent: Mozilla/5.0 (X11)\r\n\r\n",
        "POST /created HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}",
        "GET /\"\\\u{e9} HTTP/1.1\r\nhost: x\r\nuser-agent: \" 200 5 \"-\" \"\t\u{e9}\\\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        kept.send(request)?;
        kept.response()?;
    }
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(9000));
    for request in [
        "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9999999\r\n\r\n",
        "GET / HTTP/1.1\r\nno field\r\n\r\n",
        &long,
        "GET /spin HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        let mut connection = Connection::open(server)?;
        connection.send(request)?;
        // The last may get a 500, or only the end of its connection.
        drop(connection.response());
    }
    child.addresses(2)?;
    end(child)?;
    let expected = "already there\n\
        127.0.0.1 - - [??/???/20??:??:??:?? +0000] \"GET /a?b=c HTTP/1.1\" 200 5 \"http://x/?q\" \"Mozilla/5.0 (X11)\"\n\
        127.0.0.1 - - [*] \"POST /created HTTP/1.1\" 201 4 \"-\" \"-\"\n\
        127.0.0.1 - - [*] \"GET /\\\"\\\\\\xC3\\xA9 HTTP/1.1\" 200 5 \"-\" \"\\\" 200 5 \\\"-\\\" \\\"\\x09\\xC3\\xA9\\\\\"\n\
        127.0.0.1 - - [*] \"GET / HTTP/1.0\" 200 5 \"-\" \"-\"\n\
        127.0.0.1 - - [*] \"POST / HTTP/1.1\" 413 * \"-\" \"-\"\n\
        127.0.0.1 - - [*] \"-\" 400 0 \"-\" \"-\"\n\
        127.0.0.1 - - [*] \"GET / HTTP/1.1\" 431 * \"-\" \"-\"\n\
        127.0.0.1 - - [*] \"GET /spin HTTP/1.1\" * \"-\" \"-\"\n"
        .replace("[??/???/20??:??:??:?? +0000]", "[*/*/20*:*:*:* +0000]");
    compare("the access log", &expected, &fs::read_to_string(path)?)?;
    Ok(())
}

fn an_access_log_that_cannot_be_written_holds_nothing_up() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let child = start("access_full", &["--access-log=/dev/full"], peer.address())?;
    for _ in 0..3 {
        assert_eq!(get(child.address()?, "/")?.status(), 200);
        child.wait_stderr("warning: access log: cannot be written any more: ")?;
    }
    end(child)?;
    Ok(())
}

fn an_access_log_that_nobody_reads_holds_nothing_up() -> Result<(), Failed> {
    let peer = Peer::echo()?;
    let path = fresh("access.pipe")?;
    let made = std::process::Command::new("mkfifo").arg(&path).status()?;
    assert!(made.success());
    // Open at both ends, so that neither end's opening waits for the other's.
    let reader = fs::OpenOptions::new().read(true).write(true).open(&path)?;
    let (child, metrics) = metrics::start("access_pipe", &[&flag(&path)], peer.address())?;
    let mut kept = Connection::open(child.address()?)?;
    let agent = "x".repeat(2000);
    // More than the pipe and the queue take together.
    for _ in 0..1200 {
        kept.send(format!(
            "GET / HTTP/1.1\r\nhost: x\r\nuser-agent: {agent}\r\n\r\n"
        ))?;
        assert_eq!(kept.response()?.status(), 200);
    }
    drop(kept);
    let lost = Scrape::of(metrics)?.get("atoll_access_log_lines_lost_total")?;
    assert!(lost > 0.0, "nothing was lost");
    child.signal("INT")?;
    let finished = child.finish()?;
    drop(reader);
    finished.expect_code(130)?;
    Ok(())
}
