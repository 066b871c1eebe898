//! Compression of responses of services: which ones, into which coding, and the body on its way. Sends nothing and
//! writes no head; files bring their compressed siblings and never come here.
//!
//! **Which coding.** What the client weighs highest, and among equals Zstandard, gzip, Brotli. Browsers send all of
//! theirs with equal weight, so this order decides in practice. At the levels that suit answers made on the fly they
//! differ little in size and much in work: on pages of 20 to 90 KB, gzip takes two to three times as long as Zstandard
//! for 5 to 7 % less, and Brotli twice as long as gzip for 3 % less to 4 % more, with several times its memory. So
//! Brotli is only for those who ask for it. (Files are compressed beforehand and once, so there the smallest comes
//! first.)
//!
//! **Which responses.** Those whose media type is known to shrink, that are whole, that nobody encoded, signed with a
//! digest or forbade to transform, and that are long enough to gain; see [`decide()`]. Event streams are left alone:
//! their events are short, and a flush for each costs more than it saves.
//!
//! **BREACH.** The length of a compressed body tells how much of it repeats. Who can make a victim's browser ask for
//! pages that contain both a secret and words of the attacker's choice, and can see the lengths on the wire, guesses the
//! secret piece by piece, TLS or not. The attack needs the victim's credentials on the request, so by default nothing
//! is compressed when the request has a `Cookie` or an `Authorization`, or the response a `Set-Cookie`: what is left is
//! what everybody gets alike. `compress = "with-cookies"` lifts that, for services that mask their secrets per response
//! or reflect nothing.
//!
//! **Memory.** A response on its way holds one encoder and, while there are bytes to send, one pooled buffer. The
//! window of every encoder has 128 KiB or less, and its tables have a fixed size however long the body is: measured, up
//! to 1.2 MiB for Zstandard, 0.4 MiB for gzip, 2 MiB for Brotli. A thread keeps four of each of the former two for
//! responses to come. Nothing is read from the instance before the client has taken what was made.

mod body;
mod decide;
mod encoder;
mod media;

pub(crate) use body::Compressor;
pub(crate) use decide::{Judged, Verdict, decide};
