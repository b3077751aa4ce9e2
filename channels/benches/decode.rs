//! The cost of one request of the HTTP channel before it is accepted: its signature is verified, its JSON read, its text
//! cleaned. `cargo bench -p switchboard-channels`.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

use std::hint::black_box;

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::STANDARD};
use channels::http::Decoder;
use contract::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const KEY: [u8; 32] = [7; 32];

fn signed(body: &str, now: Timestamp) -> HeaderMap {
    let mut mac = Hmac::<Sha256>::new_from_slice(&KEY).unwrap();
    mac.update(format!("m-1.{}.{body}", now.as_second()).as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("webhook-id", "m-1".to_owned()),
        ("webhook-timestamp", now.as_second().to_string()),
        ("webhook-signature", signature),
    ];
    headers.into_iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
}

fn decode(criterion: &mut Criterion) {
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    let decoder = Decoder::new("crm", &[secret.into()]).unwrap();
    let now = Timestamp::now();
    let mut group = criterion.benchmark_group("decode");
    for (name, text) in [
        ("a question", "Where is my order #10423?".to_owned()),
        ("1 KiB", "订单 what ".repeat(74)),
        ("100 KiB", "a".repeat(100 * 1024)),
    ] {
        let body = serde_json::json!({"id": "m-1", "from": {"handle": "li", "email": "Li@Example.com"}, "text": text});
        let body = body.to_string();
        let headers = signed(&body, now);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(decoder.decode(&headers, body.as_bytes(), now)).unwrap());
        });
    }
    group.finish();
}

/// Mails of `cases/email`, whole: a typical one has a plain text, a page and a history.
fn mail(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mail");
    for name in ["gmail-web", "qq", "outlook-web", "nested-mixed-alternative", "bounce-postfix"] {
        let raw = std::fs::read(format!("{}/cases/email/{name}.eml", env!("CARGO_MANIFEST_DIR"))).unwrap();
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| black_box(channels::measured::email(black_box(&raw)))));
    }
    let page =
        "<tr><td style=\"padding:4px\"><a href=\"https://shop.example/item?id=1\">An item</a></td><td>12.50</td></tr>";
    let newsletter = format!(
        "From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><table>{}</table></body></html>",
        page.repeat(300)
    );
    group.throughput(Throughput::Bytes(newsletter.len() as u64));
    group.bench_function("a page of 30 KB and no text", |bencher| {
        bencher.iter(|| black_box(channels::measured::email(black_box(newsletter.as_bytes()))));
    });
    group.finish();
}

/// Updates of `cases/telegram`, from their bytes.
fn update(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("update");
    let rows = include_str!("../cases/telegram/messages.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(rows).unwrap();
    for name in ["a text", "marked text", "a photo with words", "an answer that quotes"] {
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        let raw = row["update"].to_string();
        group.throughput(Throughput::Bytes(raw.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(channels::measured::telegram(black_box(raw.as_bytes()))).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, decode, mail, update);
criterion_main!(benches);
