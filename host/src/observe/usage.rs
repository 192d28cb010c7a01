//! What the runs of one runtime hold at the moment, for embedders to watch.

use std::sync::atomic::{AtomicU64, Ordering};

/// What is held right now, over all runs of one runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Instances of the guest.
    pub instances: u64,
    /// Host resources in guests' hands: servers, requests under way, contents, WebSockets.
    pub handles: u64,
    /// Bytes of linear memory, the exceptions' heap included.
    pub memory: u64,
}

/// The counters behind it.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    instances: AtomicU64,
    handles: AtomicU64,
    memory: AtomicU64,
}

impl Gauges {
    pub(crate) fn usage(&self) -> Usage {
        let read = |gauge: &AtomicU64| gauge.load(Ordering::Relaxed);
        Usage {
            instances: read(&self.instances),
            handles: read(&self.handles),
            memory: read(&self.memory),
        }
    }

    pub(crate) fn instance_began(&self) {
        self.instances.fetch_add(1, Ordering::Relaxed);
    }

    /// With all that it still held.
    pub(crate) fn instance_ended(&self, handles: u64, memory: u64) {
        self.instances.fetch_sub(1, Ordering::Relaxed);
        self.handles.fetch_sub(handles, Ordering::Relaxed);
        self.memory.fetch_sub(memory, Ordering::Relaxed);
    }

    pub(crate) fn handle_given(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handle_taken(&self) {
        self.handles.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn memory_changed(&self, from: u64, to: u64) {
        // Wraps around where it shrinks, and comes out right.
        self.memory.fetch_add(to.wrapping_sub(from), Ordering::Relaxed);
    }
}
