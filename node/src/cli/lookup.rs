//! Finding one thing by the beginning of its id, as people copy it from a screen.

use anyhow::bail;

/// How many candidates an error names.
const NAMED: usize = 5;

/// The one of `items` whose id begins with `prefix`.
///
/// # Errors
/// Where none does, or several do; the error names them.
pub(super) fn unique<I: ToString, T>(
    what: &str,
    prefix: &str,
    items: impl IntoIterator<Item = (I, T)>,
) -> anyhow::Result<(I, T)> {
    let mut found: Vec<(I, T)> = if prefix.is_empty() {
        Vec::new()
    } else {
        items
            .into_iter()
            .filter(|(id, _)| id.to_string().starts_with(prefix))
            .collect()
    };
    if found.len() > 1 {
        let mut names: Vec<String> = found
            .iter()
            .take(NAMED)
            .map(|(id, _)| id.to_string().chars().take(16).collect())
            .collect();
        if found.len() > NAMED {
            names.push("…".to_owned());
        }
        bail!(
            "`{prefix}` begins the ids of {} {what}s ({}): give more of it",
            found.len(),
            names.join(", ")
        );
    }
    match found.pop() {
        Some(one) => Ok(one),
        None => bail!(
            "no {what} here has an id that begins with `{}`",
            printable(prefix)
        ),
    }
}

/// What somebody typed, cut to a line.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_match_is_found_and_none_or_several_are_named() {
        let items = || [("abcd", 1), ("abef", 2), ("0123", 3)];
        assert_eq!(unique("record", "0", items()).unwrap(), ("0123", 3));
        assert_eq!(unique("record", "abcd", items()).unwrap().1, 1);
        let several = unique("record", "ab", items()).unwrap_err().to_string();
        assert!(
            several.contains("abcd, abef") && several.contains("2 records"),
            "{several}"
        );
        assert!(
            unique("record", "f", items())
                .unwrap_err()
                .to_string()
                .contains("no record")
        );
        assert!(
            unique("record", "", [("abcd", 1)]).is_err(),
            "an empty prefix means nothing"
        );
    }
}
