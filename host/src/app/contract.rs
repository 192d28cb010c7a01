//! Which apps this host can run: the version of the contract in `wit/`, and those that go with it.

use semver::{Version, VersionReq};

use super::AppError;

/// The package of `wit/world.wit`.
pub(crate) const CONTRACT: &str = "atoll:net@0.1.0";

/// Whether an app for this contract runs here, by the rules of semantic versions: the host's may be later, as long as it is
/// compatible. `atoll` is the version that built the app.
pub(super) fn check(contract: &str, atoll: &str) -> Result<(), AppError> {
    compare(contract, atoll, CONTRACT)
}

fn compare(contract: &str, atoll: &str, host: &str) -> Result<(), AppError> {
    let (Some((package, wanted)), Some((own, version))) = (split(contract), split(host)) else {
        return Err(AppError::Damaged(format!("{contract:?} is no contract")));
    };
    if package != own {
        return Err(AppError::Damaged(format!(
            "it is for {package:?}, and no app for {own}"
        )));
    }
    let compatible = VersionReq::parse(&format!("^{wanted}")).is_ok_and(|range| range.matches(&version));
    let (contract, atoll) = (contract.to_owned(), atoll.to_owned());
    match wanted > version {
        _ if compatible => Ok(()),
        true => Err(AppError::NewerContract { contract, atoll }),
        false => Err(AppError::OlderContract { contract, atoll }),
    }
}

fn split(contract: &str) -> Option<(&str, Version)> {
    let (package, version) = contract.split_once('@')?;
    Some((package, Version::parse(version).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_wit() {
        let wit = include_str!("../../shared/wit/world.wit");
        assert!(wit.contains(&format!("\npackage {CONTRACT};\n")));
    }

    #[test]
    fn later_ones_run_what_was_for_earlier_ones() {
        let table = [
            ("atoll:net@0.1.0", "atoll:net@0.1.0", "runs"),
            ("atoll:net@0.1.0", "atoll:net@0.1.7", "runs"),
            ("atoll:net@0.1.7", "atoll:net@0.1.0", "newer"),
            ("atoll:net@0.2.0", "atoll:net@0.1.0", "newer"),
            ("atoll:net@0.1.0", "atoll:net@0.2.0", "older"),
            ("atoll:net@1.2.0", "atoll:net@1.9.0", "runs"),
            ("atoll:net@1.9.0", "atoll:net@1.2.0", "newer"),
            ("atoll:net@1.9.0", "atoll:net@2.0.0", "older"),
            ("atoll:net", "atoll:net@1.0.0", "damaged"),
            ("atoll:net@1", "atoll:net@1.0.0", "damaged"),
            ("wasi:http@0.1.0", "atoll:net@0.1.0", "damaged"),
        ];
        for (wanted, host, expected) in table {
            let found = match compare(wanted, "0.1.0", host) {
                Ok(()) => "runs",
                Err(AppError::NewerContract { .. }) => "newer",
                Err(AppError::OlderContract { .. }) => "older",
                Err(_) => "damaged",
            };
            assert_eq!(found, expected, "{wanted} on {host}");
        }
    }
}
