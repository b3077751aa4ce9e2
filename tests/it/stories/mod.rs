//! What customers, agents and admins do, through the real binary.

mod answers;
mod callback;
mod command_line;
mod crash;
mod desk;
mod hostile;
mod identity;
mod limits;
mod opinions;
mod people;
mod replay;
mod restart;
mod rules;
