//! Tests over several files of `diagnostics`.

mod places;
mod rendering;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Source, Sources};

/// Chunks by name.
struct Texts(BTreeMap<String, Arc<Source>>);

impl Texts {
    fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Texts {
        let chunks = texts
            .into_iter()
            .map(|(name, text)| (name.to_owned(), Arc::new(Source::new(text))));
        Texts(chunks.collect())
    }
}

impl Sources for Texts {
    fn source(&self, name: &str) -> Option<Arc<Source>> {
        self.0.get(name).cloned()
    }
}
