//! What a customer may like next, with the reason. Pure: the same orders give the same answer.

use serde::Serialize;

use crate::{
    catalog::{Catalog, Product, ShownProduct},
    orders::{Order, Status},
    text::Text,
};

#[derive(Debug, Serialize)]
pub(crate) struct Recommendation<'a> {
    product: ShownProduct<'a>,
    because: Text,
}

/// First what goes with the things that were bought, then what else their categories have; of the things that were
/// bought last first. Nothing that the customer has or that is sold out, and nothing to those who bought nothing.
///
/// The orders come newest first.
pub(crate) fn recommend<'a>(catalog: &'a Catalog, orders: &[&Order], limit: usize) -> Vec<Recommendation<'a>> {
    let kept = orders.iter().filter(|order| order.status != Status::Cancelled);
    let owned: Vec<&Product> =
        kept.flat_map(|order| &order.items).filter_map(|item| catalog.product(&item.sku)).collect();
    let related = owned.iter().flat_map(|product| {
        let others = product.goes_with.iter().filter_map(|sku| catalog.product(sku));
        others.map(|other| (other, goes_with(product)))
    });
    let alike = owned.iter().filter_map(|product| catalog.category(&product.category)).flat_map(|category| {
        let others = catalog.products.iter().filter(|other| other.category == category.id);
        others.map(|other| (other, same_category(&category.name)))
    });
    let mut chosen: Vec<(&Product, Text)> = Vec::new();
    for (product, because) in related.chain(alike) {
        let known = owned.iter().copied().chain(chosen.iter().map(|(product, _)| *product));
        if product.stock > 0 && !known.into_iter().any(|known| known.sku == product.sku) {
            chosen.push((product, because));
        }
    }
    chosen.truncate(limit);
    chosen.into_iter().map(|(product, because)| Recommendation { product: catalog.show(product), because }).collect()
}

fn goes_with(bought: &Product) -> Text {
    Text {
        en: format!("It goes well with your {}.", bought.name.en).into(),
        zh: format!("和您买过的“{}”很配。", bought.name.zh).into(),
    }
}

fn same_category(category: &Text) -> Text {
    Text {
        en: format!("You bought from “{}” before.", category.en).into(),
        zh: format!("您买过“{}”类的商品。", category.zh).into(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn what_goes_with_it_comes_before_what_is_like_it() {
        let (catalog, orders) = crate::seed::read(date(2026, 11, 30)).unwrap();
        let of = |number: &str| orders.iter().find(|order| order.number == number).unwrap();
        for (numbers, limit, skus) in [
            // Base layers go with trail socks and wool wash; the turtleneck of the same category is sold out.
            (&["A10023"][..], 9, &["SO-402", "CA-601", "KN-101", "KN-102", "KN-105"][..]),
            (&["A10023"], 1, &["SO-402"]),
            (&["A10023", "A10012"], 3, &["SO-402", "AC-301", "CA-602"]),
            // Cancelled: nothing was bought.
            (&["A10014"], 9, &[]),
            (&[], 9, &[]),
        ] {
            let orders: Vec<_> = numbers.iter().map(|number| of(number)).collect();
            let found = serde_json::to_value(recommend(&catalog, &orders, limit)).unwrap();
            let found: Vec<_> = found.as_array().unwrap().iter().map(|one| &one["product"]["sku"]).collect();
            assert_eq!(found, skus, "{numbers:?}");
        }
    }
}
