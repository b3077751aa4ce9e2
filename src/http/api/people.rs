//! Logging in, presence, the people of the company, and tokens of programs.

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{AppendHeaders, IntoResponse},
};
use bytes::Bytes;
use contract::{AgentId, Timestamp, clean_line};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Body, Path};
use crate::{
    desk::Presence,
    http::{
        ApiError, App,
        auth::{self, Caller},
        views::{AgentView, Items, LiveFrame, RulesBrief},
    },
    live::Audience,
    store::{
        StoreError,
        people::{Agent, ApiToken, Role},
    },
};

/// Who you are.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    agent: AgentView,
    /// To be sent as `X-CSRF-Token` with every change.
    csrf: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    login: String,
    password: String,
}

pub(super) fn view(app: &App, agent: &Agent) -> AgentView {
    AgentView::new(agent, app.records.desk.board().agent(agent.id))
}

/// Log in.
#[utoipa::path(post, path = "/login", request_body = Login, security(()), tag = "people",
    responses((status = 200, body = Me), (status = 401), (status = 429)))]
pub(super) async fn login(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Body(Login { login, password }): Body<Login>,
) -> Result<impl IntoResponse, ApiError> {
    let agent = app.auth.check_login(app.records.announcer.roster(), from.ip(), &login, password).await?;
    let (session, token) = auth::new_session(agent.id, crate::clock::now());
    let csrf = session.csrf.clone();
    app.records.store.put_session(session).await?;
    let me = Me { agent: view(&app, &agent), csrf };
    Ok((AppendHeaders([(header::SET_COOKIE, app.auth.cookie(Some(&token)))]), Json(me)))
}

/// Log out.
#[utoipa::path(post, path = "/logout", tag = "people", responses((status = 204)))]
pub(super) async fn logout(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<impl IntoResponse, ApiError> {
    let agent = caller.agent()?;
    if app.records.desk.presence(agent.id, Presence::Offline).await.is_err() {
        // Where nobody can be told, the desk sees that the console has closed.
        let offline = Bytes::from_static(br#"{"presence":"offline"}"#);
        app.forward.answer(Method::PUT, "/api/v1/me/presence", &headers, offline).await;
    }
    if let Some(session) = &caller.session {
        app.records.store.end_sessions(Some(session.token_hash), agent.id).await?;
    }
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, app.auth.cookie(None))])))
}

/// Who you are.
#[utoipa::path(get, path = "/me", tag = "people", responses((status = 200, body = Me), (status = 401)))]
pub(super) async fn me(State(app): State<App>, caller: Caller) -> Result<Json<Me>, ApiError> {
    let agent = caller.agent()?;
    let csrf = caller.session.as_ref().map(|session| session.csrf.clone()).unwrap_or_default();
    Ok(Json(Me { agent: view(&app, agent), csrf }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPresence {
    presence: PresenceWord,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum PresenceWord {
    Online,
    Away,
    Offline,
}

/// Say whether you take offers.
#[utoipa::path(put, path = "/me/presence", request_body = SetPresence, tag = "people", responses((status = 200, body = AgentView)))]
pub(super) async fn set_presence(
    State(app): State<App>,
    caller: Caller,
    Body(SetPresence { presence }): Body<SetPresence>,
) -> Result<Json<AgentView>, ApiError> {
    let agent = caller.agent()?;
    let presence = match presence {
        PresenceWord::Online => Presence::Online,
        PresenceWord::Away => Presence::Away,
        PresenceWord::Offline => Presence::Offline,
    };
    app.records.desk.presence(agent.id, presence).await?;
    Ok(Json(view(&app, agent)))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetPassword {
    current: String,
    new: String,
}

/// Say that you have finished up what you closed: your capacity is yours again.
#[utoipa::path(post, path = "/me/ready", tag = "people", responses((status = 204)))]
pub(super) async fn ready(State(app): State<App>, caller: Caller) -> Result<StatusCode, ApiError> {
    app.records.desk.ready(caller.agent()?.id);
    Ok(StatusCode::NO_CONTENT)
}

/// Change your password. All your other sessions end.
#[utoipa::path(put, path = "/me/password", request_body = SetPassword, tag = "people", responses((status = 204), (status = 401)))]
pub(super) async fn set_password(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    caller: Caller,
    Body(SetPassword { current, new }): Body<SetPassword>,
) -> Result<impl IntoResponse, ApiError> {
    let login = caller.agent()?.login.clone();
    let agent = app.auth.check_login(app.records.announcer.roster(), from.ip(), &login, current).await?;
    let password_hash = app.auth.hash(new).await?;
    put(&app, Agent { password_hash, ..Agent::clone(&agent) }).await?;
    app.records.store.end_sessions(None, agent.id).await?;
    let (session, token) = auth::new_session(agent.id, crate::clock::now());
    app.records
        .store
        .put_session(
            caller.session.map_or(session.clone(), |old| crate::store::people::Session { csrf: old.csrf, ..session }),
        )
        .await?;
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(header::SET_COOKIE, app.auth.cookie(Some(&token)))])))
}

async fn put(app: &App, agent: Agent) -> Result<(), ApiError> {
    let login = agent.login.clone();
    app.records.store.put_agent(agent).await.map_err(|error| match error {
        StoreError::Conflict => ApiError::conflict("login_taken", format!("The login {login:?} is somebody else's.")),
        error => error.into(),
    })?;
    let agents = app.records.store.agents().await?;
    let announcer = &app.records.announcer;
    announcer.roster().set(agents.iter().cloned());
    app.records.desk.agents(agents);
    announcer.people();
    if app.policy.check_people(announcer.roster()) {
        announcer.tell(Audience::Everyone, &LiveFrame::Rules(RulesBrief::of(&app.policy)));
    }
    Ok(())
}

/// Everybody.
#[utoipa::path(get, path = "/agents", tag = "people", responses((status = 200, body = Items<AgentView>)))]
pub(super) async fn agents(State(app): State<App>, _caller: Caller) -> Result<Json<Items<AgentView>>, ApiError> {
    let all = app.records.announcer.roster().all();
    Ok(Json(Items { items: all.iter().map(|agent| view(&app, agent)).collect() }))
}

/// A person to add.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAgent {
    login: String,
    name: String,
    password: String,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    languages: Vec<String>,
    #[serde(default)]
    skills: BTreeMap<String, u8>,
    #[serde(default)]
    queues: Vec<String>,
    #[serde(default = "usual_capacity")]
    capacity: u32,
    /// The most conversations at once, by kind of channel.
    #[serde(default)]
    caps: BTreeMap<String, u32>,
}

