-- What models were asked in a day, and what that cost.

CREATE TABLE model_days (
    day INTEGER PRIMARY KEY,             -- its beginning, UTC
    steps INTEGER NOT NULL,              -- requests
    tokens INTEGER NOT NULL,
    millis INTEGER NOT NULL,
    micros INTEGER NOT NULL              -- millionths of the currency
);
