-- The record of the embedded daemon.
--
-- What comes in and what is done with it is append-only, with ids that rise with time, so every insert lands on the
-- right edge of its table. No index on the hot path has random keys. `entries.id` of a customer's message is
-- `inbound.id`: that row is the acknowledgement of the message.
--
-- Times are microseconds since 1970, UTC.

CREATE TABLE inbound (
    id      INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    body    TEXT NOT NULL                -- contract::Inbound
);

-- Which platform messages were accepted, a row a transaction: for each message 8 bytes of its id and the first 16 bytes
-- of SHA-256 over channel and external id. The set in memory is rebuilt from it.
CREATE TABLE dedup (
    id   INTEGER PRIMARY KEY,            -- the inbound.id of the first of them
    keys BLOB NOT NULL
);

CREATE TABLE entries (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    prev         INTEGER,                -- the entry before it in the same conversation
    at           INTEGER NOT NULL,
    entry        TEXT NOT NULL,          -- author and what of store::entry::Entry
    state        TEXT                    -- store::conversation::Conversation after the commit; on its last entry
);

CREATE TABLE conversations (
    id       INTEGER PRIMARY KEY,
    customer INTEGER NOT NULL,
    owner    INTEGER NOT NULL,           -- 0 bot, 1 queue, 2 agent, 3 closed
    agent    INTEGER,
    version  INTEGER NOT NULL,
    state    TEXT NOT NULL
);
CREATE INDEX conversations_customer ON conversations (customer, id);
CREATE INDEX conversations_held ON conversations (owner, agent, id) WHERE owner IN (1, 2);
CREATE INDEX conversations_closed ON conversations (id) WHERE owner = 3;

CREATE TABLE threads (
    channel      TEXT NOT NULL,
    thread       TEXT NOT NULL,
    conversation INTEGER NOT NULL,       -- the latest
    PRIMARY KEY (channel, thread)
) WITHOUT ROWID;

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY,    -- entries.id
    channel      TEXT NOT NULL,
    conversation INTEGER NOT NULL,
    state        INTEGER NOT NULL,       -- store::outbox::DeliveryState
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_at      INTEGER NOT NULL DEFAULT 0,
    error        TEXT,
    external_id  TEXT
);
CREATE INDEX outbox_due ON outbox (channel, next_at, id) WHERE state = 0;
CREATE INDEX outbox_open ON outbox (conversation, id) WHERE state IN (0, 1);
CREATE INDEX outbox_trouble ON outbox (state, channel, id) WHERE state IN (1, 5, 6, 7);

CREATE TABLE once (
    key   TEXT PRIMARY KEY,              -- what must happen once: an agent and the id that their browser gave it
    entry INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE dead (
    id       INTEGER PRIMARY KEY,        -- inbound.id
    at       INTEGER NOT NULL,
    reason   TEXT NOT NULL,
    redriven INTEGER                     -- the inbound.id that it was accepted under again
);

CREATE TABLE customers (
    id          INTEGER PRIMARY KEY,
    merged_into INTEGER,
    customer    TEXT NOT NULL            -- store::customer::Customer
);
CREATE INDEX customers_merged ON customers (merged_into) WHERE merged_into IS NOT NULL;

CREATE TABLE addresses (
    space    TEXT NOT NULL,
    handle   TEXT NOT NULL,
    customer INTEGER NOT NULL,
    PRIMARY KEY (space, handle)
) WITHOUT ROWID;
CREATE INDEX addresses_customer ON addresses (customer);
CREATE INDEX addresses_handle ON addresses (handle);

CREATE TABLE identifiers (
    kind     TEXT NOT NULL,
    value    TEXT NOT NULL,
    customer INTEGER NOT NULL,
    verified INTEGER NOT NULL,
    PRIMARY KEY (kind, value, customer)
) WITHOUT ROWID;
CREATE UNIQUE INDEX identifiers_verified ON identifiers (kind, value) WHERE verified = 1;
CREATE INDEX identifiers_customer ON identifiers (customer);
CREATE INDEX identifiers_value ON identifiers (value);

CREATE TABLE merges (
    id            INTEGER PRIMARY KEY,
    from_customer INTEGER NOT NULL,
    into_customer INTEGER NOT NULL,
    identifier    TEXT NOT NULL,
    at            INTEGER NOT NULL,
    undone_at     INTEGER
);
CREATE INDEX merges_into ON merges (into_customer);
CREATE INDEX merges_from ON merges (from_customer);

CREATE TABLE offers (
    id           INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    agent        INTEGER NOT NULL,
    state        TEXT NOT NULL,
    at           INTEGER NOT NULL
);

CREATE TABLE agents (
    id    INTEGER PRIMARY KEY,
    login TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL                  -- store::people::Agent
);

CREATE TABLE presences (
    agent    INTEGER PRIMARY KEY,
    presence TEXT NOT NULL
);

CREATE TABLE sessions (
    token_hash BLOB PRIMARY KEY,
    agent      INTEGER NOT NULL,
    csrf       TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    token_hash BLOB NOT NULL UNIQUE,
    made_at    INTEGER NOT NULL
);

CREATE TABLE rule_sets (
    hash       TEXT PRIMARY KEY,
    files      TEXT NOT NULL,
    first_seen INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
