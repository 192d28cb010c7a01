//! What an app asks for is shown and never granted.

use std::path::PathBuf;

use libtest_mimic::{Failed, Trial};

use super::{atoll, built, expect_refusal, folder};
use crate::harness::peer::Peer;
use crate::harness::trials;

/// The tests of this file.
pub(super) fn trials() -> Vec<Trial> {
    trials![
        asking_grants_nothing,
        what_the_command_line_grants_holds,
        wishes_beside_what_is_granted,
        a_wish_for_nothing,
        a_wish_that_is_no_rule,
    ]
}

/// Tries all that needs a permission.
const MAIN: &str = "print(select(2, net.request(process.args[1])))\nprint(net.serve({ port = 0, address = '127.0.0.1', request = \
                    print }))\nprint(process.env.HOME)\nprocess.exit(0)\n";

/// An app that asks for everything, in two ways.
fn greedy(name: &str) -> Result<PathBuf, Failed> {
    let config = "[permissions]\nallow-all = true\nallow-net = [\"*\", \"private\"]\nallow-listen = true\nallow-env = true\n";
    let project = folder(name, &[("main.luau", MAIN), ("atoll.toml", config)])?;
    built(&project, &["-A", "--allow-net=localhost", "--allow-env=HOME"])
}

fn asking_grants_nothing() -> Result<(), Failed> {
    let place = greedy("greedy")?;
    let peer = Peer::echo()?;
    let url = format!("http://{}/", peer.address());
    let finished = atoll(&place, &["run", "app.wasm", "--", &url])?;
    finished.expect_code(0)?;
    let out = finished.out();
    let lines: Vec<&str> = out.lines().collect();
    let [request, serve, home] = lines[..] else {
        return Err(format!("three lines, not {lines:?}").into());
    };
    assert!(
        request.starts_with("PermissionDenied: net.request to "),
        "{request}"
    );
    assert!(
        serve.starts_with("false\tPermissionDenied: net.serve "),
        "{serve}"
    );
    assert_eq!(home, "nil");
    // Neither does a part of it open the rest, nor does what lies beside it as its config.
    std::fs::write(place.join("atoll.toml"), "[permissions]\nallow-all = true\n")?;
    let words = ["run", "app.wasm", "--allow-net=api.example.com", "--", &url];
    let finished = atoll(&place, &words)?;
    assert_eq!(
        finished.out().matches("PermissionDenied").count(),
        2,
        "{}",
        finished.out()
    );
    Ok(())
}

/// What an app asks to do without is the command line's to forbid, too.
fn what_the_command_line_grants_holds() -> Result<(), Failed> {
    let project = folder(
        "modest",
        &[(
            "main.luau",
            "local _, got = net.request(process.args[1]) print(got.ok)",
        )],
    )?;
    let place = built(&project, &["--deny-net=*"])?;
    let peer = Peer::echo()?;
    let url = format!("http://{}/", peer.address());
    let finished = atoll(&place, &["run", "app.wasm", "--allow-net=localhost", "--", &url])?;
    finished.expect_code(0)?;
    assert_eq!(finished.out(), "true\n");
    Ok(())
}

fn wishes_beside_what_is_granted() -> Result<(), Failed> {
    let config = "[package]\nname = \"bot\"\nversion = \"1.2.0\"\n[permissions]\nallow-net = [\"api.example.com:443\", \
                  \"*.example.org\"]\ndeny-net = [\"private\"]\nallow-listen = [\"localhost\"]\n";
    let project = folder("beside", &[("main.luau", ""), ("atoll.toml", config)])?;
    let place = built(&project, &["--allow-env=TOKEN,HOME"])?;
    let words = [
        "permissions",
        "app.wasm",
        "--allow-net=api.example.com,www.example.org",
        "--allow-env=HOME",
    ];
    let words: Vec<&str> = words
        .into_iter()
        .chain(["--allow-listen", "--deny-listen=*:22"])
        .collect();
    let finished = atoll(&place, &words)?;
    finished.expect_code(0)?;
    let version = env!("CARGO_PKG_VERSION");
    let expected = format!(
        "bot 1.2.0 (for atoll:net@0.1.0, built by Atoll {version}) asks for:
  connect      wanted    api.example.com:443  granted
  connect      wanted    *.example.org        granted in part
  connect      unwanted  private              add --deny-net=private to hold it to that
  listen       wanted    localhost            granted
  environment  wanted    TOKEN                not granted
  environment  wanted    HOME                 granted
app.wasm may:
  connect      allowed  api.example.com               command line
  connect      allowed  www.example.org               command line
  listen       denied   *:22                          command line
  listen       allowed  *                             command line
  environment  allowed  HOME                          command line
  connect      denied   metadata addresses of clouds  always, unless named as literals
not granted of what it asks for: --allow-net=*.example.org --allow-env=TOKEN
"
    );
    assert_eq!(finished.out(), expected);
    // The flags that it names are those that grant it.
    let words: Vec<&str> = words
        .into_iter()
        .chain(["--allow-net=*.example.org", "--allow-env=TOKEN"])
        .collect();
    let finished = atoll(&place, &words)?;
    assert!(!finished.out().contains("not granted"), "{}", finished.out());
    Ok(())
}

fn a_wish_for_nothing() -> Result<(), Failed> {
    let place = built(&folder("wishless", &[("main.luau", "")])?, &[])?;
    let finished = atoll(&place, &["permissions", "app.wasm"])?;
    finished.expect_code(0)?;
    let out = finished.out();
    assert!(
        out.lines()
            .next()
            .is_some_and(|line| line.ends_with(" asks for nothing")),
        "{out}"
    );
    assert!(
        out.contains("app.wasm may:\n") && !out.contains("not granted"),
        "{out}"
    );
    Ok(())
}

fn a_wish_that_is_no_rule() -> Result<(), Failed> {
    let config = "[permissions]\nallow-net = [\"http://x/path\"]\n";
    let project = folder("no_rule", &[("main.luau", ""), ("atoll.toml", config)])?;
    let finished = atoll(&project, &["build", "main.luau", "-o", "app.wasm"])?;
    expect_refusal(&finished, 2, &["atoll.toml: ", "http://x/path"])?;
    let finished = atoll(
        &project,
        &["build", "main.luau", "-o", "app.wasm", "--config", "gone.toml"],
    )?;
    expect_refusal(&finished, 2, &["cannot read the config gone.toml"])
}
