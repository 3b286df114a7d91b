//! Small data for tests.

use dataset::{IdTable, Interactions};

/// One user for each pair, one item for each letter, a minute apart.
pub(crate) fn interactions(histories: &[(&str, &str)]) -> Interactions {
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for (id, letters) in histories {
        for (at, letter) in letters.chars().enumerate() {
            user.push(users.intern(id));
            item.push(items.intern(letter.encode_utf8(&mut [0; 4])));
            time.push(1_600_000_000 + at as i64 * 60);
        }
    }
    Interactions::from_rows(users, items, &user, &item, &time)
}

/// `users` users who each walk through `length` of `items` items, starting at a place of their own.
pub(crate) fn walks(users: usize, length: usize, items: usize) -> Interactions {
    walks_of(0..users, length, items)
}

/// The same for users of these numbers, in this order.
pub(crate) fn walks_of(users: impl Iterator<Item = usize>, length: usize, items: usize) -> Interactions {
    let (mut names, mut things) = (IdTable::default(), IdTable::default());
    (0..items).for_each(|item| _ = things.intern(&format!("item {item}")));
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for u in users {
        for step in 0..length {
            user.push(names.intern(&format!("user {u}")));
            item.push(((u * 31 + step) % items) as u32);
            time.push(step as i64);
        }
    }
    Interactions::from_rows(names, things, &user, &item, &time)
}
