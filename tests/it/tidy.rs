//! What Cargo cannot hold of the architecture.
