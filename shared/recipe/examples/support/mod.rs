//! What the measuring programs of this folder share: their arguments, their input, and what they took.

// Each program uses some of it.
#![allow(dead_code)]

pub mod random;

use dataset::{IdTable, Interactions};

/// The value after an argument of that name, if it is given.
pub fn some<T: std::str::FromStr>(name: &str) -> Result<Option<T>, String> {
    let text = std::env::args().skip_while(|argument| argument != name).nth(1);
    text.map(|text| text.parse().map_err(|_| format!("{name} has the value '{text}'"))).transpose()
}

/// The same, or a default.
pub fn option<T: std::str::FromStr>(name: &str, default: T) -> Result<T, String> {
    Ok(some(name)?.unwrap_or(default))
}

/// Interactions from a CSV with a header: the user first, then the item, the time last.
pub fn read(file: &str) -> Result<Interactions, Box<dyn std::error::Error>> {
    let text = std::fs::read_to_string(file)?;
    let (mut users, mut items) = (IdTable::default(), IdTable::default());
    let (mut user, mut item, mut time) = (vec![], vec![], vec![]);
    for (number, line) in text.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [u, i, .., t] = fields.as_slice() else {
            return Err(format!("{file}, line {}: three fields are needed", number + 1).into());
        };
        user.push(users.intern(u));
        item.push(items.intern(i));
        time.push(t.trim().parse()?);
    }
    Ok(Interactions::from_rows(users, items, &user, &item, &time))
}

/// Processor time of this process so far, all threads together; other programs on the machine disturb it
/// less than the clock.
pub fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// Most memory that this process has held, in MiB.
pub fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
