//! What channels remember.

use super::Backend;

pub async fn values_are_kept_by_channel_and_key_over_a_crash(backend: &impl Backend) {
    let memory = backend.open().await.memory;
    for (channel, key, value) in
        [("mail", "thread/a", "1"), ("mail", "thread/b", "二"), ("mail", "threat", "x"), ("other", "thread/a", "3")]
    {
        memory.put(channel, key, Some("before")).await.unwrap();
        memory.put(channel, key, Some(value)).await.unwrap();
    }
    memory.put("other", "gone", Some("y")).await.unwrap();
    memory.put("other", "gone", None).await.unwrap();
    backend.crash().await;
    let memory = backend.open().await.memory;
    assert_eq!(memory.get("mail", "thread/b").await.unwrap().as_deref(), Some("二"));
    assert_eq!(memory.get("other", "thread/a").await.unwrap().as_deref(), Some("3"));
    assert_eq!(memory.get("other", "gone").await.unwrap(), None);
    let keys = |limit| {
        let found = memory.beginning("mail", "thread/", limit);
        async { found.await.unwrap().into_keys().collect::<Vec<_>>() }
    };
    assert_eq!(keys(10).await, ["thread/a", "thread/b"]);
    assert_eq!(keys(1).await, ["thread/a"]);
    assert!(memory.beginning("none", "", 10).await.unwrap().is_empty());
}
