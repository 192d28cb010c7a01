//! One healthy server among scripts that spin, all in one process on one thread: what its clients and its timers notice,
//! against the same server alone.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use atoll::{Console, Event, Limits, Output, Permissions, Runtime, Script, ScriptError, Stop};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Answers, and has a timer that notes how late it is; `/late` tells the latenesses.
const HEALTHY: &str = "
local late = {}
task.spawn(function()
    while true do
        table.insert(late, task.wait(0.01) - 0.01)
    end
end)
net.serve({ port = 0, address = '127.0.0.1', request = function(request)
    if request.path ~= '/late' then
        return 'hello'
    end
    local noted = late
    late = {}
    for index, seconds in noted do
        noted[index] = string.format('%.6f', seconds)
    end
    return table.concat(noted, ' ')
end })";

/// Never waits, and survives being told.
const SPINNING: &str = "while true do pcall(function() while true do end end) end";

/// Between two requests.
const PAUSE: Duration = Duration::from_millis(10);

/// How long all instances may take to start.
const START: Duration = Duration::from_secs(10);

/// Tells where the server listens.
struct Listening(Mutex<mpsc::Sender<SocketAddr>>);

impl Console for Listening {
    fn write_line(&self, _: Output, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn report(&self, error: &ScriptError) {
        eprintln!("{error}");
    }

    fn event(&self, event: &Event<'_>) {
        if let Event::Listening { address, .. } = event {
            // Nobody listens once the measurement is over.
            let _ = self
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .send(*address);
        }
    }
}

/// Milliseconds: of requests, and of timers past their time.
struct Seen {
    requests: Vec<f64>,
    timers: Vec<f64>,
}

/// Prints the latencies alone, and among so many spinning instances.
pub(crate) fn run(spinning: usize, seconds: f64) -> Result<(), Box<dyn Error>> {
    let time = Duration::from_secs_f64(seconds);
    println!("one server, one thread; milliseconds over {seconds} s: median, 99th of 100, worst");
    for count in [0, spinning] {
        let seen = measure(count, time)?;
        println!("  among {count} spinning instances");
        for (name, samples) in [("requests", seen.requests), ("timers late by", seen.timers)] {
            let at = |part: f64| percentile(&samples, part);
            println!(
                "    {name:<15}{:>8.2} {:>8.2} {:>8.2}",
                at(0.5),
                at(0.99),
                at(1.0)
            );
        }
    }
    Ok(())
}

fn measure(spinning: usize, time: Duration) -> Result<Seen, Box<dyn Error>> {
    let (tell, told) = mpsc::channel();
    // So that nothing is ended while it is measured.
    let limits = Limits {
        run: Duration::from_secs(3_600),
        memory: 32 << 20,
        ..Limits::default()
    };
    let runtime = Runtime::builder()
        .permissions(Permissions::none().allow_all())
        .limits(limits)
        .console(Listening(Mutex::new(tell)))
        .build()?;
    let stop = Stop::new();
    let scripts = {
        let (runtime, stop) = (runtime.clone(), stop.clone());
        std::thread::spawn(move || -> std::io::Result<()> {
            let executor = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            executor.block_on(async {
                for _ in 0..spinning {
                    let (runtime, stop) = (runtime.clone(), stop.clone());
                    tokio::spawn(async move {
                        runtime.run_until(&Script::new("spinning", SPINNING), &stop).await
                    });
                }
                // It ends when it is told to.
                drop(runtime.run_until(&Script::new("healthy", HEALTHY), &stop).await);
            });
            executor.shutdown_background();
            Ok(())
        })
    };
    let address = told.recv_timeout(START)?;
    let wanted = spinning as u64 + 1;
    let began = Instant::now();
    while runtime.usage().instances < wanted && began.elapsed() < START {
        std::thread::sleep(PAUSE);
    }
    let client = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let seen = client.block_on(ask(address, time));
    stop.stop();
    scripts.join().map_err(|_| "the scripts' thread panicked")??;
    seen
}

async fn ask(address: SocketAddr, time: Duration) -> Result<Seen, Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "the client is not a script")]
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // What was noted while everything started does not count.
    get(&mut stream, "/late").await?;
    let mut requests = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let asked = Instant::now();
        get(&mut stream, "/").await?;
        requests.push(asked.elapsed().as_secs_f64() * 1e3);
        tokio::time::sleep(PAUSE).await;
    }
    let late = get(&mut stream, "/late").await?;
    let timers = late
        .split(' ')
        .filter_map(|text| text.parse::<f64>().ok())
        .map(|late| late * 1e3);
    Ok(Seen {
        requests,
        timers: timers.collect(),
    })
}

/// The content of the answer.
async fn get(stream: &mut TcpStream, path: &str) -> Result<String, Box<dyn Error>> {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: bench\r\n\r\n").as_bytes())
        .await?;
    let mut received = Vec::new();
    loop {
        if stream.read_buf(&mut received).await? == 0 {
            return Err("the server closed the connection".into());
        }
        let text = String::from_utf8_lossy(&received);
        let Some((head, content)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.ok_or("a response without a length")?.parse()?;
        if content.len() >= length {
            return Ok(content.to_owned());
        }
    }
}

fn percentile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
