//! Curves: what a request costs by what it comes with, and what memory goes by. Written as data, and drawn.

mod draw;
mod memory;

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::http::{Outcome, load};
use crate::server::{Server, pin_client};

/// What Atoll serves.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/curves.luau");

/// What takes the bounds away that a curve would end at.
const LIMITS: [&str; 5] = [
    "--limit=connections=20000",
    "--limit=sockets=20000",
    "--limit=memory=512m",
    "--limit=request-buffer=256m",
    "--",
];

/// Connections, where something else is what varies.
const CONNECTIONS: usize = 32;

/// One curve.
pub(crate) struct Curve {
    /// Of its files, and of its rows in the data.
    pub(crate) name: &'static str,
    /// What varies.
    pub(crate) across: &'static str,
    /// What is measured, on the left and, where there is a second, on the right.
    pub(crate) up: &'static [&'static str],
    /// Where it goes through.
    pub(crate) points: Points,
}

/// What varies, and what was measured.
pub(crate) type Points = Vec<(f64, Vec<f64>)>;

/// Measures all curves, and writes `curves.csv` and a drawing of each into the folder.
pub(crate) fn run(atoll: &Path, seconds: f64, folder: &Path) -> Result<(), Box<dyn Error>> {
    pin_client()?;
    let time = Duration::from_secs_f64(seconds);
    let measure = |held: usize, request: &[u8], connections: usize| -> Result<Vec<f64>, Box<dyn Error>> {
        let server = serve(atoll, held)?;
        let Outcome { rate, p99 } = load(server.address, request, time, connections)?;
        Ok(vec![rate, p99.as_secs_f64() * 1e3])
    };
    let curves = [
        requests(
            "connections",
            "connections",
            &[1, 4, 16, 64, 256, 1000, 4000, 10_000],
            |count| measure(0, &get(0), count),
        )?,
        requests(
            "content",
            "bytes of content (echoed)",
            &[
                1,
                1 << 10,
                16 << 10,
                64 << 10,
                256 << 10,
                1 << 20,
                4 << 20,
                16 << 20,
            ],
            |bytes| measure(0, &post(bytes), if bytes > 1 << 20 { 4 } else { CONNECTIONS }),
        )?,
        requests(
            "fields",
            "header fields of 24 bytes",
            &[1, 5, 10, 20, 40, 80],
            |count| measure(0, &get(count), CONNECTIONS),
        )?,
        requests(
            "heap",
            "live tables on the Luau heap",
            &[1, 10_000, 100_000, 300_000, 1_000_000],
            |count| measure(count, &get(0), CONNECTIONS),
        )?,
        memory::connections(atoll)?,
        memory::sockets(atoll)?,
        memory::instances()?,
    ];
    std::fs::create_dir_all(folder)?;
    let mut data = "curve,across,up,x,y\n".to_owned();
    for curve in &curves {
        for (x, values) in &curve.points {
            for (up, y) in curve.up.iter().zip(values) {
                writeln!(data, "{},{},{up},{x},{y:.3}", curve.name, curve.across)?;
            }
        }
        draw::svg(curve, &folder.join(curve.name).with_extension("svg"))?;
    }
    std::fs::write(folder.join("curves.csv"), &data)?;
    print!("{data}");
    Ok(())
}

/// A server whose script holds so many tables.
pub(crate) fn serve(atoll: &Path, held: usize) -> Result<Server, Box<dyn Error>> {
    let held = held.to_string();
    let words: Vec<&str> = LIMITS.into_iter().chain([held.as_str()]).collect();
    Server::atoll(atoll, SCRIPT, &words)
}

fn requests(
    name: &'static str,
    across: &'static str,
    values: &[usize],
    mut measure: impl FnMut(usize) -> Result<Vec<f64>, Box<dyn Error>>,
) -> Result<Curve, Box<dyn Error>> {
    let mut points = Vec::new();
    for &value in values {
        eprintln!("{name}: {value}");
        points.push((value as f64, measure(value)?));
    }
    Ok(Curve {
        name,
        across,
        up: &["requests/s", "99th of 100 (ms)"],
        points,
    })
}

fn get(fields: usize) -> Vec<u8> {
    let mut request = "GET / HTTP/1.1\r\nhost: bench\r\n".to_owned();
    for number in 0..fields {
        request += &format!("x-field-{number:02}: 0123456789abcd\r\n");
    }
    (request + "\r\n").into_bytes()
}

fn post(bytes: usize) -> Vec<u8> {
    let mut request =
        format!("POST / HTTP/1.1\r\nhost: bench\r\ncontent-length: {bytes}\r\n\r\n").into_bytes();
    request.resize(request.len() + bytes, b'x');
    request
}
