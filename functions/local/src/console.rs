//! Progress on the terminal: bars with counts, rates, time left and loss, or JSON lines where there is no
//! terminal.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::Arn;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use steps::progress::{Pace, line};
use steps::{Observer, Progress};

/// Time between two lines about one stage.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows progress and notices on standard error, so that standard output stays for results.
pub struct Console {
    bars: MultiProgress,
    terminal: bool,
    stages: Mutex<HashMap<(Arn, &'static str), Stage>>,
}

struct Stage {
    bar: ProgressBar,
    pace: Pace,
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
            bar: if terminal { self.bars.add(bar(&p, Pace::new(&p, now))) } else { ProgressBar::hidden() },
            pace: Pace::new(&p, now),
            line: now,
        });
        if p.total > 0 {
            stage.bar.set_length(p.total);
        }
        stage.bar.set_position(p.done);
        let loss = p.loss.map(|loss| format!("loss {loss:.3} ")).unwrap_or_default();
        stage.bar.set_message(format!("{}{loss}{}", named(p.unit), p.note));
        let finished = p.total > 0 && p.done >= p.total;
        if finished && !stage.bar.is_finished() {
            stage.bar.finish();
            if !terminal {
                eprintln!("{}", line(&p, &stage.pace, now));
            }
        } else if !terminal && !finished && now - stage.line >= LINE_EVERY {
            stage.line = now;
            eprintln!("{}", line(&p, &stage.pace, now));
        }
    }

    fn notice(&self, _: &Arn, text: &str) {
        self.say(&format!("  {text}"));
    }
}

fn bar(p: &Progress, pace: Pace) -> ProgressBar {
    let (bar, unit) = (ProgressBar::new(p.total), p.unit);
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
            if let Some(rate) = pace.rate(state.pos(), Instant::now()) {
                let _ = write!(out, "{}/s", amount(unit, rate as u64));
            }
        };
        style.with_key("done", done).with_key("rate", rate).progress_chars("━━─")
    });
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(p.stage);
    bar
}

/// The unit after a count; bytes name themselves.
fn named(unit: &str) -> String {
    if unit == "bytes" { String::new() } else { format!("{unit} ") }
}

/// A count that people can read.
fn amount(unit: &str, count: u64) -> String {
    if unit == "bytes" { HumanBytes(count).to_string() } else { HumanCount(count).to_string() }
}
