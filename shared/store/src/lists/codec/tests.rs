use proptest::prelude::*;

use super::*;

/// Scores of a plausible softmax: falling, the last a five-hundredth of the first.
fn softmax_like(count: usize) -> Vec<f32> {
    (0..count).map(|i| 0.04 * (-(i as f32) * 6.2 / count as f32).exp()).collect()
}

#[test]
fn a_hundred_scored_recommendations_fit_one_write_unit() {
    let cases: [(&str, Vec<String>); 2] = [
        ("ids of eight characters", (0..100).map(|i| format!("{:08}", i * 7_919)).collect()),
        ("ids of six to ten characters", (0..100).map(|i| "0123456789"[..6 + i % 5].to_owned()).collect()),
    ];
    for (name, items) in cases {
        let list = StoredList { items, scores: softmax_like(100) };
        let bytes = list.encode().expect("a valid list");
        // Attribute names (3), partition key (13) and a user id of 36 characters come on top.
        let row = bytes.len() + 3 + 13 + 36;
        assert!(row <= 1024, "{name}: {row} bytes");
    }
}

#[test]
fn what_is_not_a_list_cannot_be_encoded() {
    let list = |items: &[&str], scores: &[f32]| StoredList {
        items: items.iter().map(|s| s.to_string()).collect(),
        scores: scores.to_vec(),
    };
    let long = "x".repeat(ID_BYTES_MAX + 1);
    let cases = [
        (list(&["a", "b"], &[0.5]), EncodeError::Counts { items: 2, scores: 1 }),
        (list(&["a"], &[-0.5]), EncodeError::Score { position: 1, item: "a".into(), score: -0.5 }),
        (list(&["a", &long], &[]), EncodeError::Id { position: 2, bytes: ID_BYTES_MAX + 1 }),
        (
            list(&["a", "b"], &[1.0, f32::INFINITY]),
            EncodeError::Score { position: 2, item: "b".into(), score: f32::INFINITY },
        ),
    ];
    for (list, error) in cases {
        assert_eq!(list.encode(), Err(error));
    }
}

#[test]
fn a_score_of_zero_becomes_the_smallest_that_is_kept() {
    let list = StoredList { items: vec!["a".into(), "b".into()], scores: vec![1.0, 0.0] };
    let back = StoredList::decode(&list.encode().expect("a valid list")).expect("our own bytes");
    assert_eq!(back.scores[0], 1.0);
    assert!(back.scores[1] > 0.0 && back.scores[1] < 2e-30, "{}", back.scores[1]);
}

fn lists() -> impl Strategy<Value = StoredList> {
    let rows = proptest::collection::vec(("\\PC{0,40}", 1e-30f32..10.0), 0..150);
    (rows, any::<bool>(), any::<bool>()).prop_map(|(rows, scored, falling)| {
        let (items, mut scores): (Vec<String>, Vec<f32>) = rows.into_iter().unzip();
        if falling {
            scores.sort_by(|a, b| b.total_cmp(a));
        }
        if !scored {
            scores.clear();
        }
        StoredList { items, scores }
    })
}

proptest! {
    #[test]
    fn lists_come_back(list in lists()) {
        let back = StoredList::decode(&list.encode().expect("a valid list")).expect("our own bytes");
        prop_assert_eq!(&back.items, &list.items);
        prop_assert_eq!(back.scores.len(), list.scores.len());
        for (kept, given) in back.scores.iter().zip(&list.scores) {
            let error = (f64::from(*kept) / f64::from(*given) - 1.0).abs();
            prop_assert!(error <= SCORE_RELATIVE_ERROR_MAX, "{} became {}", given, kept);
        }
        for (kept, given) in back.scores.windows(2).zip(list.scores.windows(2)) {
            prop_assert!(given[0] < given[1] || kept[0] >= kept[1], "order turned: {:?} {:?}", given, kept);
            prop_assert!(given[0] > given[1] || kept[0] <= kept[1], "order turned: {:?} {:?}", given, kept);
        }
    }

    #[test]
    fn a_cut_list_is_an_error(list in lists(), cut in any::<prop::sample::Index>()) {
        let bytes = list.encode().expect("a valid list");
        prop_assert!(StoredList::decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = StoredList::decode(&bytes);
        let ours = [&[FORMAT | SCORED | FALLING], &bytes[..]].concat();
        if let Ok(list) = StoredList::decode(&ours) {
            prop_assert!(list.scores.iter().all(|s| s.is_finite()));
        }
    }
}
