//! The server binary as a process.
