//! The pictures of the goods: drawn, not photographed.

use crate::catalog::{Catalog, Product};

/// A product's picture as an SVG document: its names on the colour of its category.
pub(crate) fn draw(catalog: &Catalog, product: &Product) -> String {
    let colour = catalog.category(&product.category).map_or("#555555", |category| &category.colour);
    let (en, zh) = (escape(&product.name.en), escape(&product.name.zh));
    let initial: String = product.name.zh.chars().take(1).collect();
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 400" font-family="sans-serif" text-anchor="middle">
<title>{en} {zh}</title>
<rect width="600" height="400" fill="{colour}"/>
<circle cx="300" cy="150" r="92" fill="#fff" fill-opacity=".15"/>
<text x="300" y="188" font-size="106" fill="#fff">{initial}</text>
<text x="300" y="300" font-size="34" fill="#fff">{en}</text>
<text x="300" y="344" font-size="30" fill="#fff">{zh}</text>
</svg>
"##,
        initial = escape(&initial),
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
