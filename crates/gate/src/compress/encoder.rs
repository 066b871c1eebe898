//! The three encoders behind one face: bytes go in, encoded bytes come out, and what is inside can be pressed out.
//!
//! Levels suit answers that are made on the fly, and windows are small on purpose: see the memory bound of the module.

use crate::coding::Coding;
use brotli::enc::StandardAlloc;
use brotli::enc::encode::{BrotliEncoderOperation, BrotliEncoderParameter, BrotliEncoderStateStruct};
use flate2::{Compress, FlushCompress, Status};
use std::cell::RefCell;
use std::fmt;
use std::io;
use zstd::zstd_safe::{self, CCtx, CParameter, InBuffer, OutBuffer, ResetDirective};

const ZSTANDARD_LEVEL: i32 = 3;
/// A window of 128 KiB, as a power of two.
const ZSTANDARD_WINDOW: u32 = 17;
/// Tables of Zstandard, as powers of two in entries of four bytes. Larger ones gain less than half a percent.
const ZSTANDARD_TABLES: [CParameter; 2] = [CParameter::HashLog(15), CParameter::ChainLog(15)];
const BROTLI_QUALITY: u32 = 4;
/// A window of 64 KiB, as a power of two. The next one takes half as much memory again and gains two percent.
const BROTLI_WINDOW: u32 = 16;
/// What Brotli is told of the length of any body. From 1 MiB on it would take tables of 4 MiB.
const BROTLI_LENGTH: u32 = 64 << 10;
const GZIP_LEVEL: u32 = 5;
/// A window of 32 KiB, the largest of gzip, as a power of two.
const GZIP_WINDOW: u8 = 15;
/// Encoders of one kind that a thread keeps: making one costs more than a short response.
const KEPT: usize = 4;

thread_local! {
    static ZSTANDARD: RefCell<Vec<CCtx<'static>>> = const { RefCell::new(Vec::new()) };
    static GZIP: RefCell<Vec<Compress>> = const { RefCell::new(Vec::new()) };
}

/// What is wanted of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// Take the input; give out what comes of it.
    Take,
    /// Give out everything that was taken, so that it can be decoded. To be repeated, without input, until it is done.
    Flush,
    /// As `Flush`, and end. Nothing is taken afterwards.
    End,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    /// Bytes of the input that were taken.
    pub(super) taken: usize,
    /// Bytes of the output that were filled.
    pub(super) made: usize,
    /// Whether the goal is reached. If not, there is more to give out than there was room.
    pub(super) done: bool,
}

/// An encoder for one body.
pub(super) struct Encoder(Option<Kind>);

enum Kind {
    Brotli(Box<BrotliEncoderStateStruct<StandardAlloc>>),
    Gzip(Compress),
    Zstandard(CCtx<'static>),
}

impl Encoder {
    /// An encoder for a body of this length, if that is known; `None` when there is no memory for one.
    pub(super) fn new(coding: Coding, length: Option<u64>) -> Option<Self> {
        let kind = match coding {
            Coding::Brotli => Kind::Brotli(new_brotli()),
            Coding::Gzip => Kind::Gzip(kept_gzip().unwrap_or_else(new_gzip)),
            Coding::Zstandard => Kind::Zstandard(zstandard(length)?),
        };
        Some(Self(Some(kind)))
    }

    /// Works towards a goal. `input` is empty unless the goal is [`Goal::Take`]; `output` is not empty.
    ///
    /// # Errors
    ///
    /// The encoder failed, which means that memory ran out. It must not be used again.
    pub(super) fn run(&mut self, goal: Goal, input: &[u8], output: &mut [u8]) -> io::Result<Progress> {
        let progress = match self.0.as_mut().expect("it is there until it is dropped") {
            Kind::Brotli(state) => run_brotli(state, goal, input, output),
            Kind::Gzip(state) => run_gzip(state, goal, input, output),
            Kind::Zstandard(context) => run_zstandard(context, goal, input, output),
        }?;
        if progress.taken == 0 && progress.made == 0 && !progress.done {
            return Err(io::Error::other("the encoder makes no progress"));
        }
        Ok(progress)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Kind::Gzip(state)) => keep(&GZIP, state),
            Some(Kind::Zstandard(context)) => keep(&ZSTANDARD, context),
            Some(Kind::Brotli(_)) | None => {}
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(Kind::Brotli(_)) => "Encoder(br)",
            Some(Kind::Gzip(_)) => "Encoder(gzip)",
            Some(Kind::Zstandard(_)) => "Encoder(zstd)",
            None => "Encoder",
        })
    }
}

fn keep<T>(kept: &'static std::thread::LocalKey<RefCell<Vec<T>>>, encoder: T) {
    // While a thread ends what it kept may be gone already; the encoder is freed then.
    let _ = kept.try_with(|kept| {
        let mut kept = kept.borrow_mut();
        if kept.len() < KEPT {
            kept.push(encoder);
        }
    });
}

