-- name: set_timer(id, person, mark, due_at, sealed)!
INSERT INTO timers (id, person, mark, state, due_at, sealed)
VALUES (:id, :person, :mark, 'waiting', :due_at, :sealed)
ON CONFLICT (mark) DO NOTHING;

-- name: move_timer(id, due_at)!
UPDATE timers SET due_at = :due_at, state = 'waiting' WHERE id = :id AND state <> 'done';

-- name: timer_done(id, done_at)!
UPDATE timers SET state = 'done', done_at = :done_at WHERE id = :id AND state <> 'done';

-- name: any_due(now)^
SELECT 1 FROM timers WHERE state = 'waiting' AND due_at <= :now LIMIT 1;

-- name: claim_timers(now, limit)
UPDATE timers SET state = 'claimed'
WHERE id IN (
  SELECT id FROM timers WHERE state = 'waiting' AND due_at <= :now ORDER BY due_at LIMIT :limit
)
RETURNING due_at, id, person;

-- name: release_timers()!
UPDATE timers SET state = 'waiting' WHERE state = 'claimed';

-- name: timers(person)
SELECT t.id, t.person, t.due_at, t.sealed, k.wrapped
FROM timers AS t
JOIN keys AS k ON k.owner = t.person
WHERE t.person = :person AND t.state <> 'done'
ORDER BY t.due_at, t.id;

-- name: who_waits(limit)
SELECT person FROM timers WHERE state = 'waiting' ORDER BY due_at LIMIT :limit;

-- name: delete_timer(id)!
DELETE FROM timers WHERE id = :id;

-- name: sweep_timers(before, limit)!
DELETE FROM timers WHERE id IN (
  SELECT id FROM timers WHERE done_at < :before LIMIT :limit
);

-- name: take_in(id, update_id, arrived_at, payload)^
INSERT INTO inbox (id, update_id, state, arrived_at, attempts, payload)
VALUES (:id, :update_id, 'undone', :arrived_at, 1, :payload)
ON CONFLICT (update_id) DO NOTHING
RETURNING number;

-- name: undone(after, limit)
UPDATE inbox SET attempts = attempts + 1
WHERE number IN (
  SELECT number FROM inbox
  WHERE state = 'undone' AND number > :after
  ORDER BY number
  LIMIT :limit
)
RETURNING number, id, update_id, arrived_at, attempts, payload;

-- name: count_attempt(number)!
UPDATE inbox SET attempts = attempts + 1 WHERE number = :number;

-- name: done_in(number)!
UPDATE inbox SET state = 'done', person = NULL, payload = NULL, note = NULL
WHERE number = :number;

-- name: inbound(number)^
SELECT id, person, payload FROM inbox WHERE number = :number AND payload IS NOT NULL;

-- name: set_aside(number, person, payload, note)!
UPDATE inbox SET state = 'aside', person = :person, payload = :payload, note = :note
WHERE number = :number;

-- name: sweep_inbox(before)!
DELETE FROM inbox WHERE state = 'done' AND arrived_at < :before;

-- name: sweep_aside(before, limit)!
DELETE FROM inbox WHERE number IN (
  SELECT number FROM inbox WHERE state = 'aside' AND arrived_at < :before LIMIT :limit
);

-- name: queue(id, person, lane, written_at, due_at, sealed)^
INSERT INTO outbox (id, person, lane, state, written_at, due_at, attempts, sealed)
VALUES (:id, :person, :lane, 'waiting', :written_at, :due_at, 0, :sealed)
RETURNING number;

-- name: pending(lane, now, after, limit)
SELECT o.id, o.number, o.person, o.due_at, o.attempts, o.sealed, k.wrapped
FROM outbox AS o
LEFT JOIN keys AS k ON k.owner = o.person
WHERE o.lane = :lane AND o.number > :after AND o.due_at <= :now AND o.state <> 'refused'
ORDER BY o.number
LIMIT :limit;

-- name: in_flight(id)!
UPDATE outbox SET state = 'in flight' WHERE id = :id AND state = 'waiting';

-- name: delivered(id)^
DELETE FROM outbox WHERE id = :id RETURNING person;

-- name: put_off(id, due_at)!
UPDATE outbox SET state = 'waiting', due_at = :due_at, attempts = attempts + 1
WHERE id = :id AND state <> 'refused';

-- name: outbound(id)^
SELECT person FROM outbox WHERE id = :id;

-- name: refused(id, sealed)!
UPDATE outbox SET state = 'refused', sealed = :sealed WHERE id = :id;

-- name: count_pending()$
SELECT COUNT(*) FROM outbox WHERE state <> 'refused';

-- name: drop_in_doubt(lane)!
DELETE FROM outbox WHERE state = 'in flight' AND lane = :lane;

-- name: wait_again()!
UPDATE outbox SET state = 'waiting' WHERE state = 'in flight';

-- name: sweep_refused(before, limit)!
DELETE FROM outbox WHERE number IN (
  SELECT number FROM outbox WHERE state = 'refused' AND written_at < :before LIMIT :limit
);
