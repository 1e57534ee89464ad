//! Text that is no token, and tokens that could be read in two ways (RFC 7515, 7.1; RFC 8725, 2.6 and
//! 3.7).

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD},
};
use usher_auth_jwt::{Algorithm, JwtVerifier};
use usher_testkit::tokens::TestKey;

use super::{BAD_SIGNATURE, MALFORMED, NO_ISSUER, UNREADABLE_CLAIMS};
use crate::{
    forge::{Pair, header, join, message},
    support::{assert_accepted, assert_refused, claims, claims_with, now, trusting, trusting_set},
};

fn good() -> (TestKey, JwtVerifier, String) {
    let key = TestKey::es256("a");
    let (verifier, token) = (trusting(&[&key]), key.sign(&claims()));
    (key, verifier, token)
}

fn parts(token: &str) -> [&str; 3] {
    let mut parts = token.split('.');
    [(); 3].map(|()| parts.next().expect("three parts"))
}

#[tokio::test]
async fn text_that_is_no_token_is_malformed() {
    let (_, verifier, _) = good();
    for text in [
        "", ".", "..", "...", "a", "a.b", "a.b.c", "null", "é.é.é", "\0.\0.\0", "{}.{}.{}",
    ] {
        assert_refused(&verifier, text, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_token_with_too_few_or_too_many_parts_is_malformed() {
    let (_, verifier, token) = good();
    let [header, payload, signature] = parts(&token);
    for bad in [
        format!("{header}.{payload}"),
        format!("{payload}.{signature}"),
        format!(".{token}"),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!("{token}.{token}"),
        format!("{header}..{payload}.{signature}"),
        format!("{header}.{payload}..{signature}"),
        // As many parts as an encrypted token has.
        format!("{header}.{payload}.{payload}.{payload}.{signature}"),
        token.replace('.', ""),
        token.replace('.', ".."),
        token.replace('.', " "),
    ] {
        assert_refused(&verifier, &bad, MALFORMED).await;
    }
}

#[tokio::test]
async fn a_part_that_is_missing_is_refused() {
    let (_, verifier, token) = good();
    let [header, payload, signature] = parts(&token);
    let no_header = format!(".{payload}.{signature}");
    assert_refused(&verifier, &no_header, MALFORMED).await;
    let no_payload = format!("{header}..{signature}");
    assert_refused(&verifier, &no_payload, UNREADABLE_CLAIMS).await;
    let no_signature = format!("{header}.{payload}.");
    assert_refused(&verifier, &no_signature, BAD_SIGNATURE).await;
}

/// Not even white space is passed over: two spellings of a token would be two tokens to a cache.
#[tokio::test]
async fn only_one_spelling_of_a_part_is_taken() {
    let (_, verifier, token) = good();
    for index in 0..3 {
        let reason = if index == 2 { BAD_SIGNATURE } else { MALFORMED };
        let whole = parts(&token);
        let part = whole[index];
        for other in [
            format!("{part}="),
            format!("{part}=="),
            format!(" {part}"),
            format!("{part} "),
            format!("{part}\n"),
            format!("{part}A"),
            format!("{part}+"),
            format!("{part}/"),
            format!("{part}%"),
            format!("{part}\0"),
            format!("{}\r\n{}", &part[..8], &part[8..]),
        ] {
            // A character more may still be base64, of a text that is JSON no more.
            let mut spelt = whole.map(str::to_owned);
            spelt[index] = other.clone();
            let bad = spelt.join(".");
            let reason =
                if index == 1 && other.ends_with('A') && URL_SAFE_NO_PAD.decode(&other).is_ok() {
                    UNREADABLE_CLAIMS
                } else {
                    reason
                };
            assert_refused(&verifier, &bad, reason).await;
        }
    }
    assert_accepted(&verifier, &token, now()).await;
}

/// The same where the issuer itself signed the other spelling (RFC 7515, 2: no padding, the alphabet
/// for URLs).
#[tokio::test]
async fn a_signed_part_in_another_base64_is_malformed() {
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    // All three remainders of a length by three, and both characters that differ.
    for name in ["", "?", "??", "???>>>", "ÿÿÿ~~~"] {
        let claims = claims_with("name", name).to_string();
        let header = header(Algorithm::Es256);
        for encoding in [&URL_SAFE_NO_PAD, &URL_SAFE, &STANDARD, &STANDARD_NO_PAD] {
            let right = message(&header, claims.as_bytes());
            let spelt = format!("{}.{}", encoding.encode(&header), encoding.encode(&claims));
            let token = join(&spelt, &pair.sign(Algorithm::Es256, &spelt));
            if spelt == right {
                assert_accepted(&verifier, &token, now()).await;
            } else {
                assert_refused(&verifier, &token, MALFORMED).await;
            }
        }
    }
}

/// The last character of a part may have bits that stand for nothing (RFC 4648, 3.5): they are zero,
/// or the same bytes would have up to sixteen spellings.
#[tokio::test]
async fn the_bits_left_over_of_a_part_are_zero() {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    let mut others = 0;
    for padding in ["", "p", "pp"] {
        let payload = claims_with("padding", padding).to_string();
        let token = pair.token(
            Algorithm::Es256,
            &header(Algorithm::Es256),
            payload.as_bytes(),
        );
        assert_accepted(&verifier, &token, now()).await;
        for index in 0..3 {
            let whole = parts(&token);
            let left_over = match whole[index].len() % 4 {
                2 => 16,
                3 => 4,
                _ => 1,
            };
            let (start, last) = whole[index].split_at(whole[index].len() - 1);
            let value = ALPHABET.iter().position(|one| [*one] == *last.as_bytes());
            let value = value.expect("base64");
            for more in 1..left_over {
                let mut spelt = whole.map(str::to_owned);
                spelt[index] = format!("{start}{}", char::from(ALPHABET[value + more]));
                // The issuer signs what is spelt so: nothing but the spelling is wrong.
                let message = format!("{}.{}", spelt[0], spelt[1]);
                let signed = join(&message, &pair.sign(Algorithm::Es256, &message));
                let bad = if index == 2 { spelt.join(".") } else { signed };
                let reason = if index == 2 { BAD_SIGNATURE } else { MALFORMED };
                assert_refused(&verifier, &bad, reason).await;
                others += 1;
            }
        }
    }
    assert!(others >= 3 * 15, "only {others} other spellings");
}

/// Nothing of it means anything to the bearer scheme, but a proxy may have let it through.
#[tokio::test]
async fn a_token_with_something_around_it_is_refused() {
    let (_, verifier, token) = good();
    for bad in [
        format!(" {token}"),
        format!("{token} "),
        format!("\"{token}\""),
        format!("Bearer {token}"),
        format!("{token},{token}"),
        format!("{token}#"),
        format!("{token}?a=b"),
        token.to_uppercase(),
    ] {
        let answer = crate::support::outcome(&verifier, &bad, now()).await;
        assert_eq!(answer, "invalid", "{bad}");
    }
}

#[tokio::test]
async fn a_truncated_token_is_refused_wherever_it_ends() {
    let (_, verifier, token) = good();
    for end in 0..token.len() {
        let answer = crate::support::outcome(&verifier, &token[..end], now()).await;
        assert_eq!(answer, "invalid", "{end}");
    }
}

#[tokio::test]
async fn a_payload_that_is_no_object_is_refused_though_its_signature_holds() {
    let (key, verifier, _) = good();
    let object = claims().to_string();
    for payload in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "\"alice\"",
        &format!("[{object}]"),
        &format!("\"{}\"", object.replace('"', "\\\"")),
        &format!("{object}{object}"),
        &format!("{object},"),
        &format!("{object}\u{1a}"),
        &object[..object.len() - 1],
        &object.replacen('{', "{,", 1),
        &object.replacen('{', "{\"x\":01,", 1),
        &object.replacen('{', "{\"x\":.5,", 1),
        &object.replacen('{', "{\"x\":'a',", 1),
        &object.replacen('{', "{\"x\":\"\n\",", 1),
        &object.replacen('{', "{\"x\":[1,],", 1),
        &object.replacen('{', "{1:2,", 1),
        r#"["https://issuer.example.com/","alice","usher",1795349400,null,null]"#,
    ] {
        let token = key.sign_text(&key.header().to_string(), payload);
        assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
    }
    let nothing = key.sign_text(&key.header().to_string(), "{}");
    assert_refused(&verifier, &nothing, NO_ISSUER).await;
}

/// RFC 8725, 2.6 and 3.7: UTF-8 and nothing else, without a mark of its order.
#[tokio::test]
async fn a_header_or_a_payload_that_is_not_utf_8_is_refused() {
    fn utf_16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }
    fn utf_32(text: &str, bytes: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|one| bytes(one.into())).collect()
    }
    fn wrongs(text: &str) -> Vec<Vec<u8>> {
        let inside = |bytes: &[u8]| {
            let (start, end) = text.split_at(text.len() - 1);
            [start.as_bytes(), b",\"x\":\"", bytes, b"\"", end.as_bytes()].concat()
        };
        vec![
            utf_16(text, u16::to_be_bytes),
            utf_16(text, u16::to_le_bytes),
            utf_16(&format!("\u{feff}{text}"), u16::to_be_bytes),
            utf_16(&format!("\u{feff}{text}"), u16::to_le_bytes),
            utf_32(text, u32::to_be_bytes),
            utf_32(text, u32::to_le_bytes),
            format!("\u{feff}{text}").into_bytes(),
            // Latin-1, a byte alone, a slash in two bytes, a surrogate, more than there is.
            inside(b"\xe9"),
            inside(b"\x80"),
            inside(b"\xc0\xaf"),
            inside(b"\xed\xa0\x80"),
            inside(b"\xf4\x90\x80\x80"),
            inside(b"\xff"),
        ]
    }
    let pair = Pair::p256();
    let verifier = trusting_set(pair.jwks());
    let (header, payload) = (header(Algorithm::Es256), claims().to_string());
    for wrong in wrongs(&payload) {
        let token = pair.token(Algorithm::Es256, &header, &wrong);
        let why = if std::str::from_utf8(&wrong).is_ok() {
            UNREADABLE_CLAIMS
        } else {
            MALFORMED
        };
        assert_refused(&verifier, &token, why).await;
    }
    for wrong in wrongs(std::str::from_utf8(&header).expect("JSON")) {
        let token = pair.token(Algorithm::Es256, &wrong, payload.as_bytes());
        assert_refused(&verifier, &token, MALFORMED).await;
    }
}

/// Half of a pair of surrogates stands for no character, and JSON can write it.
#[tokio::test]
async fn half_a_character_is_refused_where_it_is_read() {
    let (key, verifier, _) = good();
    let header = key.header().to_string();
    for half in [r"\ud800", r"\udfff", r"\ud800\u0041", r"\ude00\ud83d"] {
        let subject = claims().to_string().replace("alice", half);
        let token = key.sign_text(&header, &subject);
        assert_refused(&verifier, &token, super::NO_SUBJECT).await;
        let name = claims()
            .to_string()
            .replacen('{', &format!("{{\"{half}\":1,"), 1);
        let token = key.sign_text(&header, &name);
        assert_refused(&verifier, &token, UNREADABLE_CLAIMS).await;
    }
}
