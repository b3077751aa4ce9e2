//! What customers, agents and admins do, through the real binary.

mod alarms;
mod answers;
mod callback;
mod carry;
mod channels;
mod command_line;
mod crash;
mod desk;
mod fleet;
mod fleet_health;
mod fleet_news;
mod hostile;
mod identity;
mod limits;
mod lint;
mod looking_back;
mod mail;
mod many_agents;
mod moves;
mod opinions;
mod people;
mod reload;
mod replay;
mod restart;
mod rules;
mod telegram;
