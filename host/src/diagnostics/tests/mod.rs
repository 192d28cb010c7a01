//! Tests over several files of `diagnostics`.
//!
//! Tables of messages and sources: in a source `«…»` is around the place that is found; where there is none, `▸` stands at
//! the beginning of the line that the message names, if it is not the first.

mod lines;
mod properties;
mod rendering;
mod runtime;
mod syntax;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{MarkKind, Source, Sources, excerpts_of_error, excerpts_of_syntax};

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

/// What is found for the message on the marked line, in the notation of the source.
fn shown(message: &str, source: &str, is_syntax: bool) -> (String, Option<MarkKind>, Option<String>) {
    let number = 1 + source
        .lines()
        .position(|line| line.contains(['«', '▸']))
        .unwrap_or_default();
    let plain = source.replace(['«', '»', '▸'], "");
    let texts = Texts::of([("m.luau", plain.as_bytes())]);
    let message = format!("m.luau:{number}: {message}");
    let excerpts = if is_syntax {
        excerpts_of_syntax(&message, &texts)
    } else {
        excerpts_of_error(&message, &format!("m.luau:{number} function f"), &texts)
    };
    let last = excerpts.last().expect("the line is there");
    assert_eq!(last.line, number, "{message}\n{source}");
    let mark = last.marks.iter().find(|mark| mark.kind != MarkKind::Aside);
    let lines = plain.split('\n').enumerate().map(|(index, line)| match mark {
        Some(mark) if index + 1 == number => {
            let (start, end) = (mark.bytes.start, mark.bytes.end);
            format!("{}«{}»{}", &line[..start], &line[start..end], &line[end..])
        }
        None if index + 1 == number && number > 1 => format!("▸{line}"),
        _ => line.to_owned(),
    });
    (
        lines.collect::<Vec<_>>().join("\n"),
        mark.map(|mark| mark.kind),
        mark.and_then(|mark| mark.label.clone()),
    )
}

fn check(table: &[(&str, &[&str])], kind: MarkKind, is_syntax: bool) {
    for (message, sources) in table {
        for source in *sources {
            let expected_kind = source.contains('«').then_some(kind);
            let (place, kind, _) = shown(message, source, is_syntax);
            assert_eq!((place.as_str(), kind), (*source, expected_kind), "{message}");
        }
    }
}
