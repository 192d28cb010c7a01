//! Instructions for each operation, counted by callgrind: the measure that a busy machine does not change.
//!
//! The program runs twice, with N and with 2 N operations: what both do, such as starting, is in neither's difference. The kernel's
//! own instructions are not seen.

mod profile;

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use atoll::{Runtime, Script};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{self, TEXT, WebSocket};
use crate::server::{CLIENT_CORE, Server};
use profile::{OWNERS, Profile};

/// What Atoll runs.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.luau");

const HELLO: &[u8] = b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n";
const ECHO: &[u8] = b"POST / HTTP/1.1\r\nhost: bench\r\ncontent-length: 1024\r\n\r\n";

/// What is counted.
#[derive(Clone, Copy)]
enum What {
    Hello,
    Echo,
    Outgoing,
    Message,
    Fib,
    Instance,
}

/// Prints a line for each kind of operation, and one for the start.
pub(crate) fn run(atoll: &Path, operations: u64) -> Result<(), Box<dyn Error>> {
    let valgrind = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if !valgrind.is_ok_and(|status| status.success()) {
        return Err("`valgrind` is missing; install it (Debian: `apt-get install valgrind`)".into());
    }
    // Kept, as compiling the guest under valgrind takes a minute. Beside the program, and not where others may write.
    let own = std::env::current_exe()?;
    let folder = own
        .parent()
        .ok_or("this program lies nowhere")?
        .join("instructions");
    std::fs::create_dir_all(&folder)?;
    Counter {
        atoll,
        folder: &folder,
    }
    .all(operations)
}

/// Starts `count` instances of a script that does nothing, one after the other.
pub(crate) fn instances(count: u64, cache: &Path) -> Result<(), Box<dyn Error>> {
    let runtime = Runtime::builder().cache(cache).build()?;
    let script = Script::new("empty.luau", "");
    executor()?.block_on(async {
        for _ in 0..count {
            runtime.run(&script).await?;
        }
        Ok(())
    })
}

struct Counter<'a> {
    atoll: &'a Path,
    /// Where callgrind writes, and where compiled guests are kept: those for the processor that valgrind shows.
    folder: &'a Path,
}

impl Counter<'_> {
    fn all(&self, operations: u64) -> Result<(), Box<dyn Error>> {
        println!(
            "thousands of instructions outside of the kernel, by whose code they are, from {operations} operations and twice that"
        );
        print!("  {:<16}{:>9}", "", "all");
        for owner in OWNERS {
            print!("{owner:>13}");
        }
        println!();
        // Whoever runs first compiles the guest.
        self.script("fib", 0, "")?;
        self.instances(1)?;
        line("start", self.script("fib", 0, "")?.0.map(|count| count as f64));
        let work = [
            ("hello", What::Hello, operations),
            ("echo 1 KiB", What::Echo, operations),
            ("outgoing", What::Outgoing, operations),
            ("WebSocket", What::Message, operations),
            ("fib(15)", What::Fib, operations),
            ("fresh instance", What::Instance, operations.div_ceil(10)),
        ];
        for (name, what, count) in work {
            let (less, more) = (self.count(what, count)?, self.count(what, 2 * count)?);
            line(name, more.beyond(&less, count));
        }
        Ok(())
    }

    fn count(&self, what: What, count: u64) -> Result<Profile, Box<dyn Error>> {
        match what {
            What::Hello => self.serve(|server| exchange(server, HELLO.to_vec(), b"Hello", count)),
            What::Echo => {
                let content = [b'x'; 1024];
                self.serve(|server| exchange(server, [ECHO, &content].concat(), &content, count))
            }
            What::Message => self.serve(|server| messages(server, count)),
            What::Outgoing => {
                let server = Server::reference("hyper", CLIENT_CORE)?;
                self.script("outgoing", count, &format!("http://{}/", server.address))
            }
            What::Fib => self.script("fib", count, ""),
            What::Instance => self.instances(count),
        }
    }

    /// Counts a server that is asked by `load`, and ended by a last request.
    fn serve(
        &self,
        load: impl FnOnce(SocketAddr) -> Result<(), Box<dyn Error>>,
    ) -> Result<Profile, Box<dyn Error>> {
        let mut command = self.callgrind(self.atoll);
        command.args(["run", SCRIPT, "--allow-listen=localhost", "--", "serve", "0", ""]);
        let mut server = Server::start(&mut command)?;
        load(server.address)?;
        // It ends instead of answering.
        drop(executor()?.block_on(client::http(server.address, "GET /end", "")));
        server.wait()?;
        self.profile(self.atoll)
    }

    fn script(&self, what: &str, count: u64, url: &str) -> Result<Profile, Box<dyn Error>> {
        let mut command = self.callgrind(self.atoll);
        command.args([
            "run",
            SCRIPT,
            "--allow-net=localhost",
            "--allow-net=127.0.0.1",
            "--limit=run=600",
            "--",
        ]);
        finished(command.args([what, &count.to_string(), url]))?;
        self.profile(self.atoll)
    }

    /// The library, in a process of this very program.
    fn instances(&self, count: u64) -> Result<Profile, Box<dyn Error>> {
        let own = std::env::current_exe()?;
        let mut command = self.callgrind(&own);
        command
            .args(["instances", &count.to_string()])
            .arg(self.folder.join("library"));
        finished(&mut command)?;
        self.profile(&own)
    }

    fn callgrind(&self, program: &Path) -> Command {
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind"])
            .arg(self.option("--callgrind-out-file=", "counts"))
            .arg(self.option("--log-file=", "log"))
            .arg(program)
            .env("XDG_CACHE_HOME", self.folder);
        command
    }

    fn option(&self, name: &str, file: &str) -> std::ffi::OsString {
        let mut option = std::ffi::OsString::from(name);
        option.push(self.folder.join(file));
        option
    }

    fn profile(&self, program: &Path) -> Result<Profile, Box<dyn Error>> {
        let path: PathBuf = self.folder.join("counts");
        let text = std::fs::read(&path)?;
        std::fs::remove_file(path)?;
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let profile = profile::read(&String::from_utf8_lossy(&text), &format!("/{name}"));
        if profile.total() == 0 {
            return Err("callgrind counted nothing".into());
        }
        Ok(profile)
    }
}

fn line(name: &str, counts: [f64; OWNERS.len()]) {
    print!("  {name:<16}{:>9.1}", counts.iter().sum::<f64>() / 1e3);
    for count in counts {
        print!("{:>13.1}", count / 1e3);
    }
    println!();
}

fn finished(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// One connection, one request after the other.
fn exchange(server: SocketAddr, request: Vec<u8>, content: &[u8], count: u64) -> Result<(), Box<dyn Error>> {
    let end = [b"\r\n\r\n", content].concat();
    executor()?.block_on(async {
        let mut stream = client::connect(server, None).await?;
        for _ in 0..count {
            stream.write_all(&request).await?;
            let mut response = Vec::new();
            while !response.ends_with(&end) {
                if stream.read_buf(&mut response).await? == 0 {
                    return Err(client::lost().into());
                }
            }
        }
        Ok(())
    })
}

/// One WebSocket, one short message after the other.
fn messages(server: SocketAddr, count: u64) -> Result<(), Box<dyn Error>> {
    executor()?.block_on(async {
        let mut socket = WebSocket::open(client::connect(server, None).await?).await?;
        for _ in 0..count {
            socket.send(TEXT, b"a message").await?;
            if socket.next().await? != (TEXT, "a message".into()) {
                return Err("the message came back as another".into());
            }
        }
        Ok(socket.close().await?)
    })
}

fn executor() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
