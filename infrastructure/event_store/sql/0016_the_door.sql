-- The door to the log, with all that goes through it since there are a halt and keys. It runs as the
-- log's owner, on a path that its caller cannot change: whoever appends may call it and may write to none
-- of the tables, so that positions are dense and the head only grows whatever a caller sends. Which keys
-- an order's data is sealed with is stored with the data, or not at all.
DROP FUNCTION append_events;
CREATE FUNCTION append_events(
    streams uuid[] = '{}', versions bigint[] = '{}', topics text[] = '{}',
    states bytea[] = '{}', leaves bytea[] = '{}',
    timer_streams uuid[] = '{}', timer_kinds text[] = '{}', timer_dues timestamptz[] = '{}',
    guard_streams uuid[] = '{}', guard_next_versions bigint[] = '{}',
    earlier_streams uuid[] = '{}', earlier_versions bigint[] = '{}',
    principals text[] = '{}', keys text[] = '{}', digests bytea[] = '{}', results bytea[] = '{}',
    command_offsets bigint[] = '{}',
    duty_cases uuid[] = '{}', duty_persons text[] = '{}', duties_taken text[] = '{}',
    key_orders text[] = '{}', key_names text[] = '{}',
    subjects uuid[] = '{}', subject_orders text[] = '{}'
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    base bigint;
BEGIN
    -- The row lock serialises appends until commit and nothing else: VACUUM, index builds and
    -- readers go on, which they would not under a table lock.
    UPDATE log_head SET position = position + cardinality(streams) WHERE NOT halted
        RETURNING position - cardinality(streams) INTO base;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', MESSAGE =
            'the log is not as it was witnessed outside the database: see the service''s messages';
    END IF;
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
    FOR n IN 1 .. cardinality(duty_cases) LOOP
        INSERT INTO duties (case_id, person, duty, position)
        VALUES (duty_cases[n], duty_persons[n], duties_taken[n], base + cardinality(streams))
        ON CONFLICT (case_id, person) DO NOTHING;
        PERFORM FROM duties WHERE case_id = duty_cases[n] AND person = duty_persons[n]
            AND duty <> duties_taken[n];
        IF FOUND THEN
            RAISE unique_violation USING MESSAGE = format(
                'person %s has another duty in case %s', duty_persons[n], duty_cases[n]);
        END IF;
    END LOOP;
    IF cardinality(key_orders) > 0 THEN
        INSERT INTO order_keys (order_id, key) SELECT order_id, key
        FROM unnest(key_orders, key_names) AS sealed (order_id, key) ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(subjects) > 0 THEN
        INSERT INTO order_subjects (subject, order_id) SELECT subject, order_id
        FROM unnest(subjects, subject_orders) AS told (subject, order_id) ON CONFLICT DO NOTHING;
    END IF;
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
