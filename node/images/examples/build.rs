//! Builds one image: `cargo run --release -p quorate-images --example build -- CONTAINERFILE LAYOUT
//! [fresh] [host-network]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command prints")]

use std::path::PathBuf;

use quorate_images::{Error, Recipe, build};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [containerfile, layout, rest @ ..] = arguments.as_slice() else {
        eprintln!("name a Containerfile and the folder to make; add `fresh` to use nothing that is cached");
        std::process::exit(2);
    };
    let recipe = Recipe {
        containerfile: PathBuf::from(containerfile),
        fresh: rest.iter().any(|word| word == "fresh"),
        host_network: rest.iter().any(|word| word == "host-network"),
        ..Recipe::default()
    };
    let image = build(&recipe, layout.as_ref(), &mut |line| eprintln!("{line}")).await?;
    println!("{image:#?}");
    Ok(())
}
