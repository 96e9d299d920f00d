//! `GET /v1/models` (one page holds them all) and `GET /v1/models/{id}`.

use crate::json::{JsonWriter, object_bytes};
use crate::models::ModelEntry;

pub(super) fn write_list(models: &[ModelEntry<'_>]) -> Vec<u8> {
    object_bytes(|w| {
        w.field_array("data", |w| {
            for model in models {
                w.object(|w| members(w, model));
            }
        });
        w.field_bool("has_more", false);
        let ends = [("first_id", models.first()), ("last_id", models.last())];
        for (key, model) in ends {
            match model {
                Some(model) => w.field_str(key, model.id),
                None => w.field_null(key),
            }
        }
    })
}

pub(super) fn write_one(model: &ModelEntry<'_>) -> Vec<u8> {
    object_bytes(|w| members(w, model))
}

fn members(w: &mut JsonWriter<'_>, model: &ModelEntry<'_>) {
    w.field_str("type", "model");
    w.field_str("id", model.id);
    w.field_str("display_name", model.id);
    w.field_str("created_at", &rfc3339(model.created_unix_s));
}

/// Seconds since 1970 as `2025-09-29T00:00:00Z` (RFC 3339), by the proleptic
/// Gregorian calendar: eras of 400 years, years that begin in March.
fn rfc3339(unix_s: u64) -> String {
    const DAY_S: u64 = 86_400;
    // Nothing after the year 9999 can be written.
    let unix_s = unix_s.min(253_402_300_799);
    let days = unix_s / DAY_S + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let second_of_day = unix_s % DAY_S;
    let (hour, minute, second) = (
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    );
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}
