//! API keys as AWS's CSV has them.

use usher_domain::usage::{
    api_key::{ApiKey, ApiKeyHash, ApiKeyId},
    plan::PlanId,
};

/// What is wrong with a key file, and in which line. Keys are never repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {detail}")]
pub struct KeysProblem {
    /// The line, from 1.
    pub line: u64,
    /// One sentence.
    pub detail: String,
}

/// Reads API Gateway's key file: a header with `Name` and `Key`, and `Description`, `Enabled` and
/// `UsagePlanIds` if wanted, in any order and case; other columns are ignored. `Key` may be
/// `sha256:` and the key's hash. `UsagePlanIds` are separated by commas, in quotes when several.
///
/// # Errors
/// Everything that is wrong, each with its line.
pub fn parse_keys(text: &str) -> Result<Vec<ApiKey>, Vec<KeysProblem>> {
    let text = text.lines().map(plain_csv).collect::<Vec<_>>().join("\n");
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(error) => return Err(vec![problem(1, error.to_string())]),
    };
    let column = |wanted: &str| {
        header
            .iter()
            .position(|name| name.eq_ignore_ascii_case(wanted))
    };
    let (Some(name), Some(key)) = (column("Name"), column("Key")) else {
        return Err(vec![problem(
            1,
            "the header must name the columns Name and Key".to_owned(),
        )]);
    };
    let (description, enabled, plans) = (
        column("Description"),
        column("Enabled"),
        column("UsagePlanIds"),
    );
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                problems.push(problem(line, "the line cannot be read".to_owned()));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let cell =
            |column: Option<usize>| column.and_then(|column| record.get(column)).unwrap_or("");
        let enabled = match cell(enabled).to_ascii_lowercase().as_str() {
            "" | "true" => true,
            "false" => false,
            _ => {
                problems.push(problem(line, "Enabled must be true or false".to_owned()));
                continue;
            }
        };
        match ApiKeyHash::from_import(cell(Some(key))) {
            Err(error) => problems.push(problem(line, error.to_string())),
            Ok(hash) => keys.push(ApiKey {
                id: ApiKeyId::derived_from(&hash),
                hash,
                previous: None,
                created_at: None,
                name: cell(Some(name)).to_owned(),
                description: cell(description).to_owned(),
                enabled,
                plans: cell(plans)
                    .split(',')
                    .map(str::trim)
                    .filter(|id| !id.is_empty())
                    .map(PlanId::new)
                    .collect(),
            }),
        }
    }
    if problems.is_empty() {
        Ok(keys)
    } else {
        Err(problems)
    }
}

/// A line as RFC 4180 has it: AWS's own samples put spaces before a field's quotes, and allow single
/// ones.
fn plain_csv(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches([' ', '\t']);
        let quoted = rest
            .chars()
            .next()
            .filter(|letter| matches!(letter, '"' | '\''))
            .and_then(|quote| {
                let (inside, after) = rest.get(1..)?.split_once(quote)?;
                let after = after.trim_start_matches([' ', '\t']);
                (after.is_empty() || after.starts_with(',')).then_some((inside, after))
            });
        if let Some((inside, after)) = quoted {
            plain.push('"');
            plain.push_str(&inside.replace('"', "\"\""));
            plain.push('"');
            rest = after;
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            plain.push_str(field);
            rest = after;
        }
        match rest.strip_prefix(',') {
            None => return plain,
            Some(after) => {
                plain.push(',');
                rest = after;
            }
        }
    }
}

fn problem(line: u64, detail: String) -> KeysProblem {
    KeysProblem { line, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awss_own_sample_is_read() {
        let sample = "Name, key, description, Enabled, usageplanIds, Owner\n\
            MyFirstKey, abcdef1234ghijklmnop8901, An imported key, TRUE, c7y23b, me\n\
            MySecondKey, 1234ABCDEFghijklmnop123, ,FALSE , \"abc,def\", me\n\
            MyThirdKey, 1234abcdefghijklmnop456, 'tis, , 'a, b', me\n";
        let keys = parse_keys(sample).unwrap();
        let read: Vec<_> = keys
            .iter()
            .map(|key| {
                let plans: Vec<_> = key.plans.iter().map(PlanId::as_str).collect();
                (key.name.as_str(), key.enabled, plans.join("+"))
            })
            .collect();
        assert_eq!(
            read,
            [
                ("MyFirstKey", true, "c7y23b".to_owned()),
                ("MySecondKey", false, "abc+def".to_owned()),
                ("MyThirdKey", true, "a+b".to_owned()),
            ]
        );
        assert_eq!(
            keys[0].hash,
            ApiKeyHash::of("abcdef1234ghijklmnop8901").unwrap()
        );
    }

    #[test]
    fn every_problem_is_named_with_its_line_and_without_the_key() {
        let bad =
            "Name,Key,Enabled\na,tooshort,true\nb,abcdefghijklmnopqrstu,maybe\nc,sha256:xyz,\n";
        let problems = parse_keys(bad).unwrap_err();
        assert_eq!(
            problems
                .iter()
                .map(|problem| problem.line)
                .collect::<Vec<_>>(),
            [2, 3, 4]
        );
        assert!(
            problems
                .iter()
                .all(|problem| !problem.to_string().contains("tooshort"))
        );
        assert_eq!(parse_keys("Name\n").unwrap_err()[0].line, 1);
    }
}
