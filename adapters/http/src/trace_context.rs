//! `traceparent` (W3C Trace Context) and `X-Amzn-Trace-Id` (AWS X-Ray).

use axum::http::HeaderMap;
use usher_domain::ports::TraceContext;

const TRACEPARENT: &str = "traceparent";
const X_AMZN_TRACE_ID: &str = "x-amzn-trace-id";

/// The trace that a request is a part of, and the id by which X-Ray knows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traced {
    pub(crate) context: Option<TraceContext>,
    /// The `Root` of `X-Amzn-Trace-Id`.
    pub(crate) xray: Option<u128>,
}

impl Traced {
    /// What the headers say. `traceparent` counts where both are there; one that is no such thing says nothing, and no
    /// request is refused for it.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let xray = text(headers, X_AMZN_TRACE_ID).and_then(xray);
        Self {
            context: text(headers, TRACEPARENT).and_then(w3c).or(xray),
            xray: xray.map(|context| context.trace_id),
        }
    }
}

/// X-Ray's way to write a trace's id: a version, seconds since 1970, and the rest.
pub(crate) fn as_xray(trace_id: u128) -> String {
    let hex = format!("{trace_id:032x}");
    let (seconds, rest) = hex.split_at(8);
    format!("1-{seconds}-{rest}")
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    // Two of them, and nobody knows which one is meant.
    values.next().is_none().then_some(value)
}

/// `00-{32 hex digits}-{16 hex digits}-{2 hex digits}`; later versions may have more after that.
fn w3c(value: &str) -> Option<TraceContext> {
    let mut parts = value.trim().split('-');
    let version = hex(parts.next()?, 2)?;
    let trace_id = hex(parts.next()?, 32).filter(|id| *id != 0)?;
    let parent = hex(parts.next()?, 16).filter(|id| *id != 0)?;
    let flags = hex(parts.next()?, 2)?;
    let has_more = parts.next().is_some();
    if version == 0xff || (version == 0 && has_more) {
        return None;
    }
    Some(TraceContext {
        trace_id,
        parent: u64::try_from(parent).ok(),
        sampled: Some(flags & 1 == 1),
    })
}

/// `Root=1-{8 hex digits}-{24 hex digits};Parent={16 hex digits};Sampled={0, 1 or ?}`, in any order, with other members.
fn xray(value: &str) -> Option<TraceContext> {
    let (mut root, mut parent, mut sampled) = (None, None, None);
    for member in value.split(';') {
        let Some((name, value)) = member.split_once('=') else {
            continue;
        };
        match name.trim() {
            "Root" => root = root_of(value.trim()),
            "Parent" => parent = hex(value.trim(), 16).and_then(|id| u64::try_from(id).ok()),
            "Sampled" => {
                sampled = match value.trim() {
                    "1" => Some(true),
                    "0" => Some(false),
                    _ => None,
                }
            }
            _ => {}
        }
    }
    Some(TraceContext {
        trace_id: root?,
        parent: parent.filter(|id| *id != 0),
        sampled,
    })
}

fn root_of(value: &str) -> Option<u128> {
    let (seconds, rest) = value.strip_prefix("1-")?.split_once('-')?;
    let id = hex(seconds, 8)? << 96 | hex(rest, 24)?;
    (id != 0).then_some(id)
}

/// So many lower-case hexadecimal digits, and nothing else.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_digit))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    const PARENT: u64 = 0x00f0_67aa_0ba9_02b7;

    fn of(headers: &[(&'static str, &str)]) -> Traced {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a value"));
        }
        Traced::of(&map)
    }

    #[test]
    fn a_traceparent_names_trace_parent_and_choice() {
        for (flags, sampled) in [("00", false), ("01", true), ("03", true), ("fe", false)] {
            let value = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            let context = of(&[("traceparent", &value)]).context.expect("a context");
            assert_eq!(context.trace_id, TRACE);
            assert_eq!(context.parent, Some(PARENT));
            assert_eq!(context.sampled, Some(sampled), "{flags}");
        }
        // A later version may have more.
        let later =
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings";
        assert!(of(&[("traceparent", later)]).context.is_some());
    }

    #[test]
    fn what_is_no_traceparent_says_nothing() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        ] {
            assert_eq!(of(&[("traceparent", bad)]), Traced::default(), "{bad}");
        }
        assert_eq!(
            of(&[("traceparent", good), ("traceparent", good)]),
            Traced::default()
        );
    }

    #[test]
    fn x_rays_header_names_the_same() {
        let root = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736";
        for (value, parent, sampled) in [
            (root.to_owned(), None, None),
            (format!("{root};Sampled=?"), None, None),
            (
                format!("{root};Parent=00f067aa0ba902b7;Sampled=1"),
                Some(PARENT),
                Some(true),
            ),
            (
                format!("Self=1-0-0;Sampled=0; {root}; Lineage=a:1|b:2"),
                None,
                Some(false),
            ),
        ] {
            let traced = of(&[("x-amzn-trace-id", &value)]);
            let expected = TraceContext {
                trace_id: TRACE,
                parent,
                sampled,
            };
            assert_eq!(traced.context, Some(expected), "{value}");
            assert_eq!(traced.xray, Some(TRACE));
        }
        for bad in [
            "",
            "Root=1-x-y",
            "Root=2-4bf92f35-77b34da6a3ce929d0e0e4736",
            "Sampled=1",
        ] {
            assert_eq!(of(&[("x-amzn-trace-id", bad)]), Traced::default(), "{bad}");
        }
        assert_eq!(as_xray(TRACE), "1-4bf92f35-77b34da6a3ce929d0e0e4736");
    }

    #[test]
    fn traceparent_counts_where_both_are_there() {
        let traced = of(&[
            (
                "traceparent",
                "00-00000000000000000000000000000001-0000000000000002-01",
            ),
            (
                "x-amzn-trace-id",
                "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736",
            ),
        ]);
        assert_eq!(traced.context.map(|context| context.trace_id), Some(1));
        assert_eq!(traced.xray, Some(TRACE));
    }
}
