//! A set of item numbers that is emptied in constant time.

/// Marks items as used for the present query; one allocation serves a whole batch.
pub(crate) struct Seen {
    stamp: Vec<u32>,
    present: u32,
}

impl Seen {
    pub(crate) fn new(items: usize) -> Self {
        Self { stamp: vec![0; items], present: 1 }
    }

    /// Starts the next query with an empty set.
    pub(crate) fn clear(&mut self) {
        if self.present == u32::MAX {
            self.stamp.fill(0);
            self.present = 0;
        }
        self.present += 1;
    }

    /// Adds an item; says whether it was new. A number that the model does not know is never new,
    /// so that it cannot get into an answer.
    pub(crate) fn insert(&mut self, item: u32) -> bool {
        match self.stamp.get_mut(item as usize) {
            Some(stamp) if *stamp != self.present => {
                *stamp = self.present;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn extend(&mut self, items: &[u32]) {
        for &item in items {
            self.insert(item);
        }
    }
}
