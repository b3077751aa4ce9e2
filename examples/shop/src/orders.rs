//! Orders: what was bought, where it goes and how far it is.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{moment::Moment, text::Text};

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Order {
    /// A letter and five digits.
    pub number: String,
    /// The customer's id.
    pub customer: String,
    pub status: Status,
    pub placed_at: Moment,
    pub items: Vec<Item>,
    /// In the currency's smallest unit.
    pub total: u64,
    pub currency: String,
    pub address: Address,
    /// From the time that the carrier has it.
    pub shipping: Option<Shipping>,
    pub delivered_at: Option<Moment>,
    pub cancelled_at: Option<Moment>,
}

/// How far an order is. Only what has not left the shop can be cancelled, or sent elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Placed,
    Packed,
    Shipped,
    Delivered,
    Cancelled,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Item {
    pub sku: String,
    pub name: Text,
    pub quantity: u32,
    /// Of one piece, in the currency's smallest unit.
    pub price: u64,
}

/// Where a parcel goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Address {
    pub name: String,
    pub phone: String,
    pub street: String,
    pub city: String,
    pub postcode: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shipping {
    pub carrier: Text,
    pub tracking: String,
    /// The day on which the carrier means to deliver it.
    pub eta: Date,
}

/// An order as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ShownOrder<'a> {
    #[serde(flatten)]
    order: &'a Order,
    status_name: Text,
}

impl Order {
    pub(crate) fn show(&self) -> ShownOrder<'_> {
        ShownOrder { order: self, status_name: self.status.name() }
    }
}

impl Status {
    const fn name(self) -> Text {
        match self {
            Self::Placed => Text::fixed("Placed", "已下单"),
            Self::Packed => Text::fixed("Packed", "已打包"),
            Self::Shipped => Text::fixed("Shipped", "已发货"),
            Self::Delivered => Text::fixed("Delivered", "已送达"),
            Self::Cancelled => Text::fixed("Cancelled", "已取消"),
        }
    }

    /// Why nothing about the order can be changed any more; `None` while it can.
    pub(crate) const fn settled(self) -> Option<Text> {
        match self {
            Self::Placed | Self::Packed => None,
            Self::Shipped => Some(Text::fixed("The carrier already has the parcel.", "包裹已经交给快递。")),
            Self::Delivered => Some(Text::fixed("The order was delivered.", "订单已经送达。")),
            Self::Cancelled => Some(Text::fixed("The order was cancelled before.", "订单之前已经取消。")),
        }
    }
}
