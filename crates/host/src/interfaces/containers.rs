//! Which bridges belong to containers and virtual machines, by the names that their programs give.

/// A form of a name.
enum Form {
    /// This name alone.
    Is(&'static str),
    /// Names that begin so.
    Begins(&'static str),
    /// Names that begin so and go on with as many hexadecimal digits.
    Digits(&'static str, usize),
}

/// The bridges of each program.
const KNOWN: [Form; 11] = [
    Form::Is("docker0"),
    Form::Is("docker_gwbridge"),
    Form::Digits("br-", 12), // networks of Docker and nerdctl, named by their id
    Form::Begins("podman"),
    Form::Begins("cni"),
    Form::Begins("nerdctl"),
    Form::Begins("lxcbr"),
    Form::Begins("lxdbr"),
    Form::Begins("incusbr"),
    Form::Begins("virbr"),
    Form::Is("cbr0"), // kubenet
];

/// Whether a bridge of this name is one of containers.
pub(super) fn known(name: &str) -> bool {
    KNOWN.iter().any(|form| match form {
        Form::Is(whole) => name == *whole,
        Form::Begins(start) => name.starts_with(start),
        Form::Digits(start, count) => name
            .strip_prefix(start)
            .is_some_and(|rest| rest.len() == *count && rest.bytes().all(|byte| byte.is_ascii_hexdigit())),
    })
}

/// Whether the operator named this interface.
pub(super) fn named(name: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bridges_of_containers_are_known_by_their_names() {
        let cases = [
            ("docker0", true),
            ("docker1", false),
            ("br-0123456789ab", true),
            ("br-0123456789a", false),
            ("br-0123456789abc", false),
            ("br-lan", false),
            ("br-office-lan1", false),
            ("br0", false),
            ("podman0", true),
            ("cni-podman0", true),
            ("virbr0", true),
            ("vmbr0", false),
            ("incusbr0", true),
            ("eth0", false),
        ];
        for (name, expected) in cases {
            assert_eq!(known(name), expected, "{name}");
        }
    }

    #[test]
    fn a_star_at_the_end_of_a_pattern_stands_for_any_rest() {
        let patterns = ["lab-*".to_owned(), "br7".to_owned()];
        let cases = [("lab-1", true), ("lab-", true), ("lab", false), ("br7", true), ("br70", false)];
        for (name, expected) in cases {
            assert_eq!(named(name, &patterns), expected, "{name}");
        }
    }
}
