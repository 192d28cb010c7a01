//! What a redirect asks for (WHATWG Fetch, "HTTP-redirect fetch"). Pure; `http_client` obeys it.

use url::Url;

use super::types::{ErrorCode, Header};

/// Redirects that one request may follow.
pub(super) const MOST: usize = 10;

/// Fields that speak of a content.
const OF_CONTENT: [&str; 4] = [
    "content-encoding",
    "content-language",
    "content-location",
    "content-type",
];

/// Fields that are for one origin only.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// A request that may be redirected.
pub(super) struct Hop {
    /// Where to.
    pub(super) url: Url,
    /// How.
    pub(super) method: String,
    /// The script's fields.
    pub(super) headers: Vec<Header>,
    /// What is sent.
    pub(super) content: Vec<u8>,
}

impl Hop {
    /// Goes where a response with this status and these fields leads. False where that is nowhere else.
    ///
    /// # Errors
    ///
    /// It leads to what is no URL, or to none of HTTP.
    pub(super) fn follow(&mut self, status: u16, fields: &[Header]) -> Result<bool, ErrorCode> {
        let location = fields.iter().find(|field| field.name == "location");
        let Some(location) = location.filter(|_| matches!(status, 301 | 302 | 303 | 307 | 308)) else {
            return Ok(false);
        };
        let location = String::from_utf8_lossy(&location.value);
        let mut target = self
            .url
            .join(&location)
            .map_err(|error| ErrorCode::InvalidUrl(format!("redirect to {location:?}: {error}")))?;
        if !matches!(target.scheme(), "http" | "https") {
            return Err(ErrorCode::UnsupportedScheme(format!("redirect to {location:?}")));
        }
        if target.fragment().is_none() {
            target.set_fragment(self.url.fragment());
        }
        let becomes_get = match status {
            301 | 302 => self.method == "POST",
            303 => self.method != "GET" && self.method != "HEAD",
            _ => false,
        };
        if becomes_get {
            "GET".clone_into(&mut self.method);
            self.content.clear();
            self.forget(&OF_CONTENT);
        }
        if target.origin() != self.url.origin() {
            self.forget(&CREDENTIALS);
        }
        self.url = target;
        Ok(true)
    }

    fn forget(&mut self, names: &[&str]) {
        self.headers
            .retain(|header| !names.iter().any(|name| header.name.eq_ignore_ascii_case(name)));
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{Header, Hop};

    fn header(name: &str, value: &str) -> Header {
        Header {
            name: name.to_owned(),
            value: value.into(),
        }
    }

    fn hop(method: &str) -> Hop {
        let names = ["Authorization", "cookie", "Content-Type", "x-own"];
        Hop {
            url: Url::parse("http://a.example/x/y#f").expect("a URL"),
            method: method.to_owned(),
            headers: names.iter().map(|name| header(name, "1")).collect(),
            content: b"content".to_vec(),
        }
    }

    #[test]
    fn methods_change_as_fetch_says() {
        for (method, status, then, keeps) in [
            ("GET", 301, "GET", true),
            ("POST", 301, "GET", false),
            ("PUT", 302, "PUT", true),
            ("PUT", 303, "GET", false),
            ("HEAD", 303, "HEAD", true),
            ("POST", 307, "POST", true),
        ] {
            let mut hop = hop(method);
            assert!(hop.follow(status, &[header("location", "/z")]).expect("valid"));
            assert_eq!(
                (hop.method.as_str(), !hop.content.is_empty()),
                (then, keeps),
                "{method} {status}"
            );
            assert_eq!(hop.url.as_str(), "http://a.example/z#f");
            let names: Vec<&str> = hop.headers.iter().map(|header| header.name.as_str()).collect();
            assert_eq!(names.contains(&"Content-Type"), keeps);
            assert!(names.contains(&"Authorization"));
        }
    }

    #[test]
    fn credentials_stay_behind() {
        let mut hop = hop("POST");
        let leaves = hop.follow(303, &[header("location", "//b.example/")]);
        assert!(leaves.expect("valid"));
        assert_eq!(hop.headers, [header("x-own", "1")]);
    }

    #[test]
    fn what_leads_nowhere() {
        assert!(!hop("GET").follow(302, &[]).expect("valid"));
        assert!(
            !hop("GET")
                .follow(300, &[header("location", "/z")])
                .expect("valid")
        );
        for location in ["ftp://a.example/", "javascript:1", "http://["] {
            assert!(
                hop("GET").follow(302, &[header("location", location)]).is_err(),
                "{location}"
            );
        }
    }
}
