//! What text looks like, and where it ends.

use super::{Full, Hole, Text};

fn text(indent: Option<&str>) -> Text {
    Text::new(1 << 20, indent.map(str::to_owned))
}

fn shown(text: Text) -> String {
    String::from_utf8_lossy(&text.into_bytes()).into_owned()
}

/// An object with these names, each its own length as the value.
fn object(text: &mut Text, names: &[&str]) -> Result<(), Full> {
    let open = text.open(b'{')?;
    for name in names {
        let member = text.begin_member(name)?;
        text.number(name.len() as f64)?;
        text.end_member(member)?;
    }
    text.close_object(open)
}

/// An array of these numbers, each at the place that it names.
fn array(text: &mut Text, numbers: &[usize]) -> Result<Option<Hole>, Full> {
    let open = text.open(b'[')?;
    for &number in numbers {
        let start = text.begin_item()?;
        text.number(number as f64)?;
        text.end_item(&open, start, number)?;
    }
    text.close_array(open)
}

#[test]
fn numbers() -> Result<(), Full> {
    let table = [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-17.0, "-17"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (-9_007_199_254_740_994.0, "-9007199254740994"),
        (1e18, "1000000000000000000"),
        (1e19, "1e+19"),
    ];
    for (number, expected) in table {
        let mut text = text(None);
        text.number(number)?;
        assert_eq!(shown(text), expected);
    }
    Ok(())
}

#[test]
fn numbers_come_back() -> Result<(), Full> {
    for number in [
        1e308,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
        9_007_199_254_740_994.0,
        2f64.powi(64),
        1e21,
        -1.5e-7,
        std::f64::consts::PI,
    ] {
        let mut text = text(None);
        text.number(number)?;
        let written = shown(text);
        assert_eq!(
            serde_json::from_str::<f64>(&written).ok(),
            Some(number),
            "{written}"
        );
    }
    Ok(())
}

#[test]
fn strings() -> Result<(), Full> {
    let mut text = text(None);
    text.string("a\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}é😀\u{2028}")?;
    assert_eq!(
        shown(text),
        "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}é😀\u{2028}\""
    );
    Ok(())
}

#[test]
fn members_are_sorted() -> Result<(), Full> {
    let table: [(&[&str], &str); 5] = [
        (&[], "{}"),
        (&["a"], r#"{"a":1}"#),
        (&["b", "a"], r#"{"a":1,"b":1}"#),
        (&["a!", "a", ""], r#"{"":0,"a":1,"a!":2}"#),
        (&["é", "z", "a\n"], "{\"a\\n\":2,\"z\":1,\"é\":2}"),
    ];
    for (names, expected) in table {
        let mut text = text(None);
        object(&mut text, names)?;
        assert_eq!(shown(text), expected);
    }
    Ok(())
}

#[test]
fn items_are_in_their_places() -> Result<(), Full> {
    let table: [(&[usize], &str); 4] = [
        (&[], "[]"),
        (&[1, 2, 3], "[1,2,3]"),
        (&[1, 2, 4, 3], "[1,2,3,4]"),
        (&[3, 1, 2], "[1,2,3]"),
    ];
    for (numbers, expected) in table {
        let mut text = text(None);
        assert_eq!(array(&mut text, numbers)?, None);
        assert_eq!(shown(text), expected);
    }
    Ok(())
}

#[test]
fn holes_are_found() -> Result<(), Full> {
    for (numbers, missing, there) in [(&[2][..], 1, 2), (&[1, 3], 2, 3), (&[7, 1, 2], 3, 7)] {
        assert_eq!(array(&mut text(None), numbers)?, Some(Hole { missing, there }));
    }
    Ok(())
}

#[test]
fn lines() -> Result<(), Full> {
    let mut text = text(Some("  "));
    let open = text.open(b'{')?;
    for name in ["list", "empty", "b"] {
        let member = text.begin_member(name)?;
        match name {
            "list" => assert_eq!(array(&mut text, &[2, 1])?, None),
            "empty" => assert_eq!(array(&mut text, &[])?, None),
            _ => object(&mut text, &["d", "c"])?,
        }
        text.end_member(member)?;
    }
    text.close_object(open)?;
    assert_eq!(
        shown(text),
        "{\n  \"b\": {\n    \"c\": 1,\n    \"d\": 1\n  },\n  \"empty\": [],\n  \"list\": [\n    1,\n    2\n  ]\n}"
    );
    Ok(())
}

#[test]
fn the_bound_holds() {
    for most in 0..8 {
        let mut text = Text::new(most, None);
        assert_eq!(text.string("abcdef"), if most < 8 { Err(Full) } else { Ok(()) });
        assert!(text.into_bytes().len() <= most);
    }
    assert_eq!(Text::new(8, None).string("abcdef"), Ok(()));
}
