//! Which traces are recorded.

use usher_domain::ports::TraceContext;

/// So many of the last bits of a trace's id are random (W3C Trace Context, level 2).
const BITS: u32 = 56;

/// A share of all traces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ratio {
    /// The share that is not taken, of 2^56.
    from: u64,
}

impl Ratio {
    /// From 0, none, to 1, all.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a share of 2^56 is at least 0 and fits, and nobody counts single traces of so many"
    )]
    pub(crate) fn new(share: f64) -> Self {
        let all = (1_u64 << BITS) as f64;
        Self {
            from: (1 << BITS) - (share.clamp(0.0, 1.0) * all) as u64,
        }
    }

    /// Whether a request is recorded: as the caller has decided, and else by the trace's id, so that all who decide by
    /// OpenTelemetry's consistent probability sampling decide alike: who records fewer records some of those.
    pub(crate) fn takes(self, context: Option<&TraceContext>, trace_id: u128) -> bool {
        let decided = context.and_then(|context| context.sampled);
        decided.unwrap_or_else(|| {
            let random = trace_id & ((1 << BITS) - 1);
            random >= u128::from(self.from)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_none_and_a_share() {
        let ids = (0..10_000_u128)
            .map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834));
        for (share, wanted) in [(0.0, 0), (0.01, 100), (0.5, 5_000), (1.0, 10_000)] {
            let ratio = Ratio::new(share);
            let taken = ids.clone().filter(|id| ratio.takes(None, *id)).count();
            assert!(taken.abs_diff(wanted) <= 60, "{share}: {taken}");
        }
        assert!(!Ratio::new(0.0).takes(None, 0));
        assert!(Ratio::new(1.0).takes(None, u128::MAX));
        assert!(Ratio::new(1.0).takes(None, 1 << BITS));
    }

    #[test]
    fn what_the_caller_has_decided_counts() {
        let context = |sampled| TraceContext {
            trace_id: 1,
            parent: None,
            sampled,
        };
        let (none, all) = (Ratio::new(0.0), Ratio::new(1.0));
        assert!(none.takes(Some(&context(Some(true))), 1));
        assert!(!all.takes(Some(&context(Some(false))), 1));
        assert!(all.takes(Some(&context(None)), 1));
        assert!(!none.takes(Some(&context(None)), 1));
    }
}
