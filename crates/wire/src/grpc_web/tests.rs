//! Every stream comes back as it was, however it is cut.

use super::*;
use proptest::prelude::*;

#[test]
fn media_types_name_a_form() {
    for (media, form, answer) in [
        ("application/grpc-web", Some((Form::Binary, "")), "application/grpc-web+proto"),
        ("application/grpc-web+proto", Some((Form::Binary, "+proto")), "application/grpc-web+proto"),
        ("Application/gRPC-Web-Text", Some((Form::Text, "")), "application/grpc-web-text+proto"),
        ("application/grpc-web-text+json", Some((Form::Text, "+json")), "application/grpc-web-text+proto"),
        ("application/grpc-web;x", Some((Form::Binary, ";x")), "application/grpc-web+proto"),
        ("application/grpc", None, ""),
        ("application/grpc+proto", None, ""),
        ("application/grpc-webby", None, ""),
        ("text/plain", None, ""),
        ("", None, ""),
    ] {
        let found = Form::of(media.as_bytes());
        assert_eq!(found, form.map(|(form, suffix)| (form, suffix.as_bytes())), "{media}");
        if let Some((form, _)) = found {
            assert_eq!(form.media(b"application/grpc+proto").as_deref(), Some(answer.as_bytes()), "{media}");
            assert_eq!(form.media(b"text/html"), None);
        }
    }
    assert_eq!(grpc_media(b"+proto"), b"application/grpc+proto");
}

#[test]
fn trailers_are_a_frame() {
    let mut out = b"before".to_vec();
    write_trailers(&mut out, [(&b"Grpc-Status"[..], &b"0"[..]), (b"grpc-message", b"")].into_iter());
    assert_eq!(out, b"before\x80\0\0\0\x1egrpc-status:0\r\ngrpc-message:\r\n");
    let mut none = Vec::new();
    write_trailers(&mut none, std::iter::empty());
    assert_eq!(none, b"");
}

#[test]
fn what_is_no_base64_is_refused() {
    for (text, decoded) in [
        ("", Some("")),
        ("aGk=", Some("hi")),
        ("aGkh", Some("hi!")),
        ("aA==aGk=aGkh", Some("hhihi!")),
        ("aGk", None),
        ("a", None),
        ("=", None),
        ("a===", None),
        ("aG=k", None),
        ("aGl=", None),
        ("aB==", None),
        ("aGk=\n", None),
        ("a-_=", None),
    ] {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        let done = decoder.decode(text.as_bytes(), &mut out).and_then(|()| decoder.end());
        assert_eq!(done.ok().map(|()| out.as_slice()), decoded.map(str::as_bytes), "{text}");
    }
}

proptest! {
    /// Pieces go in, are flushed now and then, and arrive in other pieces.
    #[test]
    fn what_is_encoded_is_decoded_however_it_is_cut(
        pieces in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), any::<bool>()), 0..8),
        step in 1..9_usize,
    ) {
        let (mut encoder, mut text) = (Encoder::default(), Vec::new());
        for (piece, flushed) in &pieces {
            encoder.encode(piece, &mut text);
            if *flushed {
                encoder.flush(&mut text);
                prop_assert!(!encoder.holds());
            }
        }
        encoder.flush(&mut text);
        prop_assert_eq!(text.len() % 4, 0);
        let (mut decoder, mut back) = (Decoder::default(), Vec::new());
        for piece in text.chunks(step) {
            prop_assert!(decoder.decode(piece, &mut back).is_ok());
        }
        prop_assert!(decoder.end().is_ok());
        prop_assert_eq!(back, pieces.into_iter().flat_map(|(piece, _)| piece).collect::<Vec<_>>());
    }
}
