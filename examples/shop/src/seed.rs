//! What the shop begins with: `seed.json`, compiled in. Its dates count from the day of the opening, so that parcels
//! are on their way whenever the shop is opened.

use jiff::{
    ToSpan,
    civil::{Date, Time},
};
use serde::Deserialize;

use crate::{
    catalog::Catalog,
    moment::Moment,
    orders::{Address, Item, Order, Shipping, Status},
    text::Text,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    #[error("{0}")]
    Form(#[from] serde_json::Error),
    #[error("{0}")]
    Date(#[from] jiff::Error),
    #[error("order {number} has {sku}, which is no product")]
    NoProduct { number: String, sku: String },
}

#[derive(Deserialize)]
struct Seed {
    #[serde(flatten)]
    catalog: Catalog,
    orders: Vec<SeedOrder>,
}

#[derive(Deserialize)]
struct SeedOrder {
    number: String,
    customer: String,
    status: Status,
    placed: Past,
    items: Vec<SeedItem>,
    address: Address,
    shipping: Option<SeedShipping>,
    delivered: Option<Past>,
    cancelled: Option<Past>,
}

#[derive(Deserialize)]
struct SeedItem {
    sku: String,
    quantity: u32,
}

#[derive(Deserialize)]
struct SeedShipping {
    carrier: Text,
    tracking: String,
    eta_in_days: i32,
}

#[derive(Deserialize)]
struct Past {
    days_ago: i32,
    at: Time,
}

impl Past {
    fn before(&self, today: Date) -> Result<Moment, jiff::Error> {
        Moment::on(today.checked_sub(self.days_ago.days())?, self.at)
    }
}

/// The catalog, and the orders of a shop that opens today.
pub(crate) fn read(today: Date) -> Result<(Catalog, Vec<Order>), SeedError> {
    let Seed { catalog, orders } = serde_json::from_str(include_str!("../seed.json"))?;
    let orders = orders.into_iter().map(|order| order.placed(&catalog, today)).collect::<Result<_, _>>()?;
    Ok((catalog, orders))
}

impl SeedOrder {
    fn placed(self, catalog: &Catalog, today: Date) -> Result<Order, SeedError> {
        let items = self.items.into_iter().map(|SeedItem { sku, quantity }| match catalog.product(&sku) {
            Some(product) => Ok(Item { sku, name: product.name.clone(), quantity, price: product.price }),
            None => Err(SeedError::NoProduct { number: self.number.clone(), sku }),
        });
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let shipping = self.shipping.map(|SeedShipping { carrier, tracking, eta_in_days }| {
            Ok::<_, jiff::Error>(Shipping { carrier, tracking, eta: today.checked_add(eta_in_days.days())? })
        });
        Ok(Order {
            number: self.number,
            customer: self.customer,
            status: self.status,
            placed_at: self.placed.before(today)?,
            total: items.iter().map(|item| item.price * u64::from(item.quantity)).sum(),
            currency: "CNY".to_owned(),
            items,
            address: self.address,
            shipping: shipping.transpose()?,
            delivered_at: self.delivered.map(|past| past.before(today)).transpose()?,
            cancelled_at: self.cancelled.map(|past| past.before(today)).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_seed_is_whole() {
        let (catalog, orders) = read(date(2026, 11, 30)).unwrap();
        for product in &catalog.products {
            assert!(catalog.category(&product.category).is_some(), "{} is in no category", product.sku);
            for other in &product.goes_with {
                assert!(catalog.product(other).is_some() && *other != product.sku, "{} goes with {other}", product.sku);
            }
        }
        for order in &orders {
            assert!(catalog.customer(&order.customer).is_some(), "{} is nobody's", order.number);
            assert_eq!(order.shipping.is_some(), matches!(order.status, Status::Shipped | Status::Delivered));
            assert_eq!(order.delivered_at.is_some(), order.status == Status::Delivered);
            assert_eq!(order.cancelled_at.is_some(), order.status == Status::Cancelled);
        }
        let statuses: HashSet<_> = orders.iter().map(|order| order.status).collect();
        assert_eq!(statuses.len(), 5, "a status has no order");
        let numbers: HashSet<_> = orders.iter().map(|order| &order.number).collect();
        assert_eq!(numbers.len(), orders.len(), "two orders have one number");
    }
}
