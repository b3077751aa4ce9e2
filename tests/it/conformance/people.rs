//! Agents, sessions and tokens.

use contract::{AgentId, IdClock};
use jiff::SignedDuration;
use switchboard::store::people::{Agent, ApiToken, Role, Session};

use super::{
    Backend,
    make::{is_conflict, now},
};

/// Somebody of this login.
pub fn agent(ids: &IdClock, login: &str) -> Agent {
    Agent {
        id: ids.next(now()),
        login: login.into(),
        name: format!("Name of {login}"),
        role: Role::Agent,
        password_hash: "$argon2id$".into(),
        languages: vec!["zh".into()],
        skills: [("billing".to_owned(), 4)].into(),
        queues: vec!["care".into()],
        capacity: 100,
        caps: [("email".to_owned(), 4)].into(),
        active: true,
    }
}

pub async fn a_login_is_one_agents(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (ann, bo) = (agent(ids, "ann"), agent(ids, "bo"));
    store.put_agent(bo.clone()).await.unwrap();
    store.put_agent(ann.clone()).await.unwrap();
    let thief = Agent { login: "ann".into(), ..agent(ids, "x") };
    assert!(is_conflict(&store.put_agent(thief).await));
    assert!(is_conflict(&store.put_agent(Agent { login: "ann".into(), ..bo.clone() }).await));
    let renamed = Agent { login: "anna".into(), active: false, ..ann };
    store.put_agent(renamed.clone()).await.unwrap();
    backend.crash().await;
    assert_eq!(backend.open().await.store.agents().await.unwrap(), [renamed, bo]);
}

pub async fn presences_are_the_last_said(backend: &impl Backend) {
    let record = backend.open().await;
    let (ann, bo): (AgentId, AgentId) = (record.ids.next(now()), record.ids.next(now()));
    for (agent, presence) in [(ann, "online"), (bo, "online"), (ann, "away")] {
        record.store.put_presence(agent, presence).await.unwrap();
    }
    backend.crash().await;
    let mut presences = backend.open().await.store.presences().await.unwrap();
    presences.sort();
    assert_eq!(presences, [(ann, "away".to_owned()), (bo, "online".to_owned())]);
}

pub async fn sessions_end(backend: &impl Backend) {
    let record = backend.open().await;
    let (store, ids) = (&*record.store, &record.ids);
    let (ann, bo): (AgentId, AgentId) = (ids.next(now()), ids.next(now()));
    let session = |token: u8, agent| Session {
        token_hash: [token; 32],
        agent,
        csrf: format!("csrf {token}"),
        expires_at: now() + SignedDuration::from_hours(1),
    };
    for (token, agent) in [(1, ann), (2, ann), (3, ann), (4, bo)] {
        store.put_session(session(token, agent)).await.unwrap();
    }
    let stands = async |token: u8| store.session([token; 32], now()).await.unwrap().is_some();
    let read = store.session([1; 32], now()).await.unwrap().unwrap();
    assert_eq!((read.agent, read.csrf.as_str()), (ann, "csrf 1"));
    assert!(store.session([1; 32], now() + SignedDuration::from_hours(2)).await.unwrap().is_none(), "it expires");
    store.end_sessions(Some([1; 32]), ann).await.unwrap();
    assert!(!stands(1).await && stands(2).await);
    store.end_sessions(Some([4; 32]), ann).await.unwrap();
    assert!(stands(4).await, "one agent cannot end another's");
    store.end_sessions(None, ann).await.unwrap();
    assert!(!stands(2).await && !stands(3).await && stands(4).await);
    backend.crash().await;
    let again = backend.open().await;
    assert!(again.store.session([2; 32], now()).await.unwrap().is_none());
    assert!(again.store.session([4; 32], now()).await.unwrap().is_some());
}

pub async fn tokens_end(backend: &impl Backend) {
    let record = backend.open().await;
    let token = |name: &str, role| ApiToken { id: 0, name: name.into(), role, token_hash: [7; 32], made_at: now() };
    let first = record.store.put_token(token("shop", Role::Agent)).await.unwrap();
    let second = record.store.put_token(ApiToken { token_hash: [8; 32], ..token("crm", Role::Admin) }).await.unwrap();
    assert_ne!(first, second);
    record.store.end_token(first).await.unwrap();
    backend.crash().await;
    let tokens = backend.open().await.store.tokens().await.unwrap();
    assert_eq!(tokens.len(), 1);
    let left = &tokens[0];
    assert_eq!((left.id, left.name.as_str(), left.role, left.token_hash), (second, "crm", Role::Admin, [8; 32]));
}
