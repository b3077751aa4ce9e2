//! What a mail says about itself: its thread, its writer, how it came to be.

mod automatic;
mod compose;
mod content;
mod decode;
mod html;
mod register;
mod reply;
mod sender;
mod thread;
