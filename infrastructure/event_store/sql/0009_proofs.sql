-- The tree over the log. Leaves stand with their events; of what lies above, the full subtrees of
-- eight leaves and more are kept here, so that a proof reads a few rows. They are filled in behind the
-- head by a worker, never by an append.
CREATE TABLE log_nodes (
    level smallint NOT NULL,
    place bigint NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (level, place)
);

-- Signed statements of what the log was (C2SP signed notes). The same are kept outside the database.
CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Where the log turns out not to be the one that was witnessed, a trigger on its head is made that calls
-- this: nothing is appended, by whatever program, until a start finds the log to be that one again.
CREATE FUNCTION refuse_appends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction',
        MESSAGE = 'the log is not as it was witnessed outside the database: see the service''s messages';
END $$;
