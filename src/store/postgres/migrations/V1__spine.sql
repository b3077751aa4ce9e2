-- The record of several daemons.
--
-- Daemons of two versions run side by side while they are upgraded, so a schema changes in two steps, in two releases.
-- The first one only adds: tables, columns that may be null or have a default, indexes, functions. The binary before it
-- does not notice. What nobody uses any more goes a release later, and that migration raises `compatible_from` in `meta`
-- to the oldest migration whose binary still works; an older binary then refuses to start and says why.
--
-- Ids of several daemons do not rise along a conversation, because clocks differ: the order of a journal is that of its
-- chain (`entries.prev`), the order of a conversation's outbox that of `outbox.place`. Ids only say roughly when, which is
-- what partitions and retention need.
--
-- Times are microseconds since 1970, UTC, by the clock of the daemon; leases end by the clock of the database. What is
-- compared byte by byte has the collation "C". JSON is text: nothing is looked for inside of it, and text keeps what a
-- customer wrote, NUL included.

CREATE TABLE meta (
    key   text PRIMARY KEY,
    value text NOT NULL
);
INSERT INTO meta VALUES ('compatible_from', '1');

-- Messages whose turn is committed, by weeks of their ids; see partitions.rs.
CREATE TABLE inbound (
    id      bigint NOT NULL,
    channel text NOT NULL,
    body    text NOT NULL,               -- contract::Inbound
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE inbound_other PARTITION OF inbound DEFAULT;

CREATE TABLE entries (
    id           bigint NOT NULL,        -- inbound.id for a customer's message: the row is its acknowledgement
    conversation bigint NOT NULL,
    prev         bigint,                 -- the entry before it in the same conversation
    at           bigint NOT NULL,
    kind         smallint NOT NULL,      -- 0 message, 1 refined, 2 fired, 3 reply, 4 note, 5 event
    entry        text NOT NULL,          -- author and what of store::entry::Entry
    PRIMARY KEY (id)
) PARTITION BY RANGE (id);
CREATE TABLE entries_other PARTITION OF entries DEFAULT;

-- Platform messages whose turn is committed, or that are dead letters.
CREATE TABLE dedup (
    key bytea PRIMARY KEY,               -- store::dedup_key
    id  bigint NOT NULL
);
CREATE INDEX dedup_age ON dedup (id);

-- The row is what the journal says, written with every commit; it is rewritten in place where no index sees it.
CREATE TABLE conversations (
    id        bigint PRIMARY KEY,
    customer  bigint NOT NULL,
    owner     smallint NOT NULL,         -- 0 bot, 1 queue, 2 agent, 3 closed
    agent     bigint,
    closed_at bigint,
    version   bigint NOT NULL,
    changed   xid8 NOT NULL DEFAULT pg_current_xact_id(), -- the transaction of the last structural commit
    state     text NOT NULL              -- store::conversation::Conversation
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX conversations_customer ON conversations (customer, id);
CREATE INDEX conversations_held ON conversations (owner, agent, id) WHERE owner IN (1, 2);
CREATE INDEX conversations_open ON conversations (id) WHERE owner <> 3;
CREATE INDEX conversations_closed ON conversations (id) WHERE owner = 3;
CREATE INDEX conversations_closed_at ON conversations (closed_at, id) WHERE owner = 3;
CREATE INDEX conversations_changed ON conversations (changed);

CREATE TABLE threads (
    channel      text COLLATE "C" NOT NULL,
    thread       text COLLATE "C" NOT NULL,
    conversation bigint NOT NULL,        -- the latest
    PRIMARY KEY (channel, thread)
);

CREATE TABLE outbox (
    id           bigint PRIMARY KEY,     -- entries.id
    channel      text COLLATE "C" NOT NULL,
    conversation bigint NOT NULL,
    place        bigint NOT NULL,        -- rises along the conversation
    state        smallint NOT NULL,      -- store::outbox::DeliveryState
    precedence   smallint NOT NULL,      -- store::outbox::Precedence
    held_for     smallint NOT NULL DEFAULT 0, -- store::outbox::HeldFor
    attempts     integer NOT NULL DEFAULT 0,
    next_at      bigint NOT NULL DEFAULT 0,
    error        text,
    external_id  text,
    node         smallint,               -- who sends it, while its state is 1
    incarnation  bigint
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX outbox_due ON outbox (channel, precedence, next_at, id) WHERE state = 0;
CREATE INDEX outbox_held ON outbox (conversation) WHERE state = 7;
CREATE INDEX outbox_open ON outbox (conversation, place) WHERE state IN (0, 1);
CREATE INDEX outbox_trouble ON outbox (state, channel, id) WHERE state IN (1, 5, 6, 7);

CREATE TABLE once (
    key   text COLLATE "C" PRIMARY KEY,  -- what must happen once: an agent and the id that their browser gave it
    entry bigint NOT NULL
);

-- Messages that were given up; the queue does not have them any more.
CREATE TABLE dead (
    id        bigint PRIMARY KEY,
    at        bigint NOT NULL,
    reason    text NOT NULL,
    channel   text NOT NULL,
    body      text NOT NULL,             -- contract::Inbound
    redriven  bigint,                    -- the id that it is processed under again
    published boolean NOT NULL DEFAULT true
);
CREATE INDEX dead_listed ON dead (id) WHERE redriven IS NULL;
CREATE INDEX dead_to_publish ON dead (redriven) WHERE NOT published;

CREATE TABLE set_aside (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel     text COLLATE "C" NOT NULL,
    external_id text COLLATE "C" NOT NULL,
    at          bigint NOT NULL,
    reason      text NOT NULL,
    name        text NOT NULL,
    bytes       bytea NOT NULL
);
CREATE UNIQUE INDEX set_aside_once ON set_aside (channel, external_id) WHERE external_id <> '';

CREATE TABLE customers (
    id          bigint PRIMARY KEY,
    merged_into bigint,
    name        text,                    -- of customer, for searching
    customer    text NOT NULL            -- store::customer::Customer
);
CREATE INDEX customers_merged ON customers (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX customers_name ON customers ((lower(name) COLLATE "C"));

CREATE TABLE addresses (
    space    text COLLATE "C" NOT NULL,
    handle   text COLLATE "C" NOT NULL,
    customer bigint NOT NULL,
    PRIMARY KEY (space, handle)
);
CREATE INDEX addresses_customer ON addresses (customer);
CREATE INDEX addresses_handle ON addresses (handle);

CREATE TABLE identifiers (
    kind     text COLLATE "C" NOT NULL,
    value    text COLLATE "C" NOT NULL,
    customer bigint NOT NULL,
    verified boolean NOT NULL,
    PRIMARY KEY (kind, value, customer)
);
CREATE UNIQUE INDEX identifiers_verified ON identifiers (kind, value) WHERE verified;
CREATE INDEX identifiers_customer ON identifiers (customer);
CREATE INDEX identifiers_value ON identifiers (value);

CREATE TABLE merges (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_customer bigint NOT NULL,
    into_customer bigint NOT NULL,
    identifier    text NOT NULL,
    at            bigint NOT NULL,
    undone_at     bigint
);
CREATE INDEX merges_into ON merges (into_customer);
CREATE INDEX merges_from ON merges (from_customer);

-- The customer at the end of a chain of merges. The younger one always points at the older one, so there is no loop.
CREATE FUNCTION root_of(customer bigint) RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    root bigint := customer;
    above bigint;
BEGIN
    LOOP
        SELECT c.merged_into INTO above FROM customers c WHERE c.id = root;
        EXIT WHEN above IS NULL;
        root := above;
    END LOOP;
    RETURN root;
END $$;

-- All customers that are one person: the root and whoever points at it, however indirectly, by rising id.
CREATE FUNCTION tree_of(root bigint) RETURNS bigint[] LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    ids bigint[] := ARRAY[root];
    below bigint[] := ARRAY[root];
BEGIN
    LOOP
        SELECT array_agg(c.id) INTO below FROM customers c WHERE c.merged_into = ANY (below);
        EXIT WHEN below IS NULL;
        ids := ids || below;
    END LOOP;
    RETURN ARRAY(SELECT unnest(ids) ORDER BY 1);
END $$;

CREATE TABLE offers (
    id           bigint PRIMARY KEY,
    conversation bigint NOT NULL,
    agent        bigint NOT NULL,
    state        text NOT NULL,
    at           bigint NOT NULL
);

CREATE TABLE agents (
    id    bigint PRIMARY KEY,
    login text COLLATE "C" NOT NULL UNIQUE,
    agent text NOT NULL                  -- store::people::Agent
);

CREATE TABLE presences (
    agent    bigint PRIMARY KEY,
    presence text NOT NULL
);

CREATE TABLE sessions (
    token_hash bytea PRIMARY KEY,
    agent      bigint NOT NULL,
    csrf       text NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX sessions_agent ON sessions (agent);
CREATE INDEX sessions_age ON sessions (expires_at);

CREATE TABLE tokens (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text NOT NULL,
    role       text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    made_at    bigint NOT NULL
);

CREATE TABLE rule_sets (
    hash       text COLLATE "C" PRIMARY KEY,
    files      text NOT NULL,
    first_seen bigint NOT NULL
);

CREATE TABLE rule_hits (
    hour bigint NOT NULL,                -- its beginning
    rule text COLLATE "C" NOT NULL,
    hits bigint NOT NULL,
    PRIMARY KEY (hour, rule)
);

CREATE TABLE channel_memory (
    channel text COLLATE "C" NOT NULL,
    key     text COLLATE "C" NOT NULL,
    value   text NOT NULL,
    PRIMARY KEY (channel, key)
);

-- Files of messages that stayed with the platform.
CREATE TABLE files (
    message     bigint NOT NULL,
    place       integer NOT NULL,
    channel     text COLLATE "C" NOT NULL,
    reference   text NOT NULL,
    name        text NOT NULL,
    media_type  text NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    next_at     bigint,                  -- null once it has come, or never will
    problem     text,
    attachment  text,                    -- JSON, once it has come
    node        smallint,                -- who fetches it
    incarnation bigint,
    PRIMARY KEY (message, place)
);
CREATE INDEX files_due ON files (channel, next_at) WHERE next_at IS NOT NULL;

-- Daemons. A number is a node's as long as its lease has not ended; the next one to take it has a higher incarnation.
CREATE SEQUENCE incarnations;
CREATE TABLE nodes (
    number      smallint PRIMARY KEY CHECK (number BETWEEN 0 AND 255),
    incarnation bigint NOT NULL,
    name        text NOT NULL,
    address     text NOT NULL,
    roles       text NOT NULL,
    version     text NOT NULL,
    started     bigint NOT NULL,
    expires_at  timestamptz NOT NULL
);

-- What one node does for all. The epoch rises whenever the holder changes.
CREATE TABLE leases (
    name        text COLLATE "C" PRIMARY KEY,
    node        smallint NOT NULL,
    incarnation bigint NOT NULL,
    epoch       bigint NOT NULL,
    expires_at  timestamptz NOT NULL
);

-- Whether this incarnation of a node is alive.
CREATE FUNCTION is_alive(wanted smallint, life bigint) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (SELECT 1 FROM nodes n WHERE n.number = wanted AND n.incarnation = life
                     AND n.expires_at > clock_timestamp())
$$;
