//! Takes traces and counts them: the collector of `bench/http --telemetry`. Prints where it listens.

use usher_testkit::otlp::OtlpReceiver;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let receiver = OtlpReceiver::start().await;
    #[allow(clippy::print_stdout, reason = "this is what it is asked for")]
    {
        println!("{}", receiver.endpoint());
    }
    std::future::pending::<()>().await;
}
