//! Usage plans as people write them: JSON with comments.

use usher_domain::usage::{
    plan::UsagePlan,
    plan_file::{self, OffsetMeaning, PlanProblem},
};

/// Reads API Gateway's usage plans, `//` and `/* */` comments included; see
/// [`plan_file`](usher_domain::usage::plan_file).
///
/// # Errors
/// Everything that is wrong, each with its place.
pub fn parse_plans(text: &str, offsets: OffsetMeaning) -> Result<Vec<UsagePlan>, Vec<PlanProblem>> {
    // Some editors begin a file with a byte order mark.
    let mut text = text.trim_start_matches('\u{feff}').to_owned();
    json_strip_comments::strip(&mut text).map_err(|error| {
        vec![PlanProblem {
            pointer: String::new(),
            detail: error.to_string(),
        }]
    })?;
    plan_file::parse(&text, offsets)
}
