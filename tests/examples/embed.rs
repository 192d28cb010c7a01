//! The examples that are Rust programs.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use libtest_mimic::{Failed, Trial};

use crate::harness::child::scratch;
use crate::harness::http::{Connection, get};
use crate::harness::trials;

/// The tests of this file.
pub(crate) fn trials() -> Vec<Trial> {
    trials![batch, tenants]
}

/// The example, to be run. `cargo test --test suite` alone does not build them, so cargo is asked once.
fn example(name: &str) -> Result<Command, Failed> {
    static BUILT: OnceLock<Result<(), String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "atoll", "--examples"]);
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        match cargo.output() {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(error) => Err(error.to_string()),
        }
    });
    built.clone()?;
    // This program is in `target/PROFILE/deps`.
    let own = std::env::current_exe()?;
    let folder = own
        .ancestors()
        .nth(2)
        .ok_or("the suite lies in no build folder")?;
    let program: PathBuf = folder.join("examples").join(name);
    let mut command = Command::new(program);
    command.env("ATOLL_EXAMPLE_CACHE", scratch().join("atoll"));
    Ok(command)
}

fn batch() -> Result<(), Failed> {
    let output = example("batch")?.output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{text}");
    let outcomes: Vec<&str> = text.lines().step_by(2).collect();
    assert_eq!(outcomes[..2], ["sum: {\"sum\":500500}", "waits: \"waited\""]);
    assert!(
        outcomes[2].starts_with("forever: job.luau:1: LimitExceeded: "),
        "{text}"
    );
    assert!(outcomes[3].starts_with("hungry: not enough memory"), "{text}");
    assert!(
        outcomes[4].starts_with("reaches out: [false,\"PermissionDenied: "),
        "{text}"
    );
    for usage in text.lines().skip(1).step_by(2) {
        assert!(
            usage.contains(" ms of work, ") && usage.ends_with(" MiB at most"),
            "{text}"
        );
    }
    Ok(())
}

/// Is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn tenants() -> Result<(), Failed> {
    let mut service = Running(
        example("tenants")?
            .arg("0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?,
    );
    let out = service.0.stdout.take().ok_or("it has no output")?;
    let mut line = String::new();
    BufReader::new(out).read_line(&mut line)?;
    let address: SocketAddr = line
        .trim()
        .strip_prefix("listening on http://")
        .ok_or_else(|| format!("it said {line:?}"))?
        .parse()?;
    assert_eq!(get(address, "/ada/there")?.text(), "ada says hello to /there\n");
    // Eve's script computes for ever, and the others answer meanwhile.
    let mut eve = Connection::open(address)?;
    eve.send("GET /eve/x HTTP/1.1\r\nhost: x\r\n\r\n")?;
    let mut connection = Connection::open(address)?;
    connection.send("POST /bob/sum HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n1 2 3")?;
    assert_eq!(connection.response()?.text(), "6\n");
    assert_eq!(eve.response()?.status(), 500);
    assert_eq!(get(address, "/nobody/x")?.status(), 404);
    Ok(())
}