fn new_brotli() -> Box<BrotliEncoderStateStruct<StandardAlloc>> {
    let mut state = Box::new(BrotliEncoderStateStruct::new(StandardAlloc::default()));
    state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_QUALITY, BROTLI_QUALITY);
    state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_LGWIN, BROTLI_WINDOW);
    state.set_parameter(BrotliEncoderParameter::BROTLI_PARAM_SIZE_HINT, BROTLI_LENGTH);
    state
}

fn run_brotli(
    state: &mut BrotliEncoderStateStruct<StandardAlloc>,
    goal: Goal,
    input: &[u8],
    output: &mut [u8],
) -> io::Result<Progress> {
    let operation = match goal {
        Goal::Take => BrotliEncoderOperation::BROTLI_OPERATION_PROCESS,
        Goal::Flush => BrotliEncoderOperation::BROTLI_OPERATION_FLUSH,
        Goal::End => BrotliEncoderOperation::BROTLI_OPERATION_FINISH,
    };
    let (mut left, mut taken) = (input.len(), 0);
    let (mut room, mut made) = (output.len(), 0);
    let worked = state.compress_stream(
        operation,
        &mut left,
        input,
        &mut taken,
        &mut room,
        output,
        &mut made,
        &mut None,
        &mut |_, _, _, _| (),
    );
    if !worked {
        return Err(io::Error::other("brotli failed"));
    }
    let done = match goal {
        Goal::Take => left == 0,
        Goal::Flush => !state.has_more_output(),
        Goal::End => state.is_finished(),
    };
    Ok(Progress { taken, made, done })
}

fn new_gzip() -> Compress {
    Compress::new_gzip(flate2::Compression::new(GZIP_LEVEL), GZIP_WINDOW)
}

fn kept_gzip() -> Option<Compress> {
    let mut state = GZIP.with_borrow_mut(Vec::pop)?;
    state.reset();
    Some(state)
}

fn run_gzip(state: &mut Compress, goal: Goal, input: &[u8], output: &mut [u8]) -> io::Result<Progress> {
    let flush = match goal {
        Goal::Take => FlushCompress::None,
        Goal::Flush => FlushCompress::Sync,
        Goal::End => FlushCompress::Finish,
    };
    let before = (state.total_in(), state.total_out());
    let status = state.compress(input, output, flush).map_err(io::Error::other)?;
    // Neither difference is larger than the slice that was given.
    let (taken, made) = ((state.total_in() - before.0) as usize, (state.total_out() - before.1) as usize);
    let done = match goal {
        Goal::Take => taken == input.len(),
        Goal::Flush => made < output.len(),
        Goal::End => status == Status::StreamEnd,
    };
    Ok(Progress { taken, made, done })
}

fn zstandard(length: Option<u64>) -> Option<CCtx<'static>> {
    let mut context = match kept_zstandard() {
        Some(context) => context,
        None => new_zstandard()?,
    };
    // The body has exactly this length or is refused as truncated, so the promise holds.
    context.set_pledged_src_size(length).ok()?;
    Some(context)
}

fn kept_zstandard() -> Option<CCtx<'static>> {
    let mut context = ZSTANDARD.with_borrow_mut(Vec::pop)?;
    context.reset(ResetDirective::SessionOnly).ok()?;
    Some(context)
}

fn new_zstandard() -> Option<CCtx<'static>> {
    let mut context = CCtx::try_create()?;
    let limits = [CParameter::CompressionLevel(ZSTANDARD_LEVEL), CParameter::WindowLog(ZSTANDARD_WINDOW)];
    for parameter in limits.into_iter().chain(ZSTANDARD_TABLES) {
        context.set_parameter(parameter).ok()?;
    }
    Some(context)
}

fn run_zstandard(
    context: &mut CCtx<'_>,
    goal: Goal,
    input: &[u8],
    output: &mut [u8],
) -> io::Result<Progress> {
    let mut output = OutBuffer::around(output);
    let mut source = InBuffer::around(input);
    let left = match goal {
        Goal::Take => context.compress_stream(&mut output, &mut source).map(|_| input.len() - source.pos()),
        Goal::Flush => context.flush_stream(&mut output),
        Goal::End => context.end_stream(&mut output),
    };
    let left = left.map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
    Ok(Progress { taken: source.pos(), made: output.pos(), done: left == 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_of_zstandard_holds_no_more_than_the_module_promises() {
        for length in [None, Some(300), Some(1 << 30)] {
            let mut encoder = Encoder::new(Coding::Zstandard, length).expect("memory");
            let mut output = vec![0; 1 << 20];
            encoder.run(Goal::Take, &[b'a'; 256], &mut output).expect("an encoder that works");
            let Some(Kind::Zstandard(context)) = &encoder.0 else { unreachable!("what was asked for") };
            assert!(context.sizeof() < (12 << 20) / 10, "{length:?}: {}", context.sizeof());
        }
    }
}
