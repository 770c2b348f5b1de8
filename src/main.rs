//! The `atlas-operator` binary.
fn main() -> std::process::ExitCode {
    atlas_operator::cli::main()
}
