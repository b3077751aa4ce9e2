//! Who is asking: people by a session cookie, programs by a bearer token.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, Method, StatusCode, header, request::Parts},
};
use contract::Timestamp;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::{ApiError, App};
use crate::{
    roster::Roster,
    store::{
        StoreError,
        people::{Agent, Role, Session},
    },
};

/// The name of the session cookie.
pub const COOKIE: &str = "switchboard_session";
/// The header that carries the CSRF token.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// How long a session lasts without a new login.
const SESSION_DAYS: i64 = 14;
/// Tries to log in a minute with one login.
const TRIES_BY_LOGIN: NonZeroU32 = NonZeroU32::new(10).expect("above zero");
/// Tries to log in a minute from one address, which may be a proxy with a whole company behind it.
const TRIES_BY_ADDRESS: NonZeroU32 = NonZeroU32::new(60).expect("above zero");
/// The longest login that anybody can have, in bytes.
pub const LONGEST_LOGIN: usize = 80;
/// How many logins and addresses are remembered before old ones are forgotten.
const REMEMBERED: usize = 10_000;

/// Passwords, sessions and tokens.
pub struct Auth {
    by_address: DefaultKeyedRateLimiter<IpAddr>,
    by_login: DefaultKeyedRateLimiter<String>,
    /// Argon2 takes memory and time on purpose; this bounds how much of both.
    hashing: Semaphore,
    secure: bool,
}

impl Auth {
    /// `secure` says whether browsers reach the daemon over HTTPS: cookies are sent over nothing else then.
    #[must_use]
    pub fn new(secure: bool) -> Self {
        Self {
            by_address: RateLimiter::keyed(Quota::per_minute(TRIES_BY_ADDRESS)),
            by_login: RateLimiter::keyed(Quota::per_minute(TRIES_BY_LOGIN)),
            hashing: Semaphore::new(2),
            secure,
        }
    }

    /// Checks a login. Takes as long for a login that nobody has as for a wrong password.
    ///
    /// # Errors
    /// 401, or 429 after too many tries.
    pub async fn check_login(
        &self,
        roster: &Roster,
        from: IpAddr,
        login: &str,
        password: String,
    ) -> Result<Arc<Agent>, ApiError> {
        let login = contract::truncate_chars(login.trim(), LONGEST_LOGIN).to_lowercase();
        if self.by_login.len() > REMEMBERED || self.by_address.len() > REMEMBERED {
            self.by_login.retain_recent();
            self.by_address.retain_recent();
        }
        if self.by_address.check_key(&from).is_err() || self.by_login.check_key(&login).is_err() {
            metrics::counter!("switchboard_logins_total", "outcome" => "limited").increment(1);
            return Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_logins",
                "Too many tries to log in. Wait a minute and try again.",
            )
            .retry_after(Duration::from_secs(60)));
        }
        let agent = roster.by_login(&login).filter(|agent| agent.active);
        let hash = agent.as_ref().map_or_else(|| NOBODY.to_owned(), |agent| agent.password_hash.clone());
        let right = self.verify(hash, password).await;
        match agent.filter(|_| right) {
            Some(agent) => {
                metrics::counter!("switchboard_logins_total", "outcome" => "right").increment(1);
                Ok(agent)
            }
            None => {
                metrics::counter!("switchboard_logins_total", "outcome" => "wrong").increment(1);
                Err(ApiError::new(StatusCode::UNAUTHORIZED, "wrong_login", "The login or the password is wrong."))
            }
        }
    }

    /// Whether a password is the one behind a hash.
    pub async fn verify(&self, hash: String, password: String) -> bool {
        let Ok(_permit) = self.hashing.acquire().await else { return false };
        let checked = tokio::task::spawn_blocking(move || {
            PasswordHash::new(&hash)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        });
        checked.await.unwrap_or(false)
    }

    /// The hash of a new password.
    ///
    /// # Errors
    /// The password is too short.
    pub async fn hash(&self, password: String) -> Result<String, ApiError> {
        const SHORTEST: usize = 10;
        if password.chars().count() < SHORTEST {
            return Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "short_password",
                format!("A password has at least {SHORTEST} characters."),
            ));
        }
        let Ok(_permit) = self.hashing.acquire().await else { return Err(closed()) };
        tokio::task::spawn_blocking(move || hash_password(&password)).await.map_err(|_| closed())
    }

    /// The `Set-Cookie` of a new session, or of its end.
    #[must_use]
    pub fn cookie(&self, token: Option<&str>) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        match token {
            Some(token) => format!(
                "{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{secure}",
                SESSION_DAYS * 24 * 3600
            ),
            None => format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0{secure}"),
        }
    }
}

