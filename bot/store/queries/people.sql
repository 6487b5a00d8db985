-- name: load(lookup)^
SELECT p.id, p.gone, p.sealed, k.wrapped, s.sealed
FROM people AS p
JOIN keys AS k ON k.owner = p.id
LEFT JOIN sessions AS s ON s.person = p.id
WHERE p.lookup = :lookup;

-- name: person(person)^
SELECT p.id, p.gone, p.sealed, k.wrapped
FROM people AS p
JOIN keys AS k ON k.owner = p.id
WHERE p.id = :person;

-- name: add_person(person, lookup, state, gone, seen_at, sealed)!
INSERT INTO people (id, lookup, state, gone, seen_at, sealed)
VALUES (:person, :lookup, :state, :gone, :seen_at, :sealed);

-- name: save_person(person, state, gone, sealed)!
UPDATE people SET state = :state, gone = :gone, sealed = :sealed WHERE id = :person;

-- name: touch(person, seen_at)!
UPDATE people SET seen_at = :seen_at WHERE id = :person;

-- name: delete_person(person)!
DELETE FROM people WHERE id = :person;

-- name: count_people()$
SELECT COUNT(*) FROM people;

-- name: unseen(before, limit)
SELECT id FROM people WHERE state = 'new' AND seen_at < :before LIMIT :limit;

-- name: session(person)^
SELECT sealed FROM sessions WHERE person = :person;

-- name: save_session(person, written_at, sealed)!
INSERT INTO sessions (person, written_at, sealed) VALUES (:person, :written_at, :sealed)
ON CONFLICT (person) DO UPDATE SET written_at = excluded.written_at, sealed = excluded.sealed;

-- name: drop_session(person)!
DELETE FROM sessions WHERE person = :person;

-- name: entry(person, id)^
SELECT id, sealed FROM entries WHERE person = :person AND id = :id;

-- name: entries(person)
SELECT id, sealed FROM entries WHERE person = :person;

-- name: save_entry(person, id, written_at, sealed)!
INSERT INTO entries (person, id, written_at, sealed)
VALUES (:person, :id, :written_at, :sealed)
ON CONFLICT (person, id)
DO UPDATE SET written_at = excluded.written_at, sealed = excluded.sealed;

-- name: delete_entry(person, id)!
DELETE FROM entries WHERE person = :person AND id = :id;

-- name: drafts(person)
SELECT id, sealed FROM drafts WHERE person = :person ORDER BY written_at DESC, id;

-- name: save_draft(person, id, written_at, sealed)!
INSERT INTO drafts (person, id, written_at, sealed)
VALUES (:person, :id, :written_at, :sealed)
ON CONFLICT (person, id)
DO UPDATE SET written_at = excluded.written_at, sealed = excluded.sealed;

-- name: delete_draft(person, id)!
DELETE FROM drafts WHERE person = :person AND id = :id;

-- name: events(person)
SELECT id, sealed FROM events WHERE person = :person ORDER BY written_at, id;

-- name: save_event(person, id, written_at, sealed)!
INSERT INTO events (person, id, written_at, sealed)
VALUES (:person, :id, :written_at, :sealed)
ON CONFLICT (person, id)
DO UPDATE SET written_at = excluded.written_at, sealed = excluded.sealed;

-- name: delete_events(person)!
DELETE FROM events WHERE person = :person;

-- name: sweep_events(before, limit)!
DELETE FROM events WHERE (person, id) IN (
  SELECT person, id FROM events WHERE written_at < :before LIMIT :limit
);

-- name: sightings(person)
SELECT id, sealed FROM sightings WHERE person = :person ORDER BY written_at, id;

-- name: sighting(person, id)^
SELECT id, sealed FROM sightings WHERE person = :person AND id = :id;

-- name: add_sighting(person, id, mark, written_at, sealed)!
INSERT INTO sightings (person, id, mark, written_at, sealed)
VALUES (:person, :id, :mark, :written_at, :sealed)
ON CONFLICT (mark) DO NOTHING;

-- name: forget_sighting(mark)!
DELETE FROM sightings WHERE mark = :mark;

-- name: sweep_sightings(before, limit)!
DELETE FROM sightings WHERE (person, id) IN (
  SELECT person, id FROM sightings WHERE written_at < :before LIMIT :limit
);

-- name: told(chat, what)^
SELECT told_at FROM strangers WHERE chat = :chat AND what = :what;

-- name: tell(chat, what, told_at)!
INSERT INTO strangers (chat, what, told_at) VALUES (:chat, :what, :told_at)
ON CONFLICT (chat, what) DO UPDATE SET told_at = excluded.told_at;

-- name: forget_stranger(chat)!
DELETE FROM strangers WHERE chat = :chat;

-- name: sweep_strangers(before, limit)!
DELETE FROM strangers WHERE (chat, what) IN (
  SELECT chat, what FROM strangers WHERE told_at < :before LIMIT :limit
);
