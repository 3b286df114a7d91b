//! Progress on the terminal: bars with counts, rates and time left, or plain lines where there is
//! no terminal.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use domain::Arn;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use steps::{Observer, Progress};

/// Time between two plain lines about one stage.
const LINE_EVERY: Duration = Duration::from_secs(2);

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
            bar: if terminal { self.bars.add(bar(p.stage, p.total)) } else { ProgressBar::hidden() },
            started: now,
            line: now,
        });
        if p.total > 0 {
            stage.bar.set_length(p.total);
        }
        stage.bar.set_position(p.done);
        stage.bar.set_message(format!("{} {}", p.unit, p.note));
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

fn bar(stage: &'static str, total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template(
        "  {prefix:<14} {bar:28.cyan/238} {human_pos:>10}/{human_len:<10} {per_sec:>14} {eta:>4} left  {msg}",
    )
    .map(|style| style.progress_chars("━━─"));
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_prefix(stage);
    bar
}

/// One line of progress: stage, counts, rate, time left.
fn line(p: &Progress, started: Instant, now: Instant) -> String {
    let seconds = (now - started).as_secs_f64().max(1e-3);
    let rate = p.done as f64 / seconds;
    let left = if p.done > 0 && p.total > p.done {
        format!(", {:.0} s left", (p.total - p.done) as f64 / rate)
    } else {
        String::new()
    };
    let total = if p.total > 0 { format!("/{}", p.total) } else { String::new() };
    format!("  {}: {}{total} {} ({rate:.0}/s{left}) {}", p.stage, p.done, p.unit, p.note)
}
