use super::*;

const SECRET: &str = "operator/default";
const ERROR: &str = "Atlas failed (HTTP 503).";

fn subject(number: usize) -> Subject {
    Subject { kind: "AtlasCluster", namespace: "shop".into(), name: format!("cluster-{number}") }
}

fn second(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

/// The delays by which an object that always fails grows.
fn own(failures: u32) -> Duration {
    Duration::from_secs(2 << failures.min(12)).min(Duration::from_mins(5))
}

/// Lets `count` objects fail from time 0 until `end`; answers when each tries next, the lines, and how many tries.
fn outage(outages: &Outages, cause: &Cause, count: usize, end: i64) -> (Vec<Timestamp>, Vec<String>, usize) {
    let mut due: Vec<(Timestamp, u32)> = vec![(second(0), 0); count];
    let (mut lines, mut tries) = (Vec::new(), 0);
    loop {
        let Some((number, (now, failures))) = due.iter().copied().enumerate().min_by_key(|(_, (at, _))| *at) else {
            return (Vec::new(), lines, tries);
        };
        if now >= second(end) {
            return (due.into_iter().map(|(at, _)| at).collect(), lines, tries);
        }
        let failure = outages.failed(cause, &subject(number), ERROR, own(failures), now);
        lines.extend(failure.line);
        tries += 1;
        due[number] = (now + failure.again.max(Duration::from_millis(1)), failures + 1);
    }
}

#[test]
fn after_two_minutes_someone_tries_within_fifteen_seconds_and_wakes_all() {
    let outages = Outages::default();
    let (due, lines, tries) = outage(&outages, &Cause::Unreachable, 300, 120);
    let first = due.iter().min().copied().unwrap_or_default();
    assert!(first <= second(135), "{first}");
    assert!(tries < 300 * 4, "the others wait: {tries}");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let prober = due.iter().position(|at| *at == first).unwrap_or_default();
    let recovery = outages.succeeded(SECRET, &subject(prober), first);
    assert_eq!(recovery.wake.len(), 299);
    assert_eq!(recovery.lines, ["Atlas answers again, after 2 min; 300 objects are checked now."]);
    assert_eq!(outages.succeeded(SECRET, &subject(7), first), Recovery::default(), "it is over");
}

#[test]
fn the_log_tells_of_a_long_outage_every_few_minutes_with_counts() {
    let outages = Outages::default();
    let (_, lines, tries) = outage(&outages, &Cause::Unreachable, 310, 3600);
    assert!((9..=13).contains(&lines.len()), "{lines:#?}");
    let says =
        "min now; 310 objects are not checked meanwhile. Last error: Atlas failed (HTTP 503). The next try is in";
    assert!(
        lines[2].starts_with("Atlas cannot be reached, or fails, for 1") && lines[2].contains(says),
        "{}",
        lines[2]
    );
    assert!(tries < 310 * 20 + 150, "{tries}");
}

#[test]
fn one_object_that_always_fails_among_others_is_no_outage_and_is_not_woken_by_them() {
    let outages = Outages::default();
    for round in 0..100 {
        let failure = outages.failed(&Cause::Unreachable, &subject(0), ERROR, own(9), second(round));
        assert!(!failure.known && failure.line.is_none() && failure.again == own(9), "{failure:?}");
        assert_eq!(outages.succeeded(SECRET, &subject(1), second(round)), Recovery::default());
    }
}

#[test]
fn a_limit_is_of_one_credential_and_its_end_wakes_ever_more() {
    let outages = Outages::default();
    let cause = Cause::Limited(SECRET.to_owned());
    for number in 0..100 {
        let failure = outages.failed(&cause, &subject(number), "Too many.", Duration::from_secs(30), second(0));
        assert_eq!((failure.again, failure.known), (Duration::from_secs(30), number >= 2), "as long as Atlas asked");
    }
    assert_eq!(outages.succeeded("other/secret", &subject(200), second(9)), Recovery::default());
    let (mut checked, mut awake, mut lines) = (0, vec![subject(0)], Vec::new());
    while let Some(next) = awake.pop() {
        let recovery = outages.succeeded(SECRET, &next, second(31));
        assert!(recovery.wake.len() <= AFTER_LIMIT);
        awake.extend(recovery.wake);
        lines.extend(recovery.lines);
        checked += 1;
    }
    assert_eq!(checked, 100);
    let says = "Atlas no longer limits the requests of the credentials in Secret operator/default, after 31 s.";
    assert_eq!(lines, [says]);
}

#[test]
fn outages_in_quick_succession_are_told_of_once() {
    let outages = Outages::default();
    let mut lines = Vec::new();
    for round in 0..20 {
        for number in 0..5 {
            let now = second(round * 10);
            lines.extend(outages.failed(&Cause::Unreachable, &subject(number), ERROR, own(1), now).line);
        }
        let recovery = outages.succeeded(SECRET, &subject(0), second(round * 10 + 5));
        assert_eq!(recovery.wake.len(), 4);
        lines.extend(recovery.lines);
    }
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

#[test]
fn what_is_gone_is_not_counted_and_not_woken() {
    let outages = Outages::default();
    for number in 0..4 {
        outages.failed(&Cause::Unreachable, &subject(number), ERROR, own(0), second(0));
    }
    outages.forget(&subject(1));
    let mut woken = outages.succeeded(SECRET, &subject(0), second(9)).wake;
    woken.sort();
    assert_eq!(woken, [subject(2), subject(3)]);
}
