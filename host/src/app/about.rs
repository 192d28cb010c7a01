//! What a component says of itself: an app of ours beside its files, and one for other hosts in a section that holds nothing else.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::manifest::{Wishes, check_words};
use super::section::{self, Kind};
use super::{App, AppError};

/// The contract of a component for other hosts.
pub(crate) const OTHER_HOSTS: &str = "wasi:http@0.2";

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// What it is called.
    pub(crate) name: String,
    /// Which version of it this is, where it has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) version: Option<String>,
    /// What its host has to speak.
    pub(crate) contract: String,
    /// The version of Atoll that built it.
    pub(crate) atoll: String,
    /// What its author says that it needs.
    #[serde(rename = "permissions")]
    pub(crate) wishes: Wishes,
}

/// A file that says something of itself.
pub(crate) enum Said {
    /// An app.
    App(About),
    /// A component for other hosts.
    OtherHosts(About),
}

impl Said {
    /// Reads what the file says.
    ///
    /// # Errors
    ///
    /// What the bytes are instead, or an app that this Atoll can't run.
    pub(crate) fn read(bytes: impl Into<Bytes>) -> Result<Said, AppError> {
        let bytes = bytes.into();
        let found = section::read(&bytes)?;
        match found.kind {
            Kind::App => Ok(Said::App(App::read(bytes)?.about)),
            Kind::OtherHosts => Ok(Said::OtherHosts(About::parse(&bytes[found.manifest])?)),
        }
    }
}

impl About {
    /// The component, which is for other hosts, with this in it.
    ///
    /// # Errors
    ///
    /// What of it no component can say.
    pub(crate) fn add_to(&self, component: &[u8]) -> Result<Vec<u8>, String> {
        self.check()?;
        let text = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        section::write(Kind::OtherHosts, component, &text, [])
    }

    /// Reads what [`add_to`](About::add_to) has added.
    pub(super) fn parse(text: &[u8]) -> Result<About, AppError> {
        let about: About = serde_json::from_slice(text)
            .map_err(|error| AppError::Damaged(format!("what it says of itself can't be read ({error})")))?;
        about.check().map_err(AppError::Damaged)?;
        Ok(about)
    }

    fn check(&self) -> Result<(), String> {
        check_words(&self.name, self.version.as_deref(), &self.atoll)?;
        // The only one so far; a later Atoll's may ask for more than this one knows to tell.
        match self.contract.as_str() {
            OTHER_HOSTS => self.wishes.check(),
            other => Err(format!(
                "{other:?} is no contract of other hosts that this Atoll knows"
            )),
        }
    }
}
