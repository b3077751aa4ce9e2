-- Which conversation has which ticket. The next number that nobody has reserved is in meta, under tickets.

CREATE TABLE tickets (
    number       INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL
);
