-- Which conversation has which ticket. The next number that nobody has reserved is in meta, under tickets.

CREATE TABLE tickets (
    number       bigint PRIMARY KEY,
    conversation bigint NOT NULL
);
