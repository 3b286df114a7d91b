//! The canonical request: the one text that both sides make of a request and sign.

use crate::Denied;
use crate::request::Request;

/// Method, path, query, signed headers, their names and the body's hash, one after the other.
///
/// Fails when a signed header is not in the request.
pub(crate) fn canonical_request(
    request: &Request<'_>,
    signed_headers: &[&str],
    body_hash: &str,
) -> Result<String, Denied> {
    let mut text = format!("{}\n{}\n{}\n", request.method, uri(request.path), query(request.query));
    for name in signed_headers {
        let values: Vec<String> = request.values(name).map(collapse).collect();
        if values.is_empty() {
            return Err(Denied::Absent((*name).to_owned()));
        }
        text.extend([name, ":", &values.join(","), "\n"]);
    }
    text.extend(["\n", &signed_headers.join(";"), "\n", body_hash]);
    Ok(text)
}

/// The path without `.`, `..` and empty segments, each byte encoded once more as it was received: what
/// arrives as `%20` is signed as `%2520`. Every service but S3 has it so.
fn uri(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let mut text = String::with_capacity(path.len() + 1);
    for segment in &segments {
        text.push('/');
        encode(segment.bytes(), &mut text);
    }
    // What ends in a slash or a dot segment is a folder, RFC 3986, 5.2.4.
    let folder = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    if segments.is_empty() || folder {
        text.push('/');
    }
    text
}

/// The parameters sorted by name, then by value, encoded in the one way that leaves no choice.
fn query(query: &str) -> String {
    if query.is_empty() {
        return String::new();
    }
    let mut pairs: Vec<(String, String)> = parameters(query)
        .map(|(name, value)| {
            let recode = |part: &str| {
                let mut text = String::with_capacity(part.len());
                encode(decode(part), &mut text);
                text
            };
            (recode(name), recode(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// Whether a query carries a signature itself, as presigned URLs do.
pub(crate) fn is_presigned(query: &str) -> bool {
    parameters(query).any(|(name, _)| decode(name).eq(*b"X-Amz-Signature"))
}

/// Names and values, still encoded. An empty piece is a parameter without a name, so that it counts too.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// A header's value without blanks around it, and with one blank where there were more. Line breaks count
/// as blanks, so that no value can look like another header.
fn collapse(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// Writes bytes with all but RFC 3986's unreserved ones as `%XX`.
fn encode(bytes: impl Iterator<Item = u8>, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
            text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// Reads `%XX`; a percent sign that begins no such thing stands for itself.
fn decode(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let nibble = |byte: u8| char::from(byte).to_digit(16);
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (nibble(*high), nibble(*low))
        {
            rest = after;
            return Some((high * 16 + low) as u8);
        }
        let (&first, after) = rest.split_first()?;
        rest = after;
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_encoded_once_more() {
        for (path, expected) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("recommendations", "/recommendations"),
            ("/recommendations", "/recommendations"),
            ("/a/../b", "/b"),
            ("/../../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a.b/..c/", "/a.b/..c/"),
            ("/%7e/%2E%2E/x y", "/%257e/%252E%252E/x%20y"),
            ("/é", "/%C3%A9"),
        ] {
            assert_eq!(uri(path), expected, "{path}");
        }
    }

    #[test]
    fn queries_are_sorted_and_encoded_in_one_way() {
        for (text, expected) in [
            ("", ""),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1&A=3", "A=3&a=1&a=2"),
            ("a", "a="),
            ("a-b=1&a=2", "a=2&a-b=1"),
            ("a=b=c", "a=b%3Dc"),
            ("a=%7e%2f&%c3%a9=x", "%C3%A9=x&a=~%2F"),
            ("a=1+1", "a=1%2B1"),
            ("a=100%&b=%zz", "a=100%25&b=%25zz"),
            ("a=1&", "=&a=1"),
        ] {
            assert_eq!(query(text), expected, "{text}");
        }
    }

    #[test]
    fn a_presigned_query_is_recognised() {
        assert!(is_presigned("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"));
        assert!(is_presigned("X-Amz%2DSignature=00"));
        assert!(!is_presigned("x=X-Amz-Signature"));
        assert!(!is_presigned(""));
    }

    #[test]
    fn no_value_can_look_like_another_header() {
        assert_eq!(collapse(" a\r\nhost:evil \t b "), "a host:evil b");
    }
}
