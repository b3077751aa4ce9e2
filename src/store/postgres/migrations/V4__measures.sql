-- The figures: what each commit adds to them is added in its own transaction. Each connection has a share of its own, as far
-- as there are shares, so that commits do not wait for each other; what counts is their sum.

CREATE TABLE measures (
    hour     bigint NOT NULL,            -- counted from 1970, UTC
    figure   text COLLATE "C" NOT NULL,  -- measure::Figure
    channel  text COLLATE "C" NOT NULL,
    language text COLLATE "C" NOT NULL,
    queue    text COLLATE "C" NOT NULL,
    label    text COLLATE "C" NOT NULL,
    detail   text COLLATE "C" NOT NULL,
    share    smallint NOT NULL DEFAULT 0,
    count    bigint NOT NULL,
    PRIMARY KEY (hour, figure, channel, language, queue, label, detail, share)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);

-- Questions without an answer.
CREATE TABLE misses (
    id           bigint PRIMARY KEY,     -- inbound.id
    conversation bigint NOT NULL,
    channel      text NOT NULL,
    language     text NOT NULL,
    text         text NOT NULL           -- without personal data
);
