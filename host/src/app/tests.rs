//! Apps that are written and read, and all that is no app.

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use wasm_encoder::{ComponentSection, CustomSection};

use super::{About, App, AppError, CONTRACT, OTHER_HOSTS, Said, Wishes};
use crate::project::Files;

/// The smallest component that there is.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

fn about(contract: &str) -> About {
    About {
        name: "hello".to_owned(),
        version: Some("1.2.0".to_owned()),
        contract: contract.to_owned(),
        atoll: "0.1.0".to_owned(),
        wishes: Wishes {
            allow_net: vec!["api.example.com:443".to_owned()],
            allow_env: vec!["API_TOKEN".to_owned()],
            ..Wishes::default()
        },
    }
}

fn app() -> App {
    let texts = [
        (".luaurc", "{}"),
        ("main.luau", "require('./lib/x')"),
        ("lib/x.luau", ""),
    ];
    App {
        about: about(CONTRACT),
        files: Files {
            main: "main.luau".to_owned(),
            is_bytecode: false,
            texts: texts
                .map(|(path, text)| (path.to_owned(), text.as_bytes().into()))
                .into(),
            links: BTreeMap::from([("x.luau".to_owned(), "lib/x.luau".to_owned())]),
        },
        guest: Bytes::from_static(COMPONENT),
    }
}

fn written() -> Vec<u8> {
    app().write().expect("an app")
}

/// The bytes with their hash put right, as anyone can do it.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let place = bytes.len() - 32;
    let hash = Sha256::digest(&bytes[..place]);
    bytes[place..].copy_from_slice(&hash);
    bytes
}

/// An app with this manifest and these contents, sealed.
fn forged(manifest: &str, contents: &str) -> Vec<u8> {
    let mut data = 1_u32.to_le_bytes().to_vec();
    data.extend_from_slice(&u32::try_from(manifest.len()).expect("a length").to_le_bytes());
    data.extend_from_slice(manifest.as_bytes());
    data.extend_from_slice(contents.as_bytes());
    data.extend_from_slice(&[0; 32]);
    let mut bytes = COMPONENT.to_vec();
    let section = CustomSection {
        name: "atoll:app".into(),
        data: data.into(),
    };
    section.append_to_component(&mut bytes);
    sealed(bytes)
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(App::read(written()), Ok(app()));
    assert_eq!(written(), written());
}

#[test]
fn every_flipped_bit_is_seen() {
    let whole = written();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert!(App::read(bytes).is_err(), "byte {at}, bit {bit}");
        }
    }
}

/// With the hash put right it may still be an app; that it is read without harm is all.
#[test]
fn every_flipped_bit_is_survived() {
    let whole = written();
    let mut apps = 0;
    for at in 0..whole.len() - 32 {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            apps += usize::from(App::read(sealed(bytes)).is_ok());
        }
    }
    assert!(apps > 0, "a script may have any bytes");
}

#[test]
fn every_cut_is_seen() {
    let whole = written();
    for length in 0..whole.len() {
        assert!(App::read(whole[..length].to_vec()).is_err(), "{length} bytes");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(App::read(longer).is_err());
}

#[test]
fn what_is_something_else() {
    assert_eq!(App::read(&b""[..]), Err(AppError::NoWasm));
    assert_eq!(App::read(&b"print('hello')"[..]), Err(AppError::NoWasm));
    assert_eq!(App::read(&b"\0asm\x01\0\0\0"[..]), Err(AppError::Module));
    assert_eq!(App::read(COMPONENT), Err(AppError::Foreign));
    // A module that holds our section is no app either.
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    module.extend_from_slice(&written()[8..]);
    assert_eq!(App::read(module), Err(AppError::Module));
    // An app in an app, as a nested component, is none.
    let mut nested = COMPONENT.to_vec();
    let inner = written();
    nested.push(4);
    let length = u8::try_from(inner.len() & 0x7f).expect("seven bits") | 0x80;
    nested.extend_from_slice(&[length, u8::try_from(inner.len() >> 7).expect("seven bits")]);
    nested.extend_from_slice(&inner);
    assert_eq!(App::read(nested), Err(AppError::Foreign));
}

#[test]
fn another_section_makes_it_another_file() {
    let whole = written();
    let mut twice = whole.clone();
    twice.extend_from_slice(&whole[8..]);
    assert!(matches!(App::read(twice), Err(AppError::Damaged(_))));
    let mut more = whole;
    let section = CustomSection {
        name: "other".into(),
        data: (&b""[..]).into(),
    };
    section.append_to_component(&mut more);
    assert_eq!(
        App::read(more),
        Err(AppError::Damaged("something follows the script".to_owned()))
    );
}

#[test]
fn newer_ones_are_named() {
    let mut bytes = written();
    let format = bytes
        .windows(9)
        .position(|name| name == b"atoll:app")
        .expect("the section")
        + 9;
    bytes[format] = 2;
    let error = App::read(sealed(bytes)).expect_err("a newer format");
    assert_eq!(error, AppError::NewerFormat(2));
    assert!(error.to_string().contains("update Atoll"), "{error}");
    let newer = App {
        about: About {
            atoll: "9.9.9".to_owned(),
            ..about("atoll:net@0.99.0")
        },
        ..app()
    };
    let error = App::read(newer.write().expect("an app")).expect_err("a newer contract");
    assert!(matches!(error, AppError::NewerContract { .. }), "{error:?}");
    assert!(error.to_string().contains("Atoll 9.9.9 built it"), "{error}");
    let older = App {
        about: about("atoll:net@0.0.1"),
        ..app()
    };
    let error = App::read(older.write().expect("an app")).expect_err("an older contract");
    assert!(matches!(error, AppError::OlderContract { .. }), "{error:?}");
}

#[test]
fn components_for_other_hosts_say_what_they_are() {
    let whole = about(OTHER_HOSTS).add_to(COMPONENT).expect("a component");
    assert!(whole.starts_with(COMPONENT));
    let told = Said::read(whole.clone()).expect("what it says");
    assert!(matches!(told, Said::OtherHosts(told) if told == about(OTHER_HOSTS)));
    assert!(matches!(Said::read(written()), Ok(Said::App(told)) if told == about(CONTRACT)));
    assert_eq!(
        App::read(whole.clone()),
        Err(AppError::OtherHost("hello".to_owned()))
    );
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(Said::read(bytes).is_err(), "byte {at}");
        assert!(Said::read(whole[..at].to_vec()).is_err(), "{at} bytes");
    }
    // It can say no more than an app can.
    for odd in [
        About {
            name: "\u{1b}[31m".to_owned(),
            ..about(OTHER_HOSTS)
        },
        About {
            version: Some(String::new()),
            ..about(OTHER_HOSTS)
        },
        about("wasi:http@7"),
    ] {
        assert!(odd.add_to(COMPONENT).is_err(), "{odd:?}");
    }
}

