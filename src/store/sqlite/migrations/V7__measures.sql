-- The figures: what each commit adds to them is added in its own transaction.

CREATE TABLE measures (
    hour     INTEGER NOT NULL,           -- counted from 1970, UTC
    figure   TEXT NOT NULL,              -- measure::Figure
    channel  TEXT NOT NULL,
    language TEXT NOT NULL,
    queue    TEXT NOT NULL,
    label    TEXT NOT NULL,
    detail   TEXT NOT NULL,
    count    INTEGER NOT NULL,
    PRIMARY KEY (hour, figure, channel, language, queue, label, detail)
) WITHOUT ROWID;

-- Questions without an answer.
CREATE TABLE misses (
    id           INTEGER PRIMARY KEY,    -- inbound.id
    conversation INTEGER NOT NULL,
    channel      TEXT NOT NULL,
    language     TEXT NOT NULL,
    text         TEXT NOT NULL           -- without personal data
);
