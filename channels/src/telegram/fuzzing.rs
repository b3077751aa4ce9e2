//! Updates as the fuzz targets see them.

use contract::Inbound;
use serde_json::Value;

use super::{
    Groups,
    decode::{Bot, Decoded, Decoder},
};

/// What an update becomes for the bot `shop_bot`; `None` where it is for nobody or of an unknown kind.
#[must_use]
pub fn update(update: &Value, groups: Groups) -> Option<Inbound> {
    let bot = Bot { id: 7, username: "shop_bot".to_owned(), can_read_all_group_messages: false };
    match (Decoder { channel: "telegram".to_owned(), groups, bot }).decode(update) {
        Decoded::Message { inbound, .. } => Some(*inbound),
        Decoded::Migrated { .. } | Decoded::Ignored(_) | Decoded::Unknown(_) => None,
    }
}
