//! What a mail says about itself: its thread, its writer, how it came to be.

mod automatic;
mod html;
mod reply;
mod sender;
mod thread;
