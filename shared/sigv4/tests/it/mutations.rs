//! A signed request of which any one byte is changed is refused.

use sigv4::Keys;

use crate::rust_signer::signed;
use crate::support::{NOW, PERSONALIZE, Sent, keys};

/// Several headers, one of them repeated, a query, a body; no hexadecimal letters after a percent sign, whose
/// case would not matter.
fn request() -> Sent {
    let mut sent = Sent {
        method: "POST".into(),
        path: "/campaigns/x%20y/recommendations".into(),
        query: "limit=25&name=a%20b&empty=".into(),
        headers: Vec::new(),
        body: br#"{"campaignArn": "arn", "userId": "42"}"#.to_vec(),
    };
    for (name, value) in [
        ("Host", "personalize.us-east-1.amazonaws.com"),
        ("Content-Type", "application/x-amz-json-1.1; charset=utf8"),
        ("X-Amz-Target", "AmazonPersonalize.CreateSchema"),
        ("My-Header", "one  two"),
        ("My-Header", "three"),
    ] {
        sent = sent.with(name, value);
    }
    signed(sent, true)
}

/// Every text that differs from this one in one byte and is still ASCII.
fn flips(text: &str) -> impl Iterator<Item = String> {
    (0..text.len()).flat_map(move |at| {
        (1..128).map(move |mask| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] ^= mask;
            String::from_utf8(bytes).expect("ASCII")
        })
    })
}

/// Tries every flip of a part; returns how many there were.
fn refuses(keys: &Keys, sent: &Sent, part: impl Fn(&mut Sent) -> &mut String) -> usize {
    let mut changed = sent.clone();
    let original = part(&mut changed).clone();
    let mut tried = 0;
    for flip in flips(&original) {
        // Which blank it is does not count in a header, by the rules of the scheme.
        if flip.split_ascii_whitespace().eq(original.split_ascii_whitespace()) {
            continue;
        }
        *part(&mut changed) = flip;
        let identity = changed.verify(keys, PERSONALIZE, NOW);
        assert!(identity.is_err(), "{:?} was accepted for {original:?}", part(&mut changed));
        tried += 1;
    }
    tried
}

#[test]
fn the_request_itself_is_accepted() {
    request().verify(&keys(), PERSONALIZE, NOW).unwrap();
}

#[test]
fn no_byte_of_method_path_or_query_can_change() {
    let (keys, sent) = (keys(), request());
    assert!(refuses(&keys, &sent, |sent| &mut sent.method) == 4 * 127);
    assert!(refuses(&keys, &sent, |sent| &mut sent.path) > 3000);
    assert!(refuses(&keys, &sent, |sent| &mut sent.query) > 3000);
}

#[test]
fn no_byte_of_a_signed_header_can_change() {
    let (keys, sent) = (keys(), request());
    let values = sent.headers.len() - 1;
    assert_eq!(sent.headers.iter().filter(|(name, _)| name == "authorization").count(), 1);
    let mut seen = 0;
    for at in 0..sent.headers.len() {
        if sent.headers[at].0 != "authorization" {
            assert!(refuses(&keys, &sent, |sent| &mut sent.headers[at].1) > 500);
            seen += 1;
        }
    }
    assert_eq!(seen, values);
}

#[test]
fn no_bit_of_the_body_can_change() {
    let (keys, sent) = (keys(), request());
    // Once against the hash that a header announces and once against the signature alone.
    for sent in [sent.clone(), signed(Sent { headers: sent.headers[..5].to_vec(), ..sent }, false)] {
        sent.verify(&keys, PERSONALIZE, NOW).unwrap();
        for at in 0..sent.body.len() {
            for bit in 0..8 {
                let mut changed = sent.clone();
                changed.body[at] ^= 1 << bit;
                assert!(changed.verify(&keys, PERSONALIZE, NOW).is_err());
            }
        }
        let mut longer = sent.clone();
        longer.body.push(b' ');
        assert!(longer.verify(&keys, PERSONALIZE, NOW).is_err());
    }
}

#[test]
fn no_byte_of_scope_signed_headers_or_signature_can_change() {
    let (keys, mut sent) = (keys(), request());
    // With the blanks between the parameters left out, every byte counts.
    let authorization = sent.header("authorization");
    *authorization = authorization.replace(", ", ",");
    sent.verify(&keys, PERSONALIZE, NOW).unwrap();
    assert!(refuses(&keys, &sent, |sent| sent.header("authorization")) > 20_000);
}

#[test]
fn order_of_repeated_headers_counts_and_of_others_does_not() {
    let (keys, sent) = (keys(), request());
    let mut swapped = sent.clone();
    swapped.headers.swap(3, 4);
    assert!(swapped.verify(&keys, PERSONALIZE, NOW).is_err());
    let mut moved = sent.clone();
    moved.headers.swap(0, 2);
    moved.verify(&keys, PERSONALIZE, NOW).unwrap();
    let shorter = Sent { query: "empty=&limit=25".into(), ..sent };
    assert!(shorter.verify(&keys, PERSONALIZE, NOW).is_err());
}