fn closed() -> ApiError {
    StoreError::Unavailable("the daemon is stopping".into()).into()
}

/// The hash of a password that nobody has, of the same cost as a real one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c3dpdGNoYm9hcmQtbm9ib2R5$6Zz3hX8G1y8v1nVb8v3Jm3m1m9jQ1mXo0o6xO3b0o2M";

/// The argon2id hash of a password, in PHC text form.
#[must_use]
#[expect(clippy::expect_used, reason = "argon2's own defaults are valid")]
pub fn hash_password(password: &str) -> String {
    Argon2::default().hash_password(password.as_bytes()).expect("argon2's own defaults are valid").to_string()
}

/// A new secret of 192 random bits, as text.
#[must_use]
pub fn new_secret() -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(rand::random::<[u8; 24]>())
}

/// What is kept of a secret.
#[must_use]
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// A new session of an agent, and its token.
#[must_use]
pub fn new_session(agent: contract::AgentId, now: Timestamp) -> (Session, String) {
    let token = new_secret();
    let session = Session {
        token_hash: secret_hash(&token),
        agent,
        csrf: new_secret(),
        expires_at: now + jiff::SignedDuration::from_hours(24 * SESSION_DAYS),
    };
    (session, token)
}

/// Who is asking.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The agent; programs are none.
    pub agent: Option<Arc<Agent>>,
    /// What they may do.
    pub role: Role,
    /// The session, for people.
    pub session: Option<Session>,
    /// How they are named in journals.
    pub name: String,
}

impl Caller {
    /// The agent who is asking.
    ///
    /// # Errors
    /// 403 for programs, which have no desk.
    pub fn agent(&self) -> Result<&Arc<Agent>, ApiError> {
        self.agent.as_ref().ok_or_else(|| ApiError::forbidden("This is for people; a program's token cannot do it."))
    }

    /// Nothing, when the caller may do what this role may.
    ///
    /// # Errors
    /// 403.
    pub fn needs(&self, role: Role) -> Result<(), ApiError> {
        if self.role >= role {
            return Ok(());
        }
        Err(ApiError::forbidden(format!("This needs the role {role:?}; yours is {:?}.", self.role).to_lowercase()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller
where
    App: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let app = App::from_ref(state);
        if let Some(token) = bearer(&parts.headers) {
            return program(&app, token).await;
        }
        let caller = person(&app, &parts.headers).await?;
        let safe = matches!(parts.method, Method::GET | Method::HEAD);
        let sent = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        let expected = caller.session.as_ref().map(|session| session.csrf.as_str());
        if !safe && (sent.is_none() || sent != expected) {
            return Err(ApiError::forbidden("The X-CSRF-Token header is missing or wrong; log in again."));
        }
        Ok(caller)
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|value| value.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

fn not_logged_in() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "not_logged_in", "You are not logged in, or your session has ended.")
}

async fn person(app: &App, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let token = cookie(headers).ok_or_else(not_logged_in)?;
    let session =
        app.records.store.session(secret_hash(token), crate::clock::now()).await?.ok_or_else(not_logged_in)?;
    let agent =
        app.records.announcer.roster().get(session.agent).filter(|agent| agent.active).ok_or_else(not_logged_in)?;
    Ok(Caller { role: agent.role, name: agent.name.clone(), agent: Some(agent), session: Some(session) })
}

async fn program(app: &App, token: &str) -> Result<Caller, ApiError> {
    let hash = secret_hash(token);
    if app.local_token == Some(hash) {
        return Ok(Caller { agent: None, role: Role::Admin, session: None, name: "the command line".to_owned() });
    }
    let tokens = app.records.store.tokens().await?;
    let found = tokens.into_iter().find(|token| token.token_hash == hash).ok_or_else(|| {
        ApiError::new(StatusCode::UNAUTHORIZED, "wrong_token", "The bearer token is not one of this installation.")
    })?;
    Ok(Caller { agent: None, role: found.role, session: None, name: found.name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passwords_are_checked_and_the_stand_in_hash_is_a_hash() {
        let auth = Auth::new(false);
        let hash = auth.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(auth.verify(hash.clone(), "correct horse".into()).await);
        assert!(!auth.verify(hash, "correct house".into()).await);
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(auth.hash("short".into()).await.is_err());
    }

    #[test]
    fn a_session_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=b; switchboard_session=t0k; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("t0k"));
        headers.clear();
        headers.append(header::COOKIE, "xswitchboard_session=t0k".parse().unwrap());
        assert_eq!(cookie(&headers), None);
    }
}
