//! What the pages use of curl, so that the suite needs none: `-i`, `-s`, `-N`, `-X`, `-H`, `-d`, `--json` and a URL of `http`. Called by
//! `session`. A word that it does not know fails the test.

use libtest_mimic::Failed;

use crate::harness::http::Connection;

/// Sends the request, and returns what curl would write.
pub(super) fn run(words: &[String]) -> Result<String, Failed> {
    let mut method = None;
    let mut fields = Vec::new();
    let mut data = None;
    let mut url = None;
    let mut has_head = false;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut argument = || words.next().cloned().ok_or("a word is missing");
        match word.as_str() {
            "-i" => has_head = true,
            "-s" | "-N" => {}
            "-X" => method = Some(argument()?),
            "-H" => fields.push(argument()?),
            "-d" => {
                fields.push("content-type: application/x-www-form-urlencoded".to_owned());
                data = Some(argument()?);
            }
            "--json" => {
                fields.push("content-type: application/json".to_owned());
                data = Some(argument()?);
            }
            _ if word.starts_with('-') => {
                return Err(format!("an option of curl that these tests lack: {word}").into());
            }
            _ => url = Some(word.clone()),
        }
    }
    let url = url.ok_or("no URL")?;
    let rest = url.strip_prefix("http://").ok_or("a URL without http://")?;
    let (host, target) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let address = host.replace("localhost", "127.0.0.1");
    let mut connection = Connection::open(address.parse().map_err(|_| format!("no address: {host}"))?)?;
    let method = method.unwrap_or_else(|| if data.is_some() { "POST" } else { "GET" }.to_owned());
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for field in fields {
        request.push_str(&format!("{field}\r\n"));
    }
    if let Some(data) = &data {
        request.push_str(&format!("content-length: {}\r\n", data.len()));
    }
    connection.send(request + "\r\n" + data.as_deref().unwrap_or_default())?;
    let response = connection.response()?;
    let mut written = String::new();
    if has_head {
        written.push_str(&format!("{}\n", response.start));
        for (name, value) in &response.headers {
            written.push_str(&format!("{name}: {value}\n"));
        }
        written.push('\n');
    }
    Ok(written + &response.text())
}
