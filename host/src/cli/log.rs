//! `--log`: the host's log on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::flags::{LogArgs, LogFormat};
use super::lines::{Lines, Sink};

/// Starts the log where one is asked for, by the flag or by `RUST_LOG`.
///
/// # Errors
///
/// What is wrong with the filter.
pub(super) fn start(args: &LogArgs) -> Result<Option<Lines>, String> {
    let filter = match (&args.log, std::env::var(EnvFilter::DEFAULT_ENV)) {
        (Some(text), _) => {
            check_words(text)?;
            parse("--log", text)?
        }
        (None, Ok(text)) if !text.trim().is_empty() => parse(EnvFilter::DEFAULT_ENV, &text)?,
        (None, _) => return Ok(None),
    };
    let lines =
        Lines::start("log", Sink::StandardError).map_err(|error| format!("cannot start the log: {error}"))?;
    let colours =
        io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(lines.clone());
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .init(),
    }
    Ok(Some(lines))
}

fn parse(source: &str, text: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .parse(text)
        .map_err(|error| format!("{source}: {text:?} is no filter: {error}"))
}

/// A lone word that is no level would be taken for a part of the program, log nothing, and say nothing of that.
fn check_words(text: &str) -> Result<(), String> {
    let mut words = text.split(',').map(str::trim);
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    let wrong = words.find(|word| !word.contains(['=', '[']) && !is_level(word));
    match wrong {
        None => Ok(()),
        Some(word) => Err(format!(
            "--log: {word:?} is no level (off, error, warn, info, debug, trace) and has none: write LEVEL or PART=LEVEL, as in \
             info or atoll::http=debug"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_words_are_levels() {
        for good in [
            "info",
            "WARN",
            "off",
            "atoll=debug",
            "warn,atoll::http=trace",
            "[request]=info",
            "atoll[request{path=\"/\"}]=info",
        ] {
            assert_eq!(check_words(good), Ok(()), "{good}");
            assert!(parse("--log", good).is_ok(), "{good}");
        }
        for bad in ["debgu", "", "info,", "atoll", "info,hyper"] {
            assert!(check_words(bad).is_err(), "{bad}");
        }
        for bad in ["atoll=loud", "=", "[request=info"] {
            assert!(parse("--log", bad).is_err(), "{bad}");
        }
    }
}
