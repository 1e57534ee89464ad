pub(crate) mod promql;
