//! The bytes of an app: a component, and a custom section `atoll:app` at its end. Components for other hosts have one called
//! `atoll:wasi-http`, without files.
//!
//! The section's content is the number of the format (4 bytes, little-endian), the length of the manifest (as many), the manifest,
//! the contents of the files one after the other, and the SHA-256 of all that is before it in the whole file, the component
//! included. A change anywhere is therefore seen; who made the file is not.

use std::ops::Range;

use sha2::{Digest, Sha256};
use wasm_encoder::{ComponentSection, CustomSection};
use wasmparser::{BinaryReaderError, Chunk, Encoding, Parser, Payload};

use super::AppError;

/// What the component is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Atoll.
    App,
    /// Hosts of wasi:http.
    OtherHosts,
}

impl Kind {
    const ALL: [Kind; 2] = [Kind::App, Kind::OtherHosts];

    /// What the section is called.
    fn name(self) -> &'static str {
        match self {
            Kind::App => "atoll:app",
            Kind::OtherHosts => "atoll:wasi-http",
        }
    }

    fn of(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The only format that there is so far.
const FORMAT: u32 = 1;

/// Bytes of the hash.
const HASH: usize = 32;

/// Where what is in an app.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) guest: Range<usize>,
    pub(super) manifest: Range<usize>,
    pub(super) texts: Range<usize>,
}

/// Puts an app together.
pub(super) fn write<'a>(
    kind: Kind,
    guest: &[u8],
    manifest: &[u8],
    texts: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, String> {
    let length = u32::try_from(manifest.len()).map_err(|_| "there are too many files".to_owned())?;
    let mut content = Vec::new();
    content.extend_from_slice(&FORMAT.to_le_bytes());
    content.extend_from_slice(&length.to_le_bytes());
    content.extend_from_slice(manifest);
    for text in texts {
        content.extend_from_slice(text);
    }
    // Its place; what it is depends on what is before it.
    content.extend_from_slice(&[0; HASH]);
    if u32::try_from(content.len() + kind.name().len() + 8).is_err() {
        return Err("the files are more than a WebAssembly section can hold".to_owned());
    }
    let mut app = guest.to_vec();
    let section = CustomSection {
        name: kind.name().into(),
        data: content.into(),
    };
    section.append_to_component(&mut app);
    let place = app.len() - HASH;
    let hash = Sha256::digest(&app[..place]);
    app[place..].copy_from_slice(&hash);
    Ok(app)
}

/// Takes an app apart.
pub(super) fn read(bytes: &[u8]) -> Result<Found, AppError> {
    let section = find(bytes)?;
    let content = section.content;
    let word = |at: usize| -> Option<u32> {
        let word = bytes[content.clone()].get(at..at + 4)?;
        Some(u32::from_le_bytes(word.try_into().ok()?))
    };
    let short = || AppError::Damaged("its section is too short".to_owned());
    // First, as nothing is known of how others are written.
    match word(0).ok_or_else(short)? {
        FORMAT => {}
        0 => return Err(AppError::Damaged("it has no format".to_owned())),
        newer => return Err(AppError::NewerFormat(newer)),
    }
    if content.end != bytes.len() {
        return Err(AppError::Damaged("something follows the script".to_owned()));
    }
    let end = content
        .len()
        .checked_sub(HASH)
        .map(|length| content.start + length)
        .ok_or_else(short)?;
    if Sha256::digest(&bytes[..end])[..] != bytes[end..] {
        return Err(AppError::Damaged(
            "its bytes are not those that were built".to_owned(),
        ));
    }
    let length = word(4).and_then(|length| usize::try_from(length).ok());
    let from = content.start + 8;
    let to = length
        .and_then(|length| from.checked_add(length))
        .filter(|to| *to <= end)
        .ok_or_else(short)?;
    Ok(Found {
        kind: section.kind,
        guest: 0..section.start,
        manifest: from..to,
        texts: to..end,
    })
}

/// The section, in the whole file.
struct Place {
    kind: Kind,
    /// Where its head begins.
    start: usize,
    content: Range<usize>,
}

/// Goes through the outermost sections. What is in the others is for wasmtime to judge.
fn find(bytes: &[u8]) -> Result<Place, AppError> {
    if !super::is_wasm(bytes) {
        return Err(AppError::NoWasm);
    }
    let cut = |error: BinaryReaderError| AppError::Damaged(error.message().to_owned());
    let mut parser = Parser::new(0);
    let (mut at, mut found) = (0, None);
    while at < bytes.len() {
        let start = at;
        let Chunk::Parsed { consumed, payload } = parser.parse(&bytes[at..], true).map_err(cut)? else {
            return Err(AppError::Damaged("it is cut short".to_owned()));
        };
        at += consumed;
        match payload {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } => {
                return Err(AppError::Module);
            }
            // The parser goes on behind them.
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                at = at
                    .checked_add(unchecked_range.len())
                    .filter(|at| *at <= bytes.len())
                    .ok_or_else(|| AppError::Damaged("it is cut short".to_owned()))?;
            }
            Payload::CustomSection(section) => {
                let Some(kind) = Kind::of(section.name()) else {
                    continue;
                };
                if found.is_some() {
                    return Err(AppError::Damaged("it has two scripts".to_owned()));
                }
                found = Some(Place {
                    kind,
                    start,
                    content: section.data_offset()..section.data_offset() + section.data().len(),
                });
            }
            _ => {}
        }
    }
    found.ok_or(AppError::Foreign)
}
