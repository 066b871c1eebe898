//! Judges one response as its bytes come: status 200, one Content-Length as expected, a body of that length. It keeps
//! no bytes but those of an unfinished head.

/// How far an answer is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    Done,
    Bad(String),
}

/// A response that is being read.
#[derive(Default)]
pub(super) struct Answer {
    /// The head so far, while it is not complete.
    head: Vec<u8>,
    /// Bytes of the body that are missing, once the head is complete.
    missing: Option<usize>,
}

impl Answer {
    /// Takes the next bytes. `length` is what the body must have.
    pub(super) fn take(&mut self, bytes: &[u8], length: usize) -> Progress {
        if self.missing.is_some() { self.take_body(bytes.len()) } else { self.take_head(bytes, length) }
    }

    fn take_head(&mut self, bytes: &[u8], length: usize) -> Progress {
        self.head.extend_from_slice(bytes);
        let Some(end) = self.head.windows(4).position(|four| four == b"\r\n\r\n") else {
            return Progress::More;
        };
        if let Err(fault) = judge(&self.head[..end + 2], length) {
            return Progress::Bad(fault);
        }
        let body = self.head.len() - end - 4;
        self.head.clear();
        self.missing = Some(length);
        // A body of this length may have come with the head, or none of it.
        self.take_body(body)
    }

    fn take_body(&mut self, count: usize) -> Progress {
        let missing = self.missing.take().unwrap_or_default();
        match missing.checked_sub(count) {
            None => Progress::Bad("more bytes than announced".to_owned()),
            Some(0) => Progress::Done,
            rest => {
                self.missing = rest;
                Progress::More
            }
        }
    }
}

fn judge(head: &[u8], length: usize) -> Result<(), String> {
    let text = std::str::from_utf8(head).map_err(|_| "a head that is not text".to_owned())?;
    let mut lines = text.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200") {
        return Err(status.to_owned());
    }
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let announced = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let announced = announced.and_then(|(_, value)| value.trim().parse::<usize>().ok());
    if announced == Some(length) {
        Ok(())
    } else {
        Err(format!("content-length {announced:?}, not {length}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";

    #[test]
    fn an_answer_is_judged_wherever_it_is_split() {
        for split in 1..RESPONSE.len() {
            let mut answer = Answer::default();
            assert_eq!(answer.take(&RESPONSE[..split], 3), Progress::More, "{split}");
            assert_eq!(answer.take(&RESPONSE[split..], 3), Progress::Done, "{split}");
        }
    }

    #[test]
    fn another_length_or_status_is_bad() {
        assert!(matches!(Answer::default().take(RESPONSE, 4), Progress::Bad(_)));
        let response = b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc";
        assert!(matches!(Answer::default().take(response, 3), Progress::Bad(_)));
    }

    #[test]
    fn bytes_after_the_body_are_bad() {
        let mut answer = Answer::default();
        assert!(matches!(answer.take(&[RESPONSE, b"d"].concat(), 3), Progress::Bad(_)));
    }
}
