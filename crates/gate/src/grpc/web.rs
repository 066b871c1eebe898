//! A body on its way between a call of gRPC-Web and an instance that speaks gRPC: a [`Source`] that reads another.
//!
//! What was received is translated when the peer has taken what was made of what came before, so no more is held than
//! that becomes. When nothing more is there for now, everything is given out: messages are not held back.

use crate::transport::Source;
use http1::http2::trailer_fields;
use http1::{BodyReader, Refusal};
use std::io;
use std::task::{Context, Poll};
use wire::grpc_web::{Decoder, Encoder, Form, write_trailers};

/// What is done to the bytes.
#[derive(Debug)]
enum Work {
    /// The text of a request becomes bytes.
    Decode(Decoder),
    /// Trailers of a response become its last frame.
    Frame,
    /// The same, and bytes become text.
    Encode(Encoder),
}

/// What is kept of a body from poll to poll.
#[derive(Debug)]
pub(crate) struct Translator {
    work: Work,
    /// What was made, and how much of it was taken.
    made: Vec<u8>,
    taken: usize,
    ended: bool,
    started: bool,
}

impl Translator {
    fn new(work: Work) -> Self {
        Self { work, made: Vec::new(), taken: 0, ended: false, started: false }
    }

    /// For the body of a request in this form, unless it passes as it is.
    pub(crate) fn of_request(form: Form) -> Option<Self> {
        match form {
            Form::Binary => None,
            Form::Text => Some(Self::new(Work::Decode(Decoder::default()))),
        }
    }

    /// For the body of a response in this form.
    pub(crate) fn of_response(form: Form) -> Self {
        Self::new(match form {
            Form::Binary => Work::Frame,
            Form::Text => Work::Encode(Encoder::default()),
        })
    }

    /// Whether anything of the body was read, so that it cannot be sent anew.
    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    /// The body that `reader` finds in `source`, which have to be the same in every poll.
    pub(crate) fn over<'a, S: Source>(
        &'a mut self,
        reader: &'a mut BodyReader,
        source: &'a mut S,
    ) -> Translated<'a, S> {
        Translated { translator: self, reader, source }
    }

    fn translate(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.work {
            Work::Decode(decoder) => decoder.decode(data, &mut self.made).map_err(io::Error::other),
            Work::Frame => {
                self.made.extend_from_slice(data);
                Ok(())
            }
            Work::Encode(encoder) => {
                encoder.encode(data, &mut self.made);
                Ok(())
            }
        }
    }

    fn end(&mut self, trailers: &[u8]) -> io::Result<()> {
        self.ended = true;
        match &mut self.work {
            Work::Decode(decoder) => decoder.end().map_err(io::Error::other),
            Work::Frame => {
                write_trailers(&mut self.made, trailer_fields(trailers));
                Ok(())
            }
            Work::Encode(encoder) => {
                let mut frame = Vec::new();
                write_trailers(&mut frame, trailer_fields(trailers));
                encoder.encode(&frame, &mut self.made);
                encoder.flush(&mut self.made);
                Ok(())
            }
        }
    }

    /// Gives out what waits for more of its kind.
    fn flush(&mut self) {
        if let Work::Encode(encoder) = &mut self.work {
            encoder.flush(&mut self.made);
        }
    }
}

/// A body that is read from `source` and comes out translated.
#[derive(Debug)]
pub(crate) struct Translated<'a, S> {
    translator: &'a mut Translator,
    reader: &'a mut BodyReader,
    source: &'a mut S,
}

impl<S: Source> Translated<'_, S> {
    /// Translates everything that was received.
    fn translate_received(&mut self) -> io::Result<()> {
        while !self.reader.is_done() {
            let decoded = self.reader.decode(self.source.received()).map_err(refused)?;
            if decoded.consumed == 0 {
                return Ok(());
            }
            self.translator.started = true;
            self.translator.translate(&self.source.received()[decoded.start..decoded.end])?;
            self.source.consume(decoded.consumed);
        }
        if self.translator.ended { Ok(()) } else { self.translator.end(self.reader.trailers()) }
    }
}

impl<S: Source> Source for Translated<'_, S> {
    fn received(&self) -> &[u8] {
        &self.translator.made[self.translator.taken..]
    }

    fn consume(&mut self, count: usize) {
        let translator = &mut *self.translator;
        translator.taken += count;
        if translator.taken == translator.made.len() {
            translator.made.clear();
            translator.taken = 0;
        }
    }

    fn poll_fill(&mut self, context: &mut Context<'_>, large: bool) -> Poll<io::Result<usize>> {
        if !self.received().is_empty() {
            return Poll::Ready(Err(io::Error::other("what was made is not taken")));
        }
        loop {
            self.translate_received()?;
            let made = self.received().len();
            if made > 0 || self.translator.ended {
                return Poll::Ready(Ok(made));
            }
            match self.source.poll_fill(context, large) {
                Poll::Ready(Ok(0)) => self.reader.end().map_err(refused)?,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.translator.flush();
                    let made = self.received().len();
                    return if made > 0 { Poll::Ready(Ok(made)) } else { Poll::Pending };
                }
            }
        }
    }
}

