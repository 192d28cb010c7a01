//! Where a request goes, and how it is named there.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri};
use http_body_util::Full;
use url::{Position, Url};

use super::super::error::Error;
use super::connection::Request;
use super::{parse, target};
use crate::permissions::Target;

/// Where a request goes.
pub(super) struct Place {
    pub(super) url: Url,
    pub(super) target: Target,
    /// The URL without its fragment.
    pub(super) uri: Uri,
    /// What the field `host` says.
    pub(super) host: HeaderValue,
}

/// The places that a script has last asked for, as most ask for the same again and again. What is kept is what their URLs
/// mean, never a decision.
#[derive(Default)]
pub(super) struct Places(Mutex<VecDeque<(String, Arc<Place>)>>);

/// So many are kept.
const RECENT: usize = 8;

/// Bytes of a URL that is kept.
const LONGEST: usize = 1 << 10;

impl Place {
    pub(super) fn of(url: Url) -> Result<Place, Error> {
        Ok(Place {
            target: target(&url)?,
            uri: uri(&url)?,
            host: host(&url)?,
            url,
        })
    }

    pub(super) fn request(
        &self,
        uri: Uri,
        method: &Method,
        fields: &HeaderMap,
        content: Full<Bytes>,
    ) -> Request {
        let mut request = http::Request::new(content);
        *request.method_mut() = method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = fields.clone();
        request
    }

    /// What HTTP/1.1 calls it in the request line (RFC 9112, section 3.2).
    pub(super) fn form(&self, method: &Method) -> Uri {
        let authority = self
            .uri
            .authority()
            .filter(|_| *method == Method::CONNECT)
            .cloned()
            .map(Uri::from);
        let path = || self.uri.path_and_query().cloned().map(Uri::from);
        authority.or_else(path).unwrap_or_default()
    }
}

/// What the field `host` says: that which was checked.
fn host(url: &Url) -> Result<HeaderValue, Error> {
    let value = match (url.host_str().unwrap_or_default(), url.port()) {
        (host, None) => HeaderValue::from_str(host),
        (host, Some(port)) => HeaderValue::try_from(format!("{host}:{port}")),
    };
    value.map_err(|error| Error::InvalidUrl(format!("{error} in {:?}", url.as_str())))
}

impl Places {
    /// Where the URL leads.
    pub(super) fn get(&self, text: &str) -> Result<Arc<Place>, Error> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, place)) = recent.iter().find(|(known, _)| known == text) {
            return Ok(place.clone());
        }
        let place = Arc::new(Place::of(parse(text)?)?);
        if text.len() <= LONGEST {
            recent.truncate(RECENT - 1);
            recent.push_front((text.to_owned(), place.clone()));
        }
        Ok(place)
    }
}

/// What the request asks of the server: the URL without its fragment.
pub(crate) fn uri(url: &Url) -> Result<Uri, Error> {
    let text = &url[..Position::AfterQuery];
    text.parse()
        .map_err(|error| Error::InvalidUrl(format!("{error} in {text:?}")))
}
