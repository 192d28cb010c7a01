//! Which connections have answered before: a request that fails on one of these may be sent once more, where its
//! method allows it (RFC 9110, section 9.2.2). A server may close a kept connection at any time, also just
//! as a request is on its way.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpInfo;

/// More connections than a script keeps to the origins that it talks to in turn.
const MOST: usize = 256;

/// The connections, by the address that the system gave their end here.
#[derive(Default)]
pub(super) struct Kept(Mutex<VecDeque<SocketAddr>>);

impl Kept {
    /// A response came, over the connection that its extensions name.
    pub(super) fn answered(&self, extensions: &http::Extensions) {
        let Some(connection) = extensions.get::<HttpInfo>() else {
            return;
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.contains(&connection.local_addr()) {
            kept.push_back(connection.local_addr());
            if kept.len() > MOST {
                kept.pop_front();
            }
        }
    }

    /// Whether the request failed on a connection that had answered before.
    pub(super) fn carried(&self, failure: &legacy::Error) -> bool {
        let mut extensions = http::Extensions::new();
        if let Some(connection) = failure.connect_info() {
            connection.get_extras(&mut extensions);
        }
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        extensions
            .get::<HttpInfo>()
            .is_some_and(|connection| kept.contains(&connection.local_addr()))
    }
}
