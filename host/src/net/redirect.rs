//! What a redirect asks for (WHATWG Fetch, "HTTP-redirect fetch"). Pure; `http_client` obeys it.

use http::{HeaderMap, Method, StatusCode, header};
use url::Url;

use super::error::Error;

/// Redirects that one request may follow.
pub(crate) const MOST: usize = 10;

/// The request that a redirect leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Next {
    /// Where to.
    pub(crate) url: Url,
    /// How.
    pub(crate) method: Method,
    /// Whether the content is sent again.
    pub(crate) keeps_content: bool,
    /// Whether it leaves the origin, so that credentials stay behind.
    pub(crate) leaves_origin: bool,
}

/// What the response to `method url` redirects to; `None` where it is no redirect.
pub(crate) fn next(
    url: &Url,
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Next>, Error> {
    if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = headers.get(header::LOCATION) else {
        return Ok(None);
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    let mut target = url
        .join(&location)
        .map_err(|error| Error::InvalidUrl(format!("redirect to {location:?}: {error}")))?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(Error::UnsupportedScheme(format!("redirect to {location:?}")));
    }
    if target.fragment().is_none() {
        target.set_fragment(url.fragment());
    }
    let becomes_get = match status.as_u16() {
        301 | 302 => method == Method::POST,
        303 => method != Method::GET && method != Method::HEAD,
        _ => false,
    };
    Ok(Some(Next {
        leaves_origin: target.origin() != url.origin(),
        url: target,
        method: if becomes_get { Method::GET } else { method.clone() },
        keeps_content: !becomes_get,
    }))
}

/// Takes out what must not go along.
pub(crate) fn strip(headers: &mut HeaderMap, next: &Next) {
    if !next.keeps_content {
        for name in [
            header::CONTENT_ENCODING,
            header::CONTENT_LANGUAGE,
            header::CONTENT_LOCATION,
            header::CONTENT_TYPE,
        ] {
            headers.remove(name);
        }
    }
    if next.leaves_origin {
        for name in [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION] {
            headers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow(method: &str, status: u16, location: Option<&str>) -> Result<Option<Next>, Error> {
        let url = Url::parse("http://a.example/x/y#f").expect("a URL");
        let mut headers = HeaderMap::new();
        if let Some(location) = location {
            headers.insert(header::LOCATION, location.parse().expect("a value"));
        }
        let method = method.parse().expect("a method");
        next(
            &url,
            &method,
            StatusCode::from_u16(status).expect("a status"),
            &headers,
        )
    }

    #[test]
    fn methods_change_as_fetch_says() {
        let cases = [
            ("GET", 301, "GET", true),
            ("POST", 301, "GET", false),
            ("POST", 302, "GET", false),
            ("PUT", 302, "PUT", true),
            ("PUT", 303, "GET", false),
            ("HEAD", 303, "HEAD", true),
            ("POST", 307, "POST", true),
            ("POST", 308, "POST", true),
        ];
        for (method, status, then, keeps) in cases {
            let next = follow(method, status, Some("/z"))
                .expect("valid")
                .expect("a redirect");
            assert_eq!(
                (next.method.as_str(), next.keeps_content),
                (then, keeps),
                "{method} {status}"
            );
            assert_eq!(next.url.as_str(), "http://a.example/z#f");
            assert!(!next.leaves_origin);
        }
    }

    #[test]
    fn what_is_no_redirect() {
        for (status, location) in [
            (200, Some("/z")),
            (304, Some("/z")),
            (300, Some("/z")),
            (302, None),
        ] {
            assert_eq!(
                follow("GET", status, location).expect("valid"),
                None,
                "{status} {location:?}"
            );
        }
    }

    #[test]
    fn origins_and_schemes() {
        for (location, leaves) in [
            ("http://a.example:80/", false),
            ("http://a.example:81/", true),
            ("https://a.example/", true),
            ("//b.example/", true),
        ] {
            let next = follow("GET", 302, Some(location))
                .expect("valid")
                .expect("a redirect");
            assert_eq!(next.leaves_origin, leaves, "{location}");
        }
        for location in ["ftp://a.example/", "file:///etc/passwd", "javascript:1"] {
            assert!(
                matches!(
                    follow("GET", 302, Some(location)),
                    Err(Error::UnsupportedScheme(_))
                ),
                "{location}"
            );
        }
        assert!(matches!(
            follow("GET", 302, Some("http://[")),
            Err(Error::InvalidUrl(_))
        ));
    }

    #[test]
    fn credentials_stay_behind() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "cookie",
            "proxy-authorization",
            "content-type",
            "x-own",
        ] {
            headers.insert(name, "1".parse().expect("a value"));
        }
        let next = follow("POST", 303, Some("http://b.example/"))
            .expect("valid")
            .expect("a redirect");
        strip(&mut headers, &next);
        assert_eq!(
            headers.keys().map(|name| name.as_str()).collect::<Vec<_>>(),
            ["x-own"]
        );
    }
}
