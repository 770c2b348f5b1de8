//! The table that a person watches, redrawn in place; without a terminal, one line per change.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdout};
use std::time::{Duration, Instant};

use crate::objects::Row;

/// Shows rows as they change.
pub(crate) struct Screen {
    started: Instant,
    /// When each object was first seen Ready: its seconds stand still from then on.
    ready_after: BTreeMap<(String, String), Duration>,
    shown: Shown,
}

enum Shown {
    /// A terminal, with so many lines of the table above the cursor.
    Terminal(usize),
    /// A file or pipe, which was told these rows.
    Lines(Vec<Row>),
}

impl Screen {
    pub(crate) fn new() -> Self {
        let shown = if stdout().is_terminal() { Shown::Terminal(0) } else { Shown::Lines(Vec::new()) };
        Self { started: Instant::now(), ready_after: BTreeMap::new(), shown }
    }

    pub(crate) fn show(&mut self, rows: &[Row]) {
        let elapsed = self.started.elapsed();
        let seconds: Vec<u64> = rows.iter().map(|row| self.seconds(row, elapsed)).collect();
        match &mut self.shown {
            Shown::Terminal(lines) => {
                // Up over the last table, then clear to the end of the screen.
                let up = if *lines == 0 { String::new() } else { format!("\x1b[{lines}A\x1b[J") };
                print!("{up}{}", table(rows, &seconds));
                *lines = rows.len() + 1;
            }
            Shown::Lines(last) => {
                for (row, seconds) in rows.iter().zip(seconds).filter(|(row, _)| !last.contains(row)) {
                    println!("{}", line(row, seconds));
                }
                *last = rows.to_vec();
            }
        }
        // A closed pipe ends the program at the next line that must be seen.
        let _ = stdout().flush();
    }

    fn seconds(&mut self, row: &Row, elapsed: Duration) -> u64 {
        let key = (row.kind.clone(), row.name.clone());
        if row.is_ready() {
            self.ready_after.entry(key).or_insert(elapsed).as_secs()
        } else {
            self.ready_after.remove(&key);
            elapsed.as_secs()
        }
    }
}

const HEADINGS: [&str; 6] = ["KIND", "NAME", "READY", "REASON", "ATLAS", "SECONDS"];

fn cells(row: &Row, seconds: u64) -> [String; 6] {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    [
        row.kind.clone(),
        row.name.clone(),
        row.ready.clone(),
        or_dash(&row.reason),
        or_dash(&row.state),
        seconds.to_string(),
    ]
}

/// Columns as wide as their widest cell, three spaces apart.
fn table(rows: &[Row], seconds: &[u64]) -> String {
    let lines: Vec<[String; 6]> = std::iter::once(HEADINGS.map(str::to_owned))
        .chain(rows.iter().zip(seconds).map(|(row, seconds)| cells(row, *seconds)))
        .collect();
    let mut text = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let width = lines.iter().map(|line| line[column].len()).max().unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = write!(text, "{cell:width$}   ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn line(row: &Row, seconds: u64) -> String {
    let [kind, name, ready, reason, state, seconds] = cells(row, seconds);
    format!("{seconds:>4} s  {kind} {name}: Ready={ready} {reason}, Atlas state {state}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn row(kind: &str, ready: &str, state: &str) -> Row {
        Row {
            kind: kind.to_owned(),
            name: "shop".to_owned(),
            ready: ready.to_owned(),
            reason: "Busy".to_owned(),
            state: state.to_owned(),
            messages: Vec::new(),
        }
    }

    #[test]
    fn columns_align_and_an_empty_cell_is_a_dash() {
        let rows = [row("AtlasDatabaseUser", "True", ""), row("AtlasCluster", "False", "CREATING")];
        let expected = "\
KIND                NAME   READY   REASON   ATLAS      SECONDS
AtlasDatabaseUser   shop   True    Busy     -          3
AtlasCluster        shop   False   Busy     CREATING   12
";
        assert_eq!(table(&rows, &[3, 12]), expected);
    }

    #[test]
    fn seconds_stand_still_once_ready_and_run_again_when_not() {
        let mut screen = Screen::new();
        let (busy, ready) = (row("AtlasCluster", "False", ""), row("AtlasCluster", "True", ""));
        assert_eq!(screen.seconds(&busy, Duration::from_secs(4)), 4);
        assert_eq!(screen.seconds(&ready, Duration::from_secs(5)), 5);
        assert_eq!(screen.seconds(&ready, Duration::from_secs(9)), 5);
        assert_eq!(screen.seconds(&busy, Duration::from_secs(10)), 10);
        assert_eq!(screen.seconds(&ready, Duration::from_secs(11)), 11);
    }
}
