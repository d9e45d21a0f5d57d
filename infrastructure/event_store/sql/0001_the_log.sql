-- The log: the library's columns, and the Merkle leaf of each envelope.
-- Positions (notification_id) are dense and in commit order: whoever appends holds the head's row.

CREATE TABLE log_head (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log_head (position) VALUES (0);

CREATE TABLE stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigint NOT NULL,
    leaf bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX stored_events_notification_id_index ON stored_events (notification_id);

-- A command and its answer, stored with its events: a retry gets the first answer.
CREATE TABLE commands (
    principal text NOT NULL,
    key text NOT NULL,
    digest bytea NOT NULL,
    result bytea NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (principal, key)
);

-- When each stream next needs a look, stored with its events.
CREATE TABLE timers (
    stream uuid PRIMARY KEY,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    leased_until timestamptz
) WITH (fillfactor = 80);
CREATE INDEX timers_due_at ON timers (due_at);

CREATE FUNCTION append_events(
    streams uuid[], versions bigint[], topics text[], states bytea[], leaves bytea[],
    timer_streams uuid[], timer_kinds text[], timer_dues timestamptz[],
    guard_streams uuid[], guard_next_versions bigint[],
    earlier_streams uuid[], earlier_versions bigint[],
    principals text[], keys text[], digests bytea[], results bytea[], command_offsets bigint[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    base bigint;
BEGIN
    -- The row lock serialises appends until commit and nothing else: VACUUM, index builds and
    -- readers go on, which they would not under a table lock.
    UPDATE log_head SET position = position + cardinality(streams)
        RETURNING position - cardinality(streams) INTO base;
    -- One look-up by key after the other: a join here would keep the plan of an empty table.
    FOR n IN 1 .. cardinality(guard_streams) LOOP
        PERFORM FROM stored_events WHERE originator_id = guard_streams[n]
            AND originator_version = guard_next_versions[n];
        IF FOUND THEN
            RAISE unique_violation USING MESSAGE = 'a stream that was decided upon has moved on';
        END IF;
    END LOOP;
    IF cardinality(streams) > 0 THEN
        INSERT INTO stored_events
            (originator_id, originator_version, topic, state, notification_id, leaf)
        SELECT stream, version, topic, state, base + place, leaf
        FROM unnest(streams, versions, topics, states, leaves)
            WITH ORDINALITY AS event (stream, version, topic, state, leaf, place);
    END IF;
    IF cardinality(keys) > 0 THEN
        INSERT INTO commands (principal, key, digest, result, position)
        SELECT principal, key, digest, result, base + command_offset
        FROM unnest(principals, keys, digests, results, command_offsets)
            AS command (principal, key, digest, result, command_offset);
    END IF;
    FOR n IN 1 .. cardinality(earlier_streams) LOOP
        PERFORM FROM stored_events WHERE originator_id = earlier_streams[n]
            AND originator_version = earlier_versions[n];
        IF NOT FOUND THEN
            RAISE integrity_constraint_violation USING MESSAGE =
                format('stream %s has no version %s to follow', earlier_streams[n], earlier_versions[n]);
        END IF;
    END LOOP;
    IF cardinality(timer_streams) > 0 THEN
        DELETE FROM timers WHERE stream IN (
            SELECT timer.stream FROM unnest(timer_streams, timer_dues) AS timer (stream, due_at)
            WHERE timer.due_at IS NULL);
        INSERT INTO timers (stream, kind, due_at)
        SELECT timer.stream, timer.kind, timer.due_at
        FROM unnest(timer_streams, timer_kinds, timer_dues) AS timer (stream, kind, due_at)
        WHERE timer.due_at IS NOT NULL
        ON CONFLICT (stream) DO UPDATE SET due_at = excluded.due_at, leased_until = NULL;
    END IF;
    RETURN base;
END $$;

-- For auditors with psql: SELECT * FROM trail WHERE order_id = '…' ORDER BY position;
CREATE VIEW trail AS
SELECT notification_id AS position,
       originator_id AS stream,
       originator_version AS version,
       topic AS event,
       (envelope ->> 'recorded_at')::timestamptz AS recorded_at,
       envelope -> 'actor' ->> 'person' AS person,
       envelope -> 'actor' ->> 'principal' AS principal,
       envelope ->> 'order' AS order_id,
       envelope ->> 'cause' AS cause,
       (envelope -> 'event') - 'type' AS facts,
       encode(leaf, 'hex') AS leaf
FROM stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb) AS decoded (envelope);
