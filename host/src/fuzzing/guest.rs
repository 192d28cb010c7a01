//! The guest's own reading of URLs and request-targets.

#[path = "../../../guest/src/net/target.rs"]
mod target;

/// A line with a URL or request-target, then lines of `name=value` to add: queries come apart as they were put together.
pub(crate) fn guest_target(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some(Ok(text)) = lines.next().map(std::str::from_utf8) else {
        return;
    };
    let added: target::Pairs = lines
        .map(|line| {
            let middle = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
            (
                line[..middle].to_vec(),
                line.get(middle + 1..).unwrap_or_default().to_vec(),
            )
        })
        .collect();
    assert!(!target::raw_path(text).contains('?'));
    assert!(target::path(text).len() <= target::raw_path(text).len());
    let mut expected = target::query(text);
    if let Some((_, query)) = text.split_once('?') {
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ours = expected.iter().map(|(name, value)| (lossy(name), lossy(value)));
        let theirs = form_urlencoded::parse(query.as_bytes());
        assert!(
            ours.eq(theirs.map(|(name, value)| (name.into_owned(), value.into_owned()))),
            "{query}"
        );
    }
    let with_scheme = target::with_scheme("http", text);
    assert!(with_scheme.ends_with(text) && with_scheme.contains("://"));
    assert_eq!(target::with_scheme("ws", &with_scheme), with_scheme);
    let extended = target::with_query(text, &added);
    if !text.contains('#') {
        expected.extend(added);
        assert_eq!(target::query(&extended), expected, "{extended}");
        assert_eq!(target::raw_path(&extended), target::raw_path(text));
    } else {
        let fragment = &text[text.find('#').unwrap_or_default()..];
        assert!(extended.ends_with(fragment), "{extended}");
    }
}
