-- Who waits for an answer is served before who is only told something.

ALTER TABLE outbox ADD COLUMN precedence INTEGER NOT NULL DEFAULT 1;    -- store::outbox::Precedence
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, precedence, next_at, id) WHERE state = 0;
