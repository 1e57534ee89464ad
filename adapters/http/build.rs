//! Takes the two files of Swagger UI that the page needs out of its crate, packed as they lie there. The crate itself
//! would put all of them into every binary, and some twice.

use std::{error::Error, fs, path::Path, sync::Arc};

const FILES: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];

#[allow(
    clippy::disallowed_methods,
    reason = "cargo says by it where what is built belongs"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let folder = std::env::var("OUT_DIR")?;
    let config = Arc::new(utoipa_swagger_ui::Config::default());
    for name in FILES {
        let file = utoipa_swagger_ui::serve(name, Arc::clone(&config))?;
        let file = file.filter(|file| file.gzpipped);
        let file = file.ok_or_else(|| format!("Swagger UI has no {name} that is packed"))?;
        fs::write(Path::new(&folder).join(format!("{name}.gz")), file.bytes)?;
    }
    Ok(())
}
