//! Time zones by their names, and which one was meant by a name that is none.

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::Fault;

/// What people write who have Rails or a telephone's clock in mind.
const KNOWN_ELSEWHERE: [(&str, &str); 10] = [
    ("Eastern Time (US & Canada)", "America/New_York"),
    ("Central Time (US & Canada)", "America/Chicago"),
    ("Mountain Time (US & Canada)", "America/Denver"),
    ("Pacific Time (US & Canada)", "America/Los_Angeles"),
    ("Arizona", "America/Phoenix"),
    ("Alaska", "America/Juneau"),
    ("Hawaii", "Pacific/Honolulu"),
    ("MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
];

/// The most zones that are suggested.
const MOST: usize = 3;

/// The zone of that name, upper and lower case as IANA has them: Ruby and Python do not
/// know it otherwise.
pub(super) fn zone(zones: &TimeZoneDatabase, name: &str) -> Result<TimeZone, Fault> {
    match zones.get(name) {
        Ok(zone) if zone.iana_name() == Some(name) && !zone.is_unknown() => Ok(zone),
        _ => {
            let near = near(zones, name);
            let hint = near.split_last().map(|(last, others)| match others {
                [] => format!("did you mean {last}?"),
                _ => format!("did you mean {} or {last}?", others.join(", ")),
            });
            Err(Fault::NoZone { name: name.to_owned(), hint })
        }
    }
}

/// The zones whose whole name, or whose city, is `name` with the fewest slips of the finger.
fn near(zones: &TimeZoneDatabase, name: &str) -> Vec<String> {
    if let Some((_, zone)) = KNOWN_ELSEWHERE.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return vec![(*zone).to_owned()];
    }
    let wanted = name.to_lowercase().replace(' ', "_");
    let allowed = (wanted.chars().count() / 4).clamp(1, 3);
    // Nothing that long is a zone, and comparing costs the product of the lengths.
    if wanted.len() > 64 {
        return Vec::new();
    }
    let distance = |zone: &str| {
        let zone = zone.to_lowercase();
        let city = zone.rsplit('/').next().unwrap_or_default();
        let whole = strsim::damerau_levenshtein(&wanted, &zone);
        // `Berlin`, but not `Europe/Berlim` for a city of its own.
        let part = if wanted.contains('/') { usize::MAX } else { strsim::damerau_levenshtein(&wanted, city) };
        whole.min(part)
    };
    let mut found: Vec<(usize, String)> = zones
        .available()
        .map(|zone| (distance(zone.as_str()), zone.as_str().to_owned()))
        .filter(|(distance, _)| *distance <= allowed)
        .collect();
    found.sort();
    let best = found.first().map_or(0, |(distance, _)| *distance);
    found.into_iter().take_while(|(distance, _)| *distance == best).take(MOST).map(|(_, name)| name).collect()
}
