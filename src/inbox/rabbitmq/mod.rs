//! The inbox on RabbitMQ.

mod letters;

pub use letters::Letters;
