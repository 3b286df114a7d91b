//! Pages of a bucket's keys.

/// One page of a listing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Page {
    pub keys: Vec<String>,
    /// Keys that go on after the delimiter, folded into what they share.
    pub common_prefixes: Vec<String>,
    /// Where the next page starts: the last key or common prefix of this one, if more follow.
    pub next: Option<String>,
}

/// The page of at most `max` keys and common prefixes after `after`, out of all keys with `prefix` in
/// the order of their bytes.
pub(super) fn page(keys: Vec<String>, prefix: &str, delimiter: &str, after: &str, max: usize) -> Page {
    let mut page = Page::default();
    let mut last = String::new();
    for key in keys {
        let folded = match key[prefix.len()..].find(delimiter) {
            Some(at) if !delimiter.is_empty() => Some(key[..prefix.len() + at + delimiter.len()].to_owned()),
            _ => None,
        };
        let is_known = match &folded {
            Some(folded) => folded == after || page.common_prefixes.last() == Some(folded),
            None => false,
        };
        if key.as_str() <= after || is_known {
            continue;
        }
        if page.keys.len() + page.common_prefixes.len() == max {
            page.next = (max > 0).then_some(last);
            return page;
        }
        match folded {
            Some(folded) => {
                last.clone_from(&folded);
                page.common_prefixes.push(folded);
            }
            None => {
                last.clone_from(&key);
                page.keys.push(key);
            }
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 7] = ["a", "a/1", "a/2", "a/b/3", "ab", "b/1", "c"];

    fn all(prefix: &str, delimiter: &str, max: usize) -> Vec<(Vec<String>, Vec<String>)> {
        let mut pages = Vec::new();
        let mut after = String::new();
        loop {
            let keys = KEYS.iter().filter(|k| k.starts_with(prefix)).map(|k| k.to_string()).collect();
            let page = page(keys, prefix, delimiter, &after, max);
            pages.push((page.keys, page.common_prefixes));
            match page.next {
                Some(next) => after = next,
                None => return pages,
            }
        }
    }

    #[test]
    fn pages_of_any_size_hold_the_same_keys() {
        for (prefix, delimiter) in [("", ""), ("a", ""), ("", "/"), ("a/", "/"), ("z", "/")] {
            let whole = all(prefix, delimiter, 1_000);
            assert_eq!(whole.len(), 1);
            for max in 1..=8 {
                let pages = all(prefix, delimiter, max);
                assert!(pages.iter().all(|(k, p)| k.len() + p.len() <= max));
                let keys: Vec<_> = pages.iter().flat_map(|(k, _)| k.clone()).collect();
                let prefixes: Vec<_> = pages.iter().flat_map(|(_, p)| p.clone()).collect();
                assert_eq!((keys, prefixes), whole[0], "{prefix:?} {delimiter:?} {max}");
            }
        }
    }

    #[test]
    fn keys_fold_at_the_delimiter() {
        let pages = all("", "/", 10);
        assert_eq!(pages[0].0, ["a", "ab", "c"]);
        assert_eq!(pages[0].1, ["a/", "b/"]);
        assert_eq!(all("a/", "/", 10)[0], (vec!["a/1".into(), "a/2".into()], vec!["a/b/".into()]));
    }

    #[test]
    fn a_page_of_nothing_is_not_followed_by_another() {
        assert_eq!(page(vec!["a".into()], "", "", "", 0), Page::default());
    }
}
