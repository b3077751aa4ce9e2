-- What channels remember over restarts, and what platforms delivered that is no message.

CREATE TABLE channel_memory (
    channel TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (channel, key)
);

CREATE TABLE set_aside (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    external_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BLOB NOT NULL,
    UNIQUE (channel, external_id)
);

-- Files of messages that stayed with the platform.
CREATE TABLE files (
    message INTEGER NOT NULL,
    place INTEGER NOT NULL,
    channel TEXT NOT NULL,
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER,                     -- null once it has come, or never will
    problem TEXT,
    attachment TEXT,                     -- JSON, once it has come
    PRIMARY KEY (message, place)
) WITHOUT ROWID;

CREATE INDEX files_due ON files (channel, next_at) WHERE next_at IS NOT NULL;
