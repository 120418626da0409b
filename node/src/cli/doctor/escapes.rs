//! Versions of container tools with published ways out of the container.

const TOOLKIT: &str = "NVIDIA container toolkits before 1.17.8 let a container take over the host (CVE-2025-23266): \
                       install 1.17.8 or newer";

const RUNC: &str = "runc before 1.2.8, 1.3.3 and 1.4.0-rc.3 lets a container write to the host's /proc \
                    (CVE-2025-31133, -52565, -52881): install one of these or newer, unless your distribution says \
                    that its package holds the fixes";

/// Why a component of this version must not carry GPU work; `None` where nothing is known against it.
/// A version that cannot be read is no proof of anything, so it is let pass.
pub(super) fn known_escape(name: &str, version: &str) -> Option<&'static str> {
    let name = name.to_lowercase();
    let (numbers, candidate) = parse(version)?;
    if name.contains("nvidia") {
        return (numbers < [1, 17, 8]).then_some(TOOLKIT);
    }
    if name != "runc" {
        return None;
    }
    let fixed = match numbers {
        [1, 2, patch] => patch >= 8,
        [1, 3, patch] => patch >= 3,
        [1, 4, 0] => candidate.is_none_or(|number| number >= 3),
        numbers => numbers > [1, 4, 0],
    };
    (!fixed).then_some(RUNC)
}

/// Major, minor and patch of a version, and the number of its release candidate if it is one.
fn parse(version: &str) -> Option<([u32; 3], Option<u32>)> {
    let version = version.trim().trim_start_matches('v');
    let mut parts = version.splitn(3, '.');
    let (major, minor, rest) = (parts.next()?, parts.next()?, parts.next().unwrap_or("0"));
    let digits = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        text.get(..end)?.parse().ok()
    };
    let candidate = rest
        .split_once("-rc")
        .and_then(|(_, number)| digits(number.trim_start_matches('.')));
    Some(([digits(major)?, digits(minor)?, digits(rest)?], candidate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_before_the_fixes_are_refused() {
        for bad in [
            "1.0.3",
            "1.1.12",
            "1.2.7",
            "1.3.2",
            "v1.3.0",
            "1.4.0-rc.2",
            "1.1.12-0ubuntu2~22.04.1",
        ] {
            assert!(known_escape("runc", bad).is_some(), "{bad}");
        }
        for good in [
            "1.2.8",
            "1.2.10",
            "1.3.3",
            "1.4.0-rc.3",
            "1.4.0",
            "1.5.0",
            "2.0.0",
            "1.3.4+ds1",
        ] {
            assert_eq!(known_escape("runc", good), None, "{good}");
        }
        for bad in ["1.17.7", "1.9.0", "0.8.0"] {
            assert!(known_escape("nvidia-container-toolkit", bad).is_some(), "{bad}");
        }
        for good in ["1.17.8", "1.18.0", "1.17.8-1"] {
            assert_eq!(known_escape("nvidia-container-toolkit", good), None, "{good}");
        }
    }

    #[test]
    fn other_parts_and_unreadable_versions_are_let_pass() {
        assert_eq!(known_escape("containerd", "1.0.0"), None);
        assert_eq!(known_escape("runc", "unknown"), None);
        assert_eq!(known_escape("runc", ""), None);
    }
}
