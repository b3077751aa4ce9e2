//! What the shop has and whom it knows: goods, services and customers. Nothing here changes while it is open.

use jiff::civil::Time;
use serde::{Deserialize, Serialize, Serializer};

use crate::text::Text;

#[derive(Debug, Deserialize)]
pub(crate) struct Catalog {
    pub categories: Vec<Category>,
    pub products: Vec<Product>,
    pub customers: Vec<Customer>,
    pub services: Vec<Service>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Category {
    pub id: String,
    pub name: Text,
    /// The ground of its products' pictures, as CSS writes it.
    pub colour: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Product {
    pub sku: String,
    pub category: String,
    pub name: Text,
    pub description: Text,
    /// In the currency's smallest unit.
    pub price: u64,
    pub currency: String,
    /// Pieces.
    pub stock: u32,
    /// SKUs that one who has this may like, the best first.
    pub goes_with: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Customer {
    pub id: String,
    pub name: String,
    pub email: String,
    pub phone: String,
    /// `en` or `zh`.
    pub language: String,
}

/// What customers come to the shop for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    pub id: String,
    pub name: Text,
    pub description: Text,
    pub duration_minutes: u32,
    /// In the currency's smallest unit; 0 is free.
    pub price: u64,
    pub currency: String,
    pub hours: Vec<Hours>,
}

/// When a service is open, in the shop's time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hours {
    /// Days of the week: Monday is 1, Sunday 7.
    pub days: Vec<i8>,
    #[serde(serialize_with = "hours_and_minutes")]
    pub from: Time,
    #[serde(serialize_with = "hours_and_minutes")]
    pub to: Time,
}

/// A product as the API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct ShownProduct<'a> {
    #[serde(flatten)]
    product: &'a Product,
    category_name: Option<&'a Text>,
    /// The picture's path in this shop.
    image: String,
    /// Where a person sees and buys it.
    page: String,
}

impl Catalog {
    pub(crate) fn category(&self, id: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.id == id)
    }

    pub(crate) fn product(&self, sku: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.sku == sku)
    }

    pub(crate) fn customer(&self, id: &str) -> Option<&Customer> {
        self.customers.iter().find(|customer| customer.id == id)
    }

    pub(crate) fn service(&self, id: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.id == id)
    }

    pub(crate) fn show<'a>(&'a self, product: &'a Product) -> ShownProduct<'a> {
        ShownProduct {
            product,
            category_name: self.category(&product.category).map(|category| &category.name),
            image: format!("/images/{}.svg", product.sku),
            page: format!("https://shop.example/products/{}", product.sku),
        }
    }
}

impl Customer {
    /// Whether an email address is theirs; case does not matter.
    pub(crate) fn has_email(&self, email: &str) -> bool {
        self.email.eq_ignore_ascii_case(email.trim())
    }

    /// Whether a telephone number is theirs, in whatever form, with or without China's prefix.
    pub(crate) fn has_phone(&self, phone: &str) -> bool {
        let theirs = digits(&self.phone);
        let asked = digits(phone);
        !asked.is_empty() && (theirs == asked || theirs.strip_prefix("86") == Some(&asked))
    }
}

fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}

fn hours_and_minutes<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:02}:{:02}", time.hour(), time.minute()))
}