/// A refusal on its way through [`Source`], which knows errors of transport alone.
fn refused(refusal: Refusal) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, refusal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;
    use std::task::Waker;

    /// Pieces as they arrive, with a pause where there is an empty one.
    #[derive(Default)]
    struct Pieces {
        pieces: VecDeque<Vec<u8>>,
        received: Vec<u8>,
    }

    impl Source for Pieces {
        fn received(&self) -> &[u8] {
            &self.received
        }

        fn consume(&mut self, count: usize) {
            self.received.drain(..count);
        }

        fn poll_fill(&mut self, _: &mut Context<'_>, _: bool) -> Poll<io::Result<usize>> {
            match self.pieces.pop_front() {
                Some(piece) if piece.is_empty() => Poll::Pending,
                Some(piece) => {
                    self.received.extend_from_slice(&piece);
                    Poll::Ready(Ok(piece.len()))
                }
                None => Poll::Ready(Ok(0)),
            }
        }
    }

    /// Everything that comes out, and what came out at each pause.
    fn run(
        mut translator: Translator,
        mut reader: BodyReader,
        pieces: Vec<Vec<u8>>,
    ) -> io::Result<(Vec<u8>, Vec<usize>)> {
        let mut source = Pieces { pieces: pieces.into(), ..Pieces::default() };
        let context = &mut Context::from_waker(Waker::noop());
        let (mut out, mut pauses) = (Vec::new(), Vec::new());
        loop {
            let mut translated = translator.over(&mut reader, &mut source);
            match translated.poll_fill(context, true) {
                Poll::Pending => pauses.push(out.len()),
                Poll::Ready(Ok(0)) => return Ok((out, pauses)),
                Poll::Ready(Ok(count)) => {
                    out.extend_from_slice(translated.received());
                    translated.consume(count);
                }
                Poll::Ready(Err(error)) => return Err(error),
            }
        }
    }

    fn chunked(data: &[Vec<u8>], trailers: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for chunk in data.iter().filter(|chunk| !chunk.is_empty()) {
            http1::write::chunk_start(&mut out, chunk.len());
            out.extend_from_slice(chunk);
            http1::write::end(&mut out);
        }
        http1::write::last_chunk(&mut out, trailers.as_bytes());
        out
    }

    fn decoded(text: &[u8]) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        decoder.decode(text, &mut out).and_then(|()| decoder.end()).expect("base64");
        out
    }

    #[test]
    fn a_body_that_breaks_off_does_not_end_well() {
        let reader = || BodyReader::new(http1::BodyLength::Chunked);
        let cut = b"5\r\nab".to_vec();
        assert!(run(Translator::of_response(Form::Text), reader(), vec![cut]).is_err());
        let half = Translator::of_request(Form::Text).expect("text is translated");
        assert!(run(half, reader(), vec![chunked(&[b"aGk".to_vec()], "")]).is_err());
    }

    proptest! {
        /// Whatever an instance sends, however it arrives: the messages, then the trailers as a frame; and at every
        /// pause all that came before has gone out.
        #[test]
        fn responses_keep_their_bytes_and_end_with_their_trailers(
            data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6),
            status in 0..17_u8,
            step in 1..40_usize,
            paused in any::<bool>(),
            text in any::<bool>(),
        ) {
            let form = if text { Form::Text } else { Form::Binary };
            let wire = chunked(&data, &format!("Grpc-Status: {status}\r\n"));
            let pause = if paused { vec![Vec::new()] } else { Vec::new() };
            let pieces = wire.chunks(step).flat_map(|piece| [vec![piece.to_vec()], pause.clone()].concat());
            let reader = BodyReader::new(http1::BodyLength::Chunked);
            let (out, pauses) = run(Translator::of_response(form), reader, pieces.collect())?;
            let bytes = if text { decoded(&out) } else { out };
            let trailer = format!("grpc-status:{status}\r\n");
            let frame = [&[0x80, 0, 0, 0, trailer.len() as u8], trailer.as_bytes()].concat();
            prop_assert_eq!(bytes, [data.concat(), frame].concat());
            prop_assert!(!text || pauses.iter().all(|length| length % 4 == 0));
        }

        /// Whatever a client says in base64, in pieces that are padded or not, arrives as the bytes that it meant.
        #[test]
        fn requests_in_text_arrive_as_bytes(
            data in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6),
            step in 1..40_usize,
        ) {
            let text: Vec<Vec<u8>> = data
                .iter()
                .map(|piece| {
                    let (mut encoder, mut text) = (Encoder::default(), Vec::new());
                    encoder.encode(piece, &mut text);
                    encoder.flush(&mut text);
                    text
                })
                .collect();
            let pieces = chunked(&text, "").chunks(step).map(<[u8]>::to_vec).collect();
            let translator = Translator::of_request(Form::Text).expect("text is translated");
            let (out, _) = run(translator, BodyReader::new(http1::BodyLength::Chunked), pieces)?;
            prop_assert_eq!(out, data.concat());
        }
    }
}
