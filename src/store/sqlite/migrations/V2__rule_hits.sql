-- How often each rule acted, by the hour that it was in.

CREATE TABLE rule_hits (
    hour INTEGER NOT NULL,               -- its beginning
    rule TEXT NOT NULL,
    hits INTEGER NOT NULL,
    PRIMARY KEY (hour, rule)
) WITHOUT ROWID;
