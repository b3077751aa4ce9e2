//! What the shop shows.

use serde_json::{Value, json};
use shop::Settings;

use crate::running::{Reply, Running, settings};

/// A path, and what stands where in its answer.
type Case<'a> = (&'a str, u16, &'a [(&'a str, Value)]);

async fn check(shop: &Running, cases: &[Case<'_>]) {
    for (path, status, fields) in cases {
        let reply = shop.get(path).await;
        assert_eq!(reply.status, *status, "{path}: {}", reply.text);
        let shown = reply.json();
        for (pointer, value) in *fields {
            assert_eq!(shown.pointer(pointer), Some(value), "{path}, {pointer}: {shown}");
        }
    }
}

#[tokio::test]
async fn orders_and_customers_are_shown() {
    let shop = Running::start(settings()).await;
    let cases: [Case<'_>; 14] = [
        (
            "/orders/A10023",
            200,
            &[
                ("/status", json!("shipped")),
                ("/status_name", json!({"en": "Shipped", "zh": "已发货"})),
                ("/customer", json!("C1001")),
                ("/placed_at", json!("2026-11-28T07:58:00+08:00")),
                ("/items/0/name/zh", json!("美利奴打底衫")),
                ("/total", json!(91800)),
                ("/shipping/carrier/zh", json!("顺丰速运")),
                ("/shipping/tracking", json!("SF1000010023")),
                ("/shipping/eta", json!("2026-12-01")),
            ],
        ),
        ("/orders/A10025", 200, &[("/status", json!("placed")), ("/shipping", Value::Null)]),
        ("/orders/A10024", 200, &[("/status", json!("packed"))]),
        (
            "/orders/A10012",
            200,
            &[("/status", json!("delivered")), ("/delivered_at", json!("2026-10-25T15:20:00+08:00"))],
        ),
        ("/orders/A10014", 200, &[("/status", json!("cancelled"))]),
        ("/orders/A99999", 404, &[("", json!({"error": "no such order"}))]),
        ("/customers?email=Chen.Xiaoming@example.com", 200, &[("/customers/0/id", json!("C1001"))]),
        ("/customers?phone=13800000003", 200, &[("/customers/0/name", json!("王芳"))]),
        ("/customers?phone=%2B44%2020-7946-0002", 200, &[("/customers/0/language", json!("en"))]),
        ("/customers?email=nobody@example.com", 200, &[("/customers", json!([]))]),
        ("/customers", 400, &[]),
        ("/customers/C1004", 200, &[("/name", json!("Liam O'Connor"))]),
        (
            "/customers/C1001/orders",
            200,
            &[
                ("/orders/0/number", json!("A10025")),
                ("/orders/1/number", json!("A10023")),
                ("/orders/2/number", json!("A10012")),
            ],
        ),
        ("/customers/C9999/orders", 404, &[("/error", json!("no such customer"))]),
    ];
    check(&shop, &cases).await;
}

#[tokio::test]
async fn goods_are_found_in_both_languages() {
    let shop = Running::start(settings()).await;
    let cases: [Case<'_>; 9] = [
        ("/products?query=围巾", 200, &[("/products/0/sku", json!("AC-302"))]),
        ("/products?query=你们有羊毛毯吗", 200, &[("/products/0/name/zh", json!("山野羊毛毯"))]),
        ("/products?query=warm+scarves", 200, &[("/products/0/name/en", json!("Loch scarf"))]),
        ("/products?query=羊毛&category=care", 200, &[("/products/0/sku", json!("CA-601"))]),
        ("/products?query=自行车", 200, &[("/products", json!([]))]),
        (
            "/products?category=socks&limit=1",
            200,
            &[("/products/0/sku", json!("SO-401")), ("/products/0/stock", json!(60))],
        ),
        ("/products?limit=many", 400, &[]),
        (
            "/products/KN-101",
            200,
            &[
                ("/price", json!(89900)),
                ("/currency", json!("CNY")),
                ("/category_name/zh", json!("针织衫")),
                ("/image", json!("/images/KN-101.svg")),
                ("/page", json!("https://shop.example/products/KN-101")),
            ],
        ),
        ("/products/KN-999", 404, &[("/error", json!("no such product"))]),
    ];
    check(&shop, &cases).await;
    assert_eq!(shop.shown("/products?limit=100").await["products"].as_array().unwrap().len(), 25);
    assert_eq!(shop.shown("/products?limit=3").await["products"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn recommendations_say_why() {
    let shop = Running::start(settings()).await;
    let cases: [Case<'_>; 3] = [
        (
            "/customers/C1001/recommendations?limit=1",
            200,
            &[
                ("/recommendations/0/product/sku", json!("HO-504")),
                ("/recommendations/0/because/en", json!("It goes well with your Boot socks.")),
                ("/recommendations/0/because/zh", json!("和您买过的“靴袜”很配。")),
            ],
        ),
        ("/customers/C1006/recommendations", 200, &[("/recommendations", json!([]))]),
        ("/customers/C9999/recommendations", 404, &[]),
    ];
    check(&shop, &cases).await;
    let path = "/customers/C1002/recommendations?limit=100";
    assert_eq!(shop.get(path).await, shop.get(path).await);
}

#[tokio::test]
async fn slots_are_shown_by_day_and_by_nearness() {
    let shop = Running::start(settings()).await;
    let cases: [Case<'_>; 9] = [
        (
            "/slots?service=repair",
            200,
            &[
                ("/time_zone", json!("Asia/Shanghai")),
                ("/duration_minutes", json!(60)),
                ("/slots/0", json!({"start": "2026-11-30T10:00:00+08:00", "end": "2026-11-30T11:00:00+08:00"})),
            ],
        ),
        ("/slots?service=fitting&from=2026-12-02", 200, &[("/slots/0/start", json!("2026-12-02T10:00:00+08:00"))]),
        ("/slots?service=consultation&from=2026-11-30&days=1", 200, &[("/slots", json!([]))]),
        ("/slots?service=fitting&from=2027-12-02", 200, &[("/slots", json!([]))]),
        (
            "/slots?service=fitting&around=2026-12-03T15:10:00%2B08:00",
            200,
            &[
                ("/slots/0/start", json!("2026-12-03T15:00:00+08:00")),
                ("/slots/1/start", json!("2026-12-03T15:30:00+08:00")),
            ],
        ),
        (
            // A plus that was not encoded.
            "/slots?service=fitting&limit=1&around=2026-12-03T15:10:00+08:00",
            200,
            &[("/slots", json!([{"start": "2026-12-03T15:00:00+08:00", "end": "2026-12-03T15:30:00+08:00"}]))],
        ),
        ("/slots?service=haircut", 404, &[("/error", json!("no such service"))]),
        ("/slots?service=fitting&around=tomorrow", 400, &[]),
        ("/slots", 400, &[]),
    ];
    check(&shop, &cases).await;
    let services = shop.shown("/services").await;
    assert_eq!(
        services["services"][0]["hours"][0],
        json!({"days": [1, 2, 3, 4, 5, 6], "from": "10:00", "to": "12:00"})
    );
}

#[tokio::test]
async fn pictures_and_health_are_public_and_the_rest_wants_the_token() {
    let shop = Running::start(Settings { token: Some("s3cret".to_owned()), faults: true, ..settings() }).await;
    for (path, token, status) in [
        ("/health", None, 200),
        ("/images/KN-101.svg", None, 200),
        ("/images/KN-999.svg", None, 404),
        ("/orders/A10023", None, 401),
        ("/orders/A10023", Some("Bearer wrong"), 401),
        ("/orders/A10023", Some("Basic s3cret"), 401),
        ("/orders/A10023", Some("Bearer s3cret"), 200),
        ("/ledger", None, 401),
        ("/calls", None, 401),
        ("/nowhere", None, 401),
        ("/nowhere", Some("bearer s3cret"), 404),
    ] {
        let mut request = shop.request("GET", path);
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        let reply = Reply::of(request).await.unwrap();
        assert_eq!(reply.status, status, "{path} with {token:?}: {}", reply.text);
    }
    let picture = shop.request("GET", "/images/KN-101.svg").send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
    assert!(picture.text().await.unwrap().contains("海港毛衣"));
}

#[tokio::test]
async fn a_shop_without_faults_has_no_way_to_set_them() {
    let shop = Running::start(settings()).await;
    for (method, path, status) in
        [("PUT", "/faults", 404), ("DELETE", "/faults", 404), ("GET", "/calls", 404), ("POST", "/orders/A10023", 405)]
    {
        let reply = shop.ask(method, path, "", &json!({"path": "/", "kind": "html"})).await;
        assert_eq!(reply.status, status, "{method} {path}");
        assert!(reply.json()["error"].is_string(), "{method} {path}: {}", reply.text);
    }
}
