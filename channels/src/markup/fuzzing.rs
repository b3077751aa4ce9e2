//! Markup as the fuzz targets see it.

use super::{
    html, markdown,
    marks::{self, Marked},
};

/// A mark of a part: where it begins and how long it is, in UTF-16 units.
pub type Mark = (usize, usize);

/// The text of a page.
#[must_use]
pub fn page_text(page: &str) -> String {
    html::to_text(page)
}

/// HTML of what is written.
#[must_use]
pub fn to_html(markdown: &str) -> String {
    markdown::to_html(markdown)
}

/// Parts of at most `most` UTF-16 units with their marks.
#[must_use]
pub fn marked(markdown: &str, most: usize) -> Vec<(String, Vec<Mark>)> {
    let parts = marks::split(&marks::marked(markdown), most).into_iter();
    let part = |Marked { text, entities }| {
        let marks = entities.into_iter().map(|entity| (entity.offset, entity.length));
        (text, marks.collect())
    };
    parts.map(part).collect()
}
