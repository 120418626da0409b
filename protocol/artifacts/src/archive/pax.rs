//! PAX extended headers: `LENGTH KEY=VALUE\n`, over and over.
//!
//! The length rules, not the newline: a value may contain newlines, and a reader that splits at them can
//! be made to see other records than its neighbour. Of all keys, path and size are used; those that turn
//! a file into something else are refused, the rest (times, owners, attributes) is not carried.

/// What an extended header says about the entry that follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

/// Reads an extended header's records.
pub(super) fn parse(mut bytes: &[u8]) -> Result<Pax, &'static str> {
    let mut pax = Pax::default();
    while !bytes.is_empty() {
        let (key, value, rest) = record(bytes).ok_or("a PAX record does not have the length it claims")?;
        bytes = rest;
        match key {
            b"path" if value.contains(&0) => return Err("the PAX path contains NUL"),
            b"path" => {
                let again = pax.path.replace(value.to_owned());
                again.map_or(Ok(()), |_| Err("the PAX path is given twice"))?;
            }
            b"size" => {
                let size = decimal(value).ok_or("the PAX size is no number that fits")?;
                let again = pax.size.replace(size);
                again.map_or(Ok(()), |_| Err("the PAX size is given twice"))?;
            }
            _ if key.starts_with(b"GNU.sparse.") => return Err("sparse files are not taken"),
            _ => {}
        }
    }
    Ok(pax)
}

type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn record(bytes: &[u8]) -> Option<Record<'_>> {
    let space = bytes.iter().take(8).position(|&byte| byte == b' ')?;
    let length = usize::try_from(decimal(bytes.get(..space)?)?).ok()?;
    let body = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|&byte| byte == b'=')?;
    Some((body.get(..equals)?, body.get(equals + 1..)?, bytes.get(length..)?))
}

/// Digits and nothing else: `parse` alone would take a sign.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_rules_not_the_newline() {
        let text = b"30 mtime=1350244992.023960108\n31 comment=x\n18 path=/etc/shadow\n13 size=1234\n";
        assert_eq!(text.get(30..61).unwrap(), b"31 comment=x\n18 path=/etc/shado");
        assert!(
            parse(text).is_err(),
            "the second record ends in the middle of a line"
        );
        let hidden = b"32 comment=x\n18 path=/etc/shadow\n13 size=1234\n";
        assert_eq!(hidden.get(31), Some(&b'w'));
        let hidden = b"33 comment=x\n18 path=/etc/shadow\n13 size=1234\n";
        assert_eq!(
            parse(hidden).unwrap(),
            Pax {
                path: None,
                size: Some(1234)
            }
        );
    }

    #[test]
    fn malformed_records_are_refused() {
        for text in [
            &b"13 size=1234"[..],
            b"99 size=1234\n",
            b"3 \n",
            b"0 size=1\n",
            b"-1 size=1\n",
            b"10 size 12\n",
            b"99999999999999999999 a=b\n",
            b"\n",
            b"12 size=+12\n",
            b"11 size=-1\n",
            b"9 size=\n",
            b"29 size=18446744073709551616\n",
            b"10 size=1\n10 size=1\n",
            b"10 path=a\n10 path=b\n",
            b"10 path=\0\n",
            b"21 GNU.sparse.major=1\n",
        ] {
            assert!(parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(parse(b"").unwrap(), Pax::default());
        assert_eq!(parse(b"10 path=a\n").unwrap().path.unwrap(), b"a");
    }
}
