//! What a process knows of keys and plans: as new as promised, for as few calls as promised.

mod knowing;
mod store;
mod times;
