//! Content codings, and what a client accepts of them (RFC 9110, 8.4.1 and 12.5.3). Neither compresses nor chooses
//! what is compressed: files bring their compressed siblings, responses of services go through `compress`.

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstandard,
    /// gzip (RFC 1952).
    Gzip,
}

impl Coding {
    /// All, smallest result first.
    pub(crate) const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// The name in `Content-Encoding`.
    pub(crate) fn token(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What the name of the compressed file has more than that of the original.
    pub(crate) fn suffix(self) -> &'static [u8] {
        match self {
            Self::Brotli => b".br",
            Self::Zstandard => b".zst",
            Self::Gzip => b".gz",
        }
    }
}

/// The codings that a client prefers to none, best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted([Option<Coding>; 3]);

impl Accepted {
    /// Reads every `Accept-Encoding` of a request, and orders by `preference` what the client weighs the same. What is
    /// malformed counts for nothing: an answer without coding suits everybody.
    pub(crate) fn parse<'a>(fields: impl IntoIterator<Item = &'a [u8]>, preference: [Coding; 3]) -> Self {
        let mut weights = Weights::default();
        for element in fields.into_iter().flat_map(|field| field.split(|&byte| byte == b',')) {
            weights.add(element.trim_ascii());
        }
        weights.accepted(preference)
    }

    /// Best first.
    pub(crate) fn iter(self) -> impl Iterator<Item = Coding> {
        self.0.into_iter().flatten()
    }
}

/// Weights in thousandths, where they were given.
#[derive(Default)]
struct Weights {
    codings: [Option<u16>; 3],
    identity: Option<u16>,
    any: Option<u16>,
}

impl Weights {
    fn add(&mut self, element: &[u8]) {
        let (token, parameter) = match element.iter().position(|&byte| byte == b';') {
            Some(end) => (element[..end].trim_ascii_end(), Some(element[end + 1..].trim_ascii_start())),
            None => (element, None),
        };
        let Some(weight) = parameter.map_or(Some(1000), weight) else { return };
        let place = match token {
            b"*" => &mut self.any,
            token if token.eq_ignore_ascii_case(b"identity") => &mut self.identity,
            token => match of_token(token) {
                Some(coding) => &mut self.codings[coding as usize],
                None => return,
            },
        };
        *place = Some(weight);
    }

    fn accepted(&self, preference: [Coding; 3]) -> Accepted {
        // A coding that is not named has the weight of `*`; no coding at all is accepted with the least.
        let weight = |coding: Coding| self.codings[coding as usize].or(self.any).unwrap_or(0);
        let floor = self.identity.unwrap_or(0).max(1);
        let mut order = preference.map(|coding| (weight(coding), coding));
        order.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        Accepted(order.map(|(weight, coding)| (weight >= floor).then_some(coding)))
    }
}

fn of_token(token: &[u8]) -> Option<Coding> {
    if token.eq_ignore_ascii_case(b"x-gzip") {
        return Some(Coding::Gzip);
    }
    Coding::ALL.into_iter().find(|coding| token.eq_ignore_ascii_case(coding.token().as_bytes()))
}

/// Reads `q=0.5` in thousandths (RFC 9110, 12.4.2): at most three digits, at most 1.
fn weight(parameter: &[u8]) -> Option<u16> {
    let value = parameter.strip_prefix(b"q=").or_else(|| parameter.strip_prefix(b"Q="))?;
    let (whole, digits) = match value {
        [whole, b'.', digits @ ..] if digits.len() <= 3 => (whole, digits),
        [whole] => (whole, [].as_slice()),
        _ => return None,
    };
    let mut thousandths = 0;
    for place in 0..3 {
        let digit = digits.get(place).copied().unwrap_or(b'0');
        thousandths = thousandths * 10 + u16::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    match (whole, thousandths) {
        (b'0', thousandths) => Some(thousandths),
        (b'1', 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Accepted, Coding};

    fn tokens<'a>(fields: impl IntoIterator<Item = &'a [u8]>, preference: [Coding; 3]) -> Vec<&'static str> {
        Accepted::parse(fields, preference).iter().map(Coding::token).collect()
    }

    /// Lines of `Accept-Encoding => codings, best first`.
    #[test]
    fn codings_are_chosen_by_weight() {
        for line in include_str!("codings.txt").lines().filter(|line| !line.starts_with('#')) {
            let (field, expected) = line.split_once(" => ").expect("a case");
            let tokens = tokens([field.as_bytes()], Coding::ALL);
            let tokens = if tokens.is_empty() { "none".to_owned() } else { tokens.join(" ") };
            assert_eq!(tokens, expected, "{field}");
        }
    }

    #[test]
    fn several_fields_are_one_list() {
        assert_eq!(tokens([&b"gzip"[..], b"br;q=0.5", b"zstd;q=0"], Coding::ALL), ["gzip", "br"]);
        assert_eq!(tokens([], Coding::ALL), [""; 0]);
    }

    #[test]
    fn a_preference_decides_among_equal_weights_alone() {
        let preference = [Coding::Gzip, Coding::Zstandard, Coding::Brotli];
        assert_eq!(tokens([&b"*"[..]], preference), ["gzip", "zstd", "br"]);
        assert_eq!(tokens([&b"gzip;q=0.9, br"[..]], preference), ["br", "gzip"]);
    }
}
