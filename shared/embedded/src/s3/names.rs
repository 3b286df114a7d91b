//! Object keys as file names that a person can read, one for each key and back again.
//!
//! A key's segments between slashes become folders, its last one a file, so `uploads/ratings.csv`
//! lies where one would look for it. What a file system cannot hold as it is, is changed:
//!
//! - Control characters, `%` and what Windows forbids are written `%XX`.
//! - A file without a dot gets `%` at its end, and a folder with a dot (or without any name) gets
//!   `%2F`. Files so always hold a dot or end in `%`, and folders never do, which lets `a` and
//!   `a/b` exist together, as they may in S3. It also disarms `.` and `..`.
//! - A segment too long for a file name is cut; the folders of its first pieces end in `%+`.
//!
//! On a file system that ignores case, keys that differ only in case fall together.

use std::path::{Path, PathBuf};

/// Longest piece of an encoded name, in bytes. File systems take 255; the rest is for the marks.
const PIECE_BYTES_MAX: usize = 240;
/// End of a file's name that has no dot.
const FILE: &str = "%";
/// End of a folder's name that has a dot or is empty otherwise.
const FOLDER: &str = "%2F";
/// End of a folder's name that goes on in the next one.
const CONTINUED: &str = "%+";

/// The file of a key, relative to its bucket's folder.
pub(super) fn path_of_key(key: &str) -> PathBuf {
    let mut path = PathBuf::new();
    let (folders, file) = key.rsplit_once('/').map_or((None, key), |(folders, file)| (Some(folders), file));
    for folder in folders.into_iter().flat_map(|f| f.split('/')) {
        push_folder(&mut path, folder);
    }
    let last = push_pieces(&mut path, file);
    let is_plain = last.contains('.') && last != "." && last != "..";
    path.push(if is_plain { last } else { last + FILE });
    path
}

/// The deepest folder that holds every key with that prefix.
pub(super) fn folder_of_prefix(prefix: &str) -> PathBuf {
    let mut path = PathBuf::new();
    if let Some((folders, _)) = prefix.rsplit_once('/') {
        folders.split('/').for_each(|folder| push_folder(&mut path, folder));
    }
    path
}

/// The key of a file, if the file is named as [`path_of_key`] names it.
pub(super) fn key_of_path(path: &Path) -> Option<String> {
    let mut encoded = String::new();
    let mut names = path.iter().peekable();
    while let Some(name) = names.next() {
        let name = name.to_str()?;
        if names.peek().is_none() {
            encoded.push_str(name.strip_suffix(FILE).unwrap_or(name));
        } else if let Some(piece) = name.strip_suffix(CONTINUED) {
            encoded.push_str(piece);
        } else {
            encoded.push_str(name.strip_suffix(FOLDER).unwrap_or(name));
            encoded.push('/');
        }
    }
    let key = decode(&encoded)?;
    (path_of_key(&key) == path).then_some(key)
}

fn push_folder(path: &mut PathBuf, name: &str) {
    let last = push_pieces(path, name);
    let is_plain = !last.is_empty() && !last.contains('.');
    path.push(if is_plain { last } else { last + FOLDER });
}

/// Adds a folder for each full piece of a long name and answers with the encoded rest.
fn push_pieces(path: &mut PathBuf, name: &str) -> String {
    let mut rest = encode(name);
    while rest.len() > PIECE_BYTES_MAX {
        let tail = rest.split_off(rest.floor_char_boundary(PIECE_BYTES_MAX));
        path.push(rest + CONTINUED);
        rest = tail;
    }
    rest
}

fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len() + FOLDER.len());
    for c in name.chars() {
        if c.is_control() || "%\\:*?\"<>|".contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        } else {
            encoded.push(c);
        }
    }
    encoded
}

fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let (hex, after) = tail.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Component;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_keys_lie_where_one_would_look() {
        let cases = [
            ("ratings.csv", "ratings.csv"),
            ("uploads/2026/映画 1.csv", "uploads/2026/映画 1.csv"),
            ("manifest", "manifest%"),
            ("a/b", "a/b%"),
            ("v1.0/model.json", "v1.0%2F/model.json"),
            ("folder/", "folder/%"),
            ("../../etc/passwd", "..%2F/..%2F/etc/passwd%"),
            ("/absolute.csv", "%2F/absolute.csv"),
            ("a//b.csv", "a/%2F/b.csv"),
            (".", ".%"),
            ("..", "..%"),
            ("100%.csv", "100%25.csv"),
            ("c:\\x\0.csv", "c%3A%5Cx%00.csv"),
        ];
        for (key, path) in cases {
            assert_eq!(path_of_key(key), Path::new(path), "{key:?}");
            assert_eq!(key_of_path(Path::new(path)).as_deref(), Some(key), "{path}");
        }
    }

    #[test]
    fn files_that_people_put_there_under_other_names_are_not_keys() {
        for path in ["without-a-dot", "folder.d/a.csv", "a%zz.csv", "%61.csv"] {
            assert_eq!(key_of_path(Path::new(path)), None, "{path}");
        }
    }

    fn keys() -> impl Strategy<Value = String> {
        let segment = prop_oneof![
            Just(String::new()),
            "[.]{1,3}",
            "[%+F2./a]{1,6}",
            "\\PC{1,12}",
            any::<String>(),
            "[é]{100,300}",
        ];
        proptest::collection::vec(segment, 1..5).prop_map(|s| s.join("/"))
    }

    proptest! {
        #[test]
        fn keys_come_back(key in keys()) {
            let path = path_of_key(&key);
            prop_assert_eq!(key_of_path(&path), Some(key));
        }

        #[test]
        fn no_key_leaves_its_bucket(key in keys()) {
            for component in path_of_key(&key).components() {
                let Component::Normal(name) = component else { panic!("{component:?}") };
                prop_assert!((1..=255).contains(&name.len()));
            }
        }

        #[test]
        fn no_file_is_named_like_a_folder(a in keys(), b in keys()) {
            let (file, other) = (path_of_key(&a), path_of_key(&b));
            prop_assert!(!other.ancestors().skip(1).any(|folder| folder == file), "{} {}", a, b);
            prop_assert!(a == b || file != other);
        }

        #[test]
        fn a_prefix_s_folder_holds_its_keys(key in keys(), cut in any::<prop::sample::Index>()) {
            let prefix = &key[..key.floor_char_boundary(cut.index(key.len() + 1))];
            prop_assert!(path_of_key(&key).starts_with(folder_of_prefix(prefix)));
        }
    }
}
