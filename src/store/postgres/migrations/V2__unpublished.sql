-- Messages that an embedded daemon accepted and had not decided when its record was carried here: they are published, like
-- what is redriven, and go when they are.

CREATE TABLE unpublished (
    id      bigint PRIMARY KEY,
    channel text NOT NULL,
    body    text NOT NULL                -- contract::Inbound
);