fn usual_capacity() -> u32 {
    100
}

/// Add somebody.
#[utoipa::path(post, path = "/agents", request_body = NewAgent, tag = "people", responses((status = 201, body = AgentView), (status = 409), (status = 422)))]
pub(super) async fn add_agent(
    State(app): State<App>,
    caller: Caller,
    Body(new): Body<NewAgent>,
) -> Result<impl IntoResponse, ApiError> {
    caller.needs(Role::Admin)?;
    let agent = Agent {
        id: app.records.ids.next(crate::clock::now()),
        login: new.login.trim().to_lowercase(),
        name: clean_line(&new.name, 80),
        role: new.role,
        password_hash: app.auth.hash(new.password).await?,
        languages: new.languages,
        skills: new.skills,
        queues: new.queues,
        capacity: new.capacity,
        caps: new.caps,
        active: true,
    };
    check(&app, &agent)?;
    put(&app, agent.clone()).await?;
    tracing::info!(login = agent.login, by = caller.name, "An agent was added.");
    Ok((StatusCode::CREATED, Json(view(&app, &agent))))
}

/// What to change of a person.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AgentChange {
    login: Option<String>,
    name: Option<String>,
    password: Option<String>,
    role: Option<Role>,
    languages: Option<Vec<String>>,
    skills: Option<BTreeMap<String, u8>>,
    queues: Option<Vec<String>>,
    capacity: Option<u32>,
    caps: Option<BTreeMap<String, u32>>,
    active: Option<bool>,
}

/// Change somebody. A new password or deactivation ends their sessions.
#[utoipa::path(patch, path = "/agents/{id}", request_body = AgentChange, tag = "people", params(("id" = String, Path)),
    responses((status = 200, body = AgentView), (status = 404), (status = 409), (status = 422)))]
