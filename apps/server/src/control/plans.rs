use serde_json::json;
use usher_domain::{
    ports::Clock as _,
    usage::{
        plan::{PlanId, UsagePlan},
        plan_file::to_json,
        quota::{Offset, Quota},
        throttle::Throttle,
    },
};
use usher_wiring::{SystemClock, parse_plans};

use super::{
    count, open, say, show,
    table::{cell, table},
};
use crate::{
    cli::{PlansArguments, PlansCommand},
    exit::Failure,
};

pub(crate) async fn run(arguments: &PlansArguments) -> Result<(), Failure> {
    let (control, config) = open(&arguments.config).await?;
    match &arguments.command {
        PlansCommand::List => {
            let plans = control.plans().await?;
            if arguments.json {
                show(&plans.iter().map(to_json).collect());
            } else if plans.is_empty() {
                say("There are no usage plans: `usher plans import FILE` makes some.");
            } else {
                let rows: Vec<_> = plans.iter().map(row).collect();
                let heads = ["ID", "NAME", "THROTTLE", "PER USER", "QUOTA", "STAGES"];
                say(&table(heads, &rows));
            }
        }
        PlansCommand::Show { id } => {
            let plan = control.plan(&PlanId::new(id)).await?;
            show(&to_json(&plan));
        }
        PlansCommand::Import { file } => {
            let text = crate::exit::read(file)?;
            let plans = parse_plans(&text, config.offsets).map_err(|problems| {
                let lines = problems.iter();
                Failure::Config(
                    lines
                        .map(|line| format!("{}: {line}", file.display()))
                        .collect(),
                )
            })?;
            let imported = control
                .import_by_hand(&plans, &[], SystemClock.now())
                .await?;
            let (imported, unchanged) = (imported.plans, plans.len() - imported.plans);
            if arguments.json {
                show(&json!({"applied": imported, "unchanged": unchanged}));
            } else {
                say(&format!(
                    "{} applied, {unchanged} unchanged.",
                    count(imported, "usage plan")
                ));
            }
        }
        PlansCommand::Delete { id } => {
            let id = PlanId::new(id);
            if config.assigned.contains(&id) {
                let detail = format!(
                    "usage.assign gives the usage plan {id} to callers, who would be refused: take \
                     it out there first"
                );
                return Err(Failure::config(detail));
            }
            let plan = control.plan(&id).await?;
            control.delete_plan(&id).await?;
            if arguments.json {
                show(&to_json(&plan));
            } else {
                say(&format!("Deleted the usage plan {id}."));
            }
        }
    }
    Ok(())
}

fn row(plan: &UsagePlan) -> [String; 6] {
    let stages = plan.stages.iter();
    let stages: Vec<_> = stages
        .map(|entry| {
            let own = match entry.methods.len() {
                0 => String::new(),
                methods => format!(" ({})", count(methods, "method")),
            };
            format!("{}/{}{own}", entry.stage.api_id, entry.stage.stage)
        })
        .collect();
    let limit = |throttle: Option<&Throttle>| throttle.map_or("-".to_owned(), pace);
    [
        cell(plan.id.as_str()),
        cell(&plan.name),
        limit(plan.limits.throttle.as_ref()),
        limit(plan.per_user.as_ref()),
        plan.limits.quota.as_ref().map_or("-".to_owned(), amount),
        cell(&stages.join(", ")),
    ]
}

fn pace(throttle: &Throttle) -> String {
    format!("{}/s burst {}", throttle.rate(), throttle.burst())
}

fn amount(quota: &Quota) -> String {
    let offset = match quota.offset() {
        Offset::None => String::new(),
        Offset::FirstPeriodCredit(calls) => format!(" (first {calls} fewer)"),
        Offset::StartDay(day) => format!(" (from day {day})"),
    };
    format!(
        "{} a {}{offset}",
        quota.limit(),
        quota.period().as_str().to_lowercase()
    )
}
