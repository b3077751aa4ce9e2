-- What held messages wait for: their channel, or their customer.

ALTER TABLE outbox ADD COLUMN held_for INTEGER NOT NULL DEFAULT 0;      -- store::outbox::HeldFor
CREATE INDEX outbox_held ON outbox (conversation) WHERE state = 7;
