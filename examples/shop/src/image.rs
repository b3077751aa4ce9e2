//! The pictures of the goods: drawn, not photographed.

use crate::catalog::{Catalog, Product};

/// A product's picture as an SVG document: its names on the colour of its category.
pub(crate) fn draw(catalog: &Catalog, product: &Product) -> String {
    let colour = catalog.category(&product.category).map_or("#555555", |category| &category.colour);
    let (en, zh) = (escape(&product.name.en), escape(&product.name.zh));
    let initial: String = product.name.zh.chars().take(1).collect();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" font-family="sans-serif" text-anchor="middle">
<title>{en} {zh}</title>
<rect width="400" height="400" fill="{colour}"/>
<circle cx="200" cy="160" r="100" fill="#fff" fill-opacity=".15"/>
<text x="200" y="200" font-size="110" fill="#fff">{initial}</text>
<text x="200" y="310" font-size="26" fill="#fff">{en}</text>
<text x="200" y="350" font-size="26" fill="#fff">{zh}</text>
</svg>
"##,
        initial = escape(&initial),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
