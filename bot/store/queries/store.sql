-- name: fact(name)^
SELECT value FROM facts WHERE name = :name;

-- name: set_fact(name, value)!
INSERT INTO facts (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: drop_fact(name)!
DELETE FROM facts WHERE name = :name;

-- name: leave_traces(traces, places)!
INSERT INTO facts (name, value)
VALUES (:traces, COALESCE((SELECT value FROM facts WHERE name = :places), '[]'))
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: key(owner)^
SELECT wrapped FROM keys WHERE owner = :owner;

-- name: keys()
SELECT owner, wrapped FROM keys ORDER BY owner;

-- name: add_key(owner, wrapped)!
INSERT INTO keys (owner, wrapped) VALUES (:owner, :wrapped);

-- name: rewrap_key(owner, wrapped)!
UPDATE keys SET wrapped = :wrapped WHERE owner = :owner;

-- name: delete_key(owner)!
DELETE FROM keys WHERE owner = :owner;

-- name: delete_keys()!
DELETE FROM keys;

-- name: delete_inbox()!
DELETE FROM inbox;

-- name: delete_outbox()!
DELETE FROM outbox;

-- name: delete_strangers()!
DELETE FROM strangers;

-- name: delete_people_without_key()!
DELETE FROM people WHERE NOT EXISTS (SELECT 1 FROM keys WHERE keys.owner = people.id);

-- name: delete_keys_without_person(lookup, box)!
DELETE FROM keys
WHERE owner <> :lookup AND owner <> :box
  AND NOT EXISTS (SELECT 1 FROM people WHERE people.id = keys.owner);

-- name: meta(name)^
SELECT sealed FROM meta WHERE name = :name;

-- name: set_meta(name, sealed)!
INSERT INTO meta (name, sealed) VALUES (:name, :sealed)
ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed;
