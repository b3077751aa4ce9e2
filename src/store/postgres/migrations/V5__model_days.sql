-- What models were asked in a day, and what that cost.

CREATE TABLE model_days (
    day    bigint PRIMARY KEY,           -- its beginning, UTC
    steps  bigint NOT NULL,              -- requests
    tokens bigint NOT NULL,
    millis bigint NOT NULL,
    micros bigint NOT NULL               -- millionths of the currency
);
