//! Progress on the terminal: bars with counts, rates and time left, or plain lines where there is
//! no terminal.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::Arn;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use steps::{Observer, Progress};

/// Time between two plain lines about one stage.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Before this much time has gone by, a rate would be a guess.
const RATE_AFTER: Duration = Duration::from_millis(20);

/// Shows progress and notices on standard error, so that standard output stays for results.
pub struct Console {
    bars: MultiProgress,
    terminal: bool,
    stages: Mutex<HashMap<(Arn, &'static str), Stage>>,
}

struct Stage {
    bar: ProgressBar,
    started: Instant,
    line: Instant,
}

impl Default for Console {
    fn default() -> Self {
        Self {
            bars: MultiProgress::new(),
            terminal: std::io::stderr().is_terminal(),
            stages: Mutex::new(HashMap::new()),
        }
    }
}

impl Console {
    /// A line about what happens, above the bars.
    pub fn say(&self, text: &str) {
        if self.terminal {
            // Fails only when the terminal is gone, and then nobody reads it.
            let _ = self.bars.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

impl Observer for Console {
    fn progress(&self, p: Progress) {
        let mut stages = self.stages.lock().unwrap_or_else(|broken| broken.into_inner());
        let now = Instant::now();
        let key = (p.arn.clone(), p.stage);
        let terminal = self.terminal;
        let stage = stages.entry(key).or_insert_with(|| Stage {
            bar: if terminal { self.bars.add(bar(p.stage, p.unit, p.total)) } else { ProgressBar::hidden() },
            started: now,
            line: now,
        });
        if p.total > 0 {
            stage.bar.set_length(p.total);
        }
        stage.bar.set_position(p.done);
        stage.bar.set_message(format!("{}{}", named(p.unit), p.note));
        let finished = p.total > 0 && p.done >= p.total;
        if finished && !stage.bar.is_finished() {
            stage.bar.finish();
            if !terminal {
                eprintln!("{}", line(&p, stage.started, now));
            }
        } else if !terminal && !finished && now - stage.line >= LINE_EVERY {
            stage.line = now;
            eprintln!("{}", line(&p, stage.started, now));
        }
    }

    fn notice(&self, _: &Arn, text: &str) {
        self.say(&format!("  {text}"));
    }
}

fn bar(stage: &'static str, unit: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template(
        "  {prefix:<14} {bar:28.cyan/238} {done:>21} {rate:>14} {eta:>4} left  {msg}",
    )
    .map(|style| {
        let done = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let total = amount(unit, state.len().unwrap_or(0));
            // A bar that cannot be drawn is no reason to stop the work.
            let _ = write!(out, "{}/{total}", amount(unit, state.pos()));
        };
        let rate = move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = write!(out, "{}", rate(unit, state.pos(), state.elapsed()));
        };
        style.with_key("done", done).with_key("rate", rate).progress_chars("━━─")
    });
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(stage);
    bar
}

/// One line of progress: stage, counts, rate, time left.
fn line(p: &Progress, started: Instant, now: Instant) -> String {
    let elapsed = now - started;
    let total = if p.total > 0 { format!("/{}", amount(p.unit, p.total)) } else { String::new() };
    let left = if p.done > 0 && p.total > p.done {
        format!("{:.0} s left", elapsed.as_secs_f64() * (p.total - p.done) as f64 / p.done as f64)
    } else {
        String::new()
    };
    let parts = [
        format!("{}{total} {}", amount(p.unit, p.done), named(p.unit)).trim_end().to_owned(),
        rate(p.unit, p.done, elapsed),
        left,
    ];
    let parts: Vec<String> =
        parts.into_iter().chain([p.note.clone()]).filter(|part| !part.is_empty()).collect();
    format!("  {}: {}", p.stage, parts.join(", "))
}

/// The unit after a count; bytes name themselves.
fn named(unit: &str) -> String {
    if unit == "bytes" { String::new() } else { format!("{unit} ") }
}

/// A count that people can read.
fn amount(unit: &str, count: u64) -> String {
    if unit == "bytes" { HumanBytes(count).to_string() } else { HumanCount(count).to_string() }
}

/// So much per second, or nothing while it cannot be told.
fn rate(unit: &str, done: u64, elapsed: Duration) -> String {
    if elapsed < RATE_AFTER {
        return String::new();
    }
    format!("{}/s", amount(unit, (done as f64 / elapsed.as_secs_f64()) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_counts_rate_and_time_left_that_people_can_read() {
        let arn: Arn = "arn:aws:personalize:us-east-1:000000000000:solution/films".parse().unwrap();
        let progress = |done, unit| Progress {
            arn: arn.clone(),
            stage: "s",
            done,
            total: 3_000_000,
            unit,
            note: "n".into(),
        };
        let started = Instant::now();
        let at = started + Duration::from_secs(2);
        let text = line(&progress(1_000_000, "events"), started, at);
        assert_eq!(text, "  s: 1,000,000/3,000,000 events, 500,000/s, 4 s left, n");
        let text = line(&progress(3_000_000, "bytes"), started, started);
        assert_eq!(text, "  s: 2.86 MiB/2.86 MiB, n");
    }
}
