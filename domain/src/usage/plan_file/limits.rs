//! The numbers of a plan.

use std::num::NonZeroU64;

use serde_json::Value;

use super::{OffsetMeaning, Reader};
use crate::usage::{
    quota::{Period, Quota},
    throttle::Throttle,
};

impl Reader {
    pub(super) fn throttle(&mut self, at: &str, value: &Value) -> Option<Throttle> {
        let members = self.object(at, value, &["rateLimit", "burstLimit"])?;
        let rate = members.get("rateLimit").and_then(Value::as_f64);
        let burst = members.get("burstLimit").and_then(Value::as_u64);
        // Half a throttle is an error: what is missing must not become "unlimited".
        match Throttle::new(rate.unwrap_or(0.0), burst.unwrap_or(0)) {
            Ok(throttle) => Some(throttle),
            Err(error) => {
                self.report(at, &error.to_string());
                None
            }
        }
    }

    pub(super) fn quota(&mut self, at: &str, value: &Value) -> Option<Quota> {
        let members = self.object(at, value, &["limit", "period", "offset", "offsetMeaning"])?;
        let limit = members
            .get("limit")
            .and_then(Value::as_u64)
            .and_then(NonZeroU64::new);
        let period = match members.get("period").and_then(Value::as_str) {
            Some("DAY") => Some(Period::Day),
            Some("WEEK") => Some(Period::Week),
            Some("MONTH") => Some(Period::Month),
            _ => None,
        };
        let offset = members.get("offset").map_or(Some(0), Value::as_u64);
        let meaning = match members.get("offsetMeaning") {
            None => Some(self.offsets),
            Some(name) => {
                let mut known = OffsetMeaning::NAMES.iter();
                let meant = known.find(|(known, _)| name.as_str() == Some(*known));
                meant.map(|(_, meaning)| *meaning)
            }
        };
        if limit.is_none() {
            self.report(
                &format!("{at}/limit"),
                "must be a whole number greater than zero",
            );
        }
        if period.is_none() {
            self.report(&format!("{at}/period"), "must be DAY, WEEK or MONTH");
        }
        let place = format!("{at}/offset");
        if offset.is_none() {
            self.report(&place, "must be a whole number");
        }
        if meaning.is_none() {
            let detail = "must be first_period_credit or start_day";
            self.report(&format!("{at}/offsetMeaning"), detail);
        }
        let (offset, meaning) = (offset?, meaning?);
        let quota = limit.zip(period);
        let quota = quota.map(|(limit, period)| Quota::new(limit, period));
        let with_offset = |quota: Quota| match (offset, meaning) {
            (0, _) | (_, OffsetMeaning::Refuse) => Ok(quota),
            (calls, OffsetMeaning::FirstPeriodCredit) => quota.with_first_period_credit(calls),
            (day, OffsetMeaning::StartDay) => quota.with_start_day(day),
        };
        if offset > 0 && meaning == OffsetMeaning::Refuse {
            self.report(
                &place,
                "its meaning is unknown, for AWS's own material gives it two: set \
                 usage.quota_offset to \"first_period_credit\" or \"start_day\"",
            );
        }
        match quota.map(with_offset)? {
            Ok(quota) => Some(quota),
            Err(error) => {
                self.report(&place, &error.to_string());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::usage::{
        plan_file::{OffsetMeaning, parse},
        quota::{Offset, Quota},
    };

    fn quota(json: &str, offsets: OffsetMeaning) -> Result<Quota, Vec<String>> {
        let json = format!("{{\"id\": \"a\", \"quota\": {json}}}");
        parse(&json, offsets)
            .map(|plans| plans[0].limits.quota.unwrap())
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn an_offset_is_read_where_somebody_says_what_it_means() {
        use OffsetMeaning::{FirstPeriodCredit, Refuse, StartDay};
        let weekly = r#"{"limit": 50, "period": "WEEK", "offset": 6}"#;
        let offset = |meaning| quota(weekly, meaning).map(|quota| quota.offset());
        assert_eq!(offset(FirstPeriodCredit), Ok(Offset::FirstPeriodCredit(6)));
        assert_eq!(offset(StartDay), Ok(Offset::StartDay(6)));
        let refused = offset(Refuse).unwrap_err();
        assert!(
            refused[0].starts_with("/quota/offset: its meaning is unknown"),
            "{refused:?}"
        );
        // What the quota says itself counts.
        let says = r#"{"limit": 50, "period": "WEEK", "offset": 6, "offsetMeaning": "start_day"}"#;
        for meaning in [Refuse, FirstPeriodCredit, StartDay] {
            assert_eq!(quota(says, meaning).unwrap().offset(), Offset::StartDay(6));
        }
        for meaning in [Refuse, FirstPeriodCredit, StartDay] {
            let none = quota(r#"{"limit": 5, "period": "DAY", "offset": 0}"#, meaning);
            assert_eq!(none.unwrap().offset(), Offset::None);
        }
    }

    #[test]
    fn an_offset_that_does_not_fit_is_named() {
        for (json, meaning, place) in [
            (
                r#"{"limit": 5, "period": "DAY", "offset": 1}"#,
                OffsetMeaning::StartDay,
                "/quota/offset: ",
            ),
            (
                r#"{"limit": 5, "period": "WEEK", "offset": 7}"#,
                OffsetMeaning::StartDay,
                "/quota/offset: ",
            ),
            (
                r#"{"limit": 5, "period": "DAY", "offset": 6}"#,
                OffsetMeaning::FirstPeriodCredit,
                "/quota/offset: ",
            ),
            (
                r#"{"limit": 5, "period": "DAY", "offset": -1}"#,
                OffsetMeaning::StartDay,
                "/quota/offset: ",
            ),
            (
                r#"{"limit": 5, "period": "DAY", "offset": "1"}"#,
                OffsetMeaning::StartDay,
                "/quota/offset: ",
            ),
            (
                r#"{"limit": 5, "period": "DAY", "offsetMeaning": "day"}"#,
                OffsetMeaning::Refuse,
                "/quota/offsetMeaning: ",
            ),
        ] {
            let problems = quota(json, meaning).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(problems[0].starts_with(place), "{json} {problems:?}");
        }
    }
}
