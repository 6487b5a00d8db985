-- In clear stand ids, times, lanes, states and counts; everything else is one sealed value a row.
-- PostgreSQL says BYTEA for BLOB, and GENERATED ALWAYS AS IDENTITY for AUTOINCREMENT.

-- What the store knows about itself: its id, where its keys file is, copies it has not finished.
CREATE TABLE facts (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
);

-- Wrapped keys: the look-up key, the box key, one for each person. Copies leave this table empty.
CREATE TABLE keys (
  owner BLOB PRIMARY KEY,
  wrapped BLOB NOT NULL
);

-- What others ask the store to remember about the bot itself.
CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  sealed BLOB NOT NULL
);

CREATE TABLE people (
  id BLOB PRIMARY KEY,
  lookup BLOB NOT NULL UNIQUE,
  state TEXT NOT NULL,
  gone INTEGER NOT NULL,
  seen_at BIGINT NOT NULL,
  sealed BLOB NOT NULL
);
CREATE INDEX people_by_state ON people (state, seen_at);

CREATE TABLE sessions (
  person BLOB PRIMARY KEY REFERENCES people (id) ON DELETE CASCADE,
  written_at BIGINT NOT NULL,
  sealed BLOB NOT NULL
);

CREATE TABLE entries (
  person BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
  id BLOB NOT NULL,
  written_at BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (person, id)
);

CREATE TABLE drafts (
  person BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
  id BLOB NOT NULL,
  written_at BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (person, id)
);

CREATE TABLE events (
  person BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
  id BLOB NOT NULL,
  written_at BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (person, id)
);
CREATE INDEX events_by_age ON events (written_at);

CREATE TABLE sightings (
  person BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
  id BLOB NOT NULL,
  mark BLOB NOT NULL UNIQUE,
  written_at BIGINT NOT NULL,
  sealed BLOB NOT NULL,
  PRIMARY KEY (person, id)
);
CREATE INDEX sightings_by_age ON sightings (written_at);

CREATE TABLE timers (
  id BLOB PRIMARY KEY,
  person BLOB NOT NULL REFERENCES people (id) ON DELETE CASCADE,
  mark BLOB NOT NULL UNIQUE,
  state TEXT NOT NULL,
  due_at BIGINT NOT NULL,
  done_at BIGINT,
  sealed BLOB NOT NULL
);
CREATE INDEX timers_by_due ON timers (state, due_at);
CREATE INDEX timers_by_person ON timers (person, state);

CREATE TABLE inbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL,
  update_id BIGINT NOT NULL UNIQUE,
  person BLOB REFERENCES people (id) ON DELETE CASCADE,
  state TEXT NOT NULL,
  arrived_at BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  payload BLOB,
  note BLOB
);
CREATE INDEX inbox_by_state ON inbox (state, number);
CREATE INDEX inbox_by_age ON inbox (state, arrived_at);
CREATE INDEX inbox_by_person ON inbox (person);

CREATE TABLE outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id BLOB NOT NULL UNIQUE,
  person BLOB REFERENCES people (id) ON DELETE CASCADE,
  lane INTEGER NOT NULL,
  state TEXT NOT NULL,
  written_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  attempts INTEGER NOT NULL,
  sealed BLOB NOT NULL
);
CREATE INDEX outbox_by_lane ON outbox (lane, number);
CREATE INDEX outbox_by_state ON outbox (state, lane);
CREATE INDEX outbox_by_person ON outbox (person);

-- Chats that were told something once; both columns are marks.
CREATE TABLE strangers (
  chat BLOB NOT NULL,
  what BLOB NOT NULL,
  told_at BIGINT NOT NULL,
  PRIMARY KEY (chat, what)
);
