//! The alert of TLS for a client that asks for a name which nobody here serves. It is sent before there are keys.

/// A record with the fatal alert `unrecognized_name` (RFC 8446 section 6, RFC 6066 section 3).
pub(crate) const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];

/// The description `access_denied`.
const ACCESS_DENIED: u8 = 49;

/// Says the right thing at the end of what rustls has to say: it denies access where there is no certificate for a name,
/// and lets nobody choose another alert.
pub(super) fn correct(said: &mut [u8]) {
    if let Some(alert @ [21, 3, _, 0, 2, 2, ACCESS_DENIED]) = said.last_chunk_mut() {
        *alert = UNRECOGNIZED_NAME;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_alert_that_denies_access_is_corrected() {
        let denied = [21, 3, 3, 0, 2, 2, 49];
        for (before, after) in [
            (denied.to_vec(), UNRECOGNIZED_NAME.to_vec()),
            ([&[7; 20][..], &denied].concat(), [&[7; 20][..], &UNRECOGNIZED_NAME].concat()),
            (vec![21, 3, 3, 0, 2, 2, 40], vec![21, 3, 3, 0, 2, 2, 40]),
            (vec![2, 49], vec![2, 49]),
        ] {
            let mut said = before.clone();
            correct(&mut said);
            assert_eq!(said, after, "{before:?}");
        }
    }
}