pub(super) async fn change_agent(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<AgentId>,
    Body(change): Body<AgentChange>,
) -> Result<Json<AgentView>, ApiError> {
    caller.needs(Role::Admin)?;
    let before = app.records.announcer.roster().get(id).ok_or_else(|| ApiError::missing("agent"))?;
    let is_own = caller.agent.as_ref().is_some_and(|me| me.id == id);
    if is_own && (change.active == Some(false) || change.role.is_some_and(|role| role < Role::Admin)) {
        return Err(ApiError::conflict("own_account", "You cannot take your own rights away; ask another admin."));
    }
    let new_password = change.password.is_some();
    let agent = Agent {
        id,
        login: change.login.map_or_else(|| before.login.clone(), |login| login.trim().to_lowercase()),
        name: change.name.map_or_else(|| before.name.clone(), |name| clean_line(&name, 80)),
        role: change.role.unwrap_or(before.role),
        password_hash: match change.password {
            Some(password) => app.auth.hash(password).await?,
            None => before.password_hash.clone(),
        },
        languages: change.languages.unwrap_or_else(|| before.languages.clone()),
        skills: change.skills.unwrap_or_else(|| before.skills.clone()),
        queues: change.queues.unwrap_or_else(|| before.queues.clone()),
        capacity: change.capacity.unwrap_or(before.capacity),
        caps: change.caps.unwrap_or_else(|| before.caps.clone()),
        active: change.active.unwrap_or(before.active),
    };
    check(&app, &agent)?;
    put(&app, agent.clone()).await?;
    if new_password || !agent.active {
        app.records.store.end_sessions(None, id).await?;
    }
    tracing::info!(login = agent.login, by = caller.name, "An agent was changed.");
    Ok(Json(view(&app, &agent)))
}

/// What an agent's record names must exist, or the desk would never offer them anything.
fn check(app: &App, agent: &Agent) -> Result<(), ApiError> {
    let wrong = |message: String| Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "wrong_agent", message));
    let rules = app.policy.rules();
    if agent.login.is_empty() || agent.login.len() > auth::LONGEST_LOGIN || agent.login.contains(char::is_whitespace) {
        return wrong("A login is 1 to 80 characters without spaces.".to_owned());
    }
    if agent.name.is_empty() {
        return wrong("A name is missing; customers see it.".to_owned());
    }
    if let Some(queue) = agent.queues.iter().find(|queue| !rules.queues().contains_key(*queue)) {
        let known: Vec<_> = rules.queues().keys().map(String::as_str).collect();
        return wrong(format!("There is no queue {queue:?}; the rules have {}.", known.join(", ")));
    }
    if let Some(skill) = agent.skills.keys().find(|skill| !rules.skills().contains_key(*skill)) {
        let known: Vec<_> = rules.skills().keys().map(String::as_str).collect();
        return wrong(format!("There is no skill {skill:?}; skills.yaml has {}.", known.join(", ")));
    }
    if let Some((skill, level)) = agent.skills.iter().find(|(_, level)| !(1..=5).contains(*level)) {
        return wrong(format!("The level of {skill:?} is {level}; levels are 1 to 5."));
    }
    Ok(())
}

/// A program's token, without its text.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenView {
    id: i64,
    name: String,
    role: Role,
    #[schema(value_type = String)]
    made_at: Timestamp,
    /// Only in the answer that made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// The tokens of programs.
#[utoipa::path(get, path = "/tokens", tag = "people", responses((status = 200, body = Items<TokenView>)))]
pub(super) async fn tokens(State(app): State<App>, caller: Caller) -> Result<Json<Items<TokenView>>, ApiError> {
    caller.needs(Role::Admin)?;
    let tokens = app.records.store.tokens().await?;
    let shown = |token: ApiToken| TokenView {
        id: token.id,
        name: token.name,
        role: token.role,
        made_at: token.made_at,
        token: None,
    };
    Ok(Json(Items { items: tokens.into_iter().map(shown).collect() }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewToken {
    name: String,
    role: Role,
}

/// Make a token for a program. Its text is shown once.
#[utoipa::path(post, path = "/tokens", request_body = NewToken, tag = "people", responses((status = 201, body = TokenView)))]
pub(super) async fn add_token(
    State(app): State<App>,
    caller: Caller,
    Body(NewToken { name, role }): Body<NewToken>,
) -> Result<impl IntoResponse, ApiError> {
    caller.needs(Role::Admin)?;
    let text = format!("swb_{}", auth::new_secret());
    let name = clean_line(&name, 80);
    let made_at = crate::clock::now();
    let token = ApiToken { id: 0, name: name.clone(), role, token_hash: auth::secret_hash(&text), made_at };
    let id = app.records.store.put_token(token).await?;
    Ok((StatusCode::CREATED, Json(TokenView { id, name, role, made_at, token: Some(text) })))
}

/// End a token.
#[utoipa::path(delete, path = "/tokens/{id}", tag = "people", params(("id" = i64, Path)), responses((status = 204)))]
pub(super) async fn end_token(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.needs(Role::Admin)?;
    app.records.store.end_token(id).await?;
    Ok(StatusCode::NO_CONTENT)
}
