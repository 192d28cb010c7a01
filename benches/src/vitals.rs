//! What a process takes from the system, as `/proc` tells it.

use std::io;
use std::time::Duration;

/// What maps more address space than this without access is the guest's linear memory, in front of its guard.
const GUARD: u64 = 1 << 30;

/// Resident memory in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    /// All of it.
    pub(crate) all: u64,
    /// The guest's linear memory.
    pub(crate) guest: u64,
}

/// Resident memory of a process.
pub(crate) fn resident(process: u32) -> io::Result<Resident> {
    let maps = std::fs::read_to_string(format!("/proc/{process}/smaps"))?;
    let mut resident = Resident { all: 0, guest: 0 };
    // The mapping before the one that is being read: where it ends, and what of it is resident.
    let (mut end, mut last) = (0, 0);
    for line in maps.lines() {
        if let Some(kib) = line.strip_prefix("Rss:") {
            last = kib.trim_end_matches("kB").trim().parse().unwrap_or(0);
            resident.all += last;
        } else if let Some((from, to, rights)) = mapping(line) {
            if rights == "---p" && from == end && to - from > GUARD {
                resident.guest += last;
            }
            end = to;
        }
    }
    Ok(resident)
}

/// `from-to rights …`
fn mapping(line: &str) -> Option<(u64, u64, &str)> {
    let mut words = line.split(' ');
    let (from, to) = words.next()?.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((number(from)?, number(to)?, words.next()?))
}

/// Descriptors that this process has open.
pub(crate) fn descriptors() -> io::Result<usize> {
    // One of them reads the folder.
    Ok(std::fs::read_dir("/proc/self/fd")?.count() - 1)
}

/// The time that all threads of a process were on a processor.
pub(crate) fn process_time(process: u32) -> io::Result<Duration> {
    let mut time = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let times = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let nanoseconds = times.split(' ').next().and_then(|text| text.parse().ok());
        time += Duration::from_nanos(nanoseconds.unwrap_or(0));
    }
    Ok(time)
}