/// A hash is no signature: anyone can seal anything.
#[test]
fn what_a_forger_says_is_checked() {
    let whole = r#"{"name":"a","contract":"atoll:net@0.1.0","atoll":"0.1.0","main":"m.luau","bytecode":false,"permissions":{},"files":[{"path":"m.luau","bytes":1}]}"#;
    assert!(App::read(forged(whole, "x")).is_ok());
    let table = [
        (r#""name":"a""#, r#""name":"\u001b[31m""#, "its name must be"),
        (r#""name":"a""#, r#""name":"""#, "its name must be"),
        (
            r#""name":"a""#,
            r#""name":"a","version":"1\n2""#,
            "its version must be",
        ),
        (
            r#""atoll":"0.1.0""#,
            r#""atoll":"\u009b""#,
            "the version of Atoll must be",
        ),
        (r#""name":"a""#, r#""name":"a","more":1"#, "unknown field"),
        (
            r#""main":"m.luau""#,
            r#""main":"n.luau""#,
            "its main script is not in it",
        ),
        ("m.luau", "../m.luau", "is no path of a project"),
        ("m.luau", "/m.luau", "is no path of a project"),
        ("m.luau", "m\\u0000.luau", "is no path of a project"),
        (
            r#""files":["#,
            r#""files":[{"path":".env","bytes":0},"#,
            "is no Luau source",
        ),
        (
            r#""files":["#,
            r#""files":[{"path":"m.luau","bytes":0},"#,
            "is in it twice",
        ),
        (r#""bytes":1"#, r#""bytes":2"#, "m.luau is cut short"),
        (
            r#""bytes":1"#,
            r#""bytes":18446744073709551615"#,
            "m.luau is cut short",
        ),
        (
            r#""bytes":1"#,
            r#""bytes":0"#,
            "there is more in it than its files",
        ),
        (
            r#""files":["#,
            r#""links":{"x.luau":"y.luau"},"files":["#,
            "\"y.luau\" is not in it",
        ),
        (
            r#""files":["#,
            r#""links":{"../x.luau":"m.luau"},"files":["#,
            "is no path of a project",
        ),
        (
            r#""permissions":{}"#,
            r#""permissions":{"allow-net":["http://x/path"]}"#,
            "a permission",
        ),
        (
            r#""permissions":{}"#,
            r#""permissions":{"allow-env":["A\u001b"]}"#,
            "is no name of a variable",
        ),
        (
            r#""permissions":{}"#,
            r#""permissions":{"allow-read":["/"]}"#,
            "unknown field",
        ),
        ("atoll:net@0.1.0", "atoll:net", "is no contract"),
    ];
    for (from, to, expected) in table {
        let manifest = whole.replace(from, to);
        assert_ne!(manifest, whole, "{from}");
        let error = App::read(forged(&manifest, "x")).expect_err(to);
        assert!(matches!(error, AppError::Damaged(_)), "{to}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(expected), "{to}: {text}");
        assert!(!text.chars().any(char::is_control), "{to}: {text:?}");
    }
}
