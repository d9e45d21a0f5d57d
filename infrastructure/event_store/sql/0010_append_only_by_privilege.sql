-- Append-only by privilege. The roles exist before this file is applied; who may what is granted after
-- it, and after every later file, from one list that `doctor` compares with the catalog.

-- A halt was a trigger, and only who owns the log may make one. Now it is a column, so that whoever
-- witnesses may halt by calling a function, and whoever appends finds out in the row that it locks anyway.
ALTER TABLE log_head ADD COLUMN halted boolean NOT NULL DEFAULT false;
DO $$
DECLARE
    was_halted boolean := EXISTS (SELECT FROM pg_trigger
        WHERE tgrelid = 'log_head'::regclass AND tgname = 'log_is_halted');
BEGIN
    DROP TRIGGER IF EXISTS log_is_halted ON log_head;
    UPDATE log_head SET halted = was_halted;
END $$;
DROP FUNCTION refuse_appends();

CREATE FUNCTION halt_log() RETURNS void LANGUAGE sql AS $$
    UPDATE log_head SET halted = true WHERE NOT halted
$$;

-- Called by what starts the service, after the log was found to be the one that was witnessed; granted to
-- no role that runs.
CREATE FUNCTION lift_halt() RETURNS void LANGUAGE sql AS $$
    UPDATE log_head SET halted = false WHERE halted
$$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
        MESSAGE = format('%s is only ever added to: no %s', TG_TABLE_NAME, TG_OP);
END $$;

-- ALWAYS: an ordinary trigger is passed over under session_replication_role. None on INSERT: appends
-- cost what they did. log_head is updated by each append, and timers come and go: what is due follows
-- from the events, and is no part of the record.
DO $$
DECLARE
    log_table text;
BEGIN
    FOREACH log_table IN ARRAY
        ARRAY['stored_events', 'commands', 'duties', 'log_nodes', 'checkpoints', 'migrations']
    LOOP
        EXECUTE format('CREATE TRIGGER only_added_to BEFORE UPDATE OR DELETE ON %I '
            'FOR EACH ROW EXECUTE FUNCTION refuse_change()', log_table);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER only_added_to', log_table);
    END LOOP;
    CREATE TRIGGER only_added_to BEFORE DELETE ON log_head
        FOR EACH ROW EXECUTE FUNCTION refuse_change();
    ALTER TABLE log_head ENABLE ALWAYS TRIGGER only_added_to;
    FOREACH log_table IN ARRAY ARRAY['stored_events', 'commands', 'duties', 'log_nodes', 'checkpoints',
        'migrations', 'log_head']
    LOOP
        EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', log_table);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_emptied', log_table);
    END LOOP;
END $$;

-- Fired at the end of each command that defines, alters or drops something. What is the log's is known by
-- its owner and by its name, so that neither a new name nor a new owner hides it. Only a superuser who
-- migrates gets past: the log's owner does not. It runs on a fixed path, whose first schema is the log's.
CREATE FUNCTION refuse_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    names text[] := ARRAY['stored_events', 'stored_events_pkey', 'stored_events_notification_id_index',
        'log_head', 'commands', 'timers', 'duties', 'log_nodes', 'checkpoints', 'migrations', 'trail',
        'checkpoint_signatures', 'key_store', 'order_keys', 'order_subjects', 'personal_reads',
        'append_events', 'halt_log', 'lift_halt', 'refuse_change', 'refuse_ddl'];
    log_schema oid := quote_ident(current_schema())::regnamespace;
    log_owner oid := to_regrole('casetrail_owner');
    log_tables oid[];
    touched text;
BEGIN
    IF TG_TAG = 'REINDEX' OR current_setting('casetrail.migrating', true) = 'on'
        AND (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) THEN
        RETURN;
    END IF;
    IF TG_EVENT = 'sql_drop' THEN
        SELECT object_identity INTO touched FROM pg_event_trigger_dropped_objects()
        WHERE NOT is_temporary AND address_names[1] = current_schema() AND address_names[2] = ANY (names);
    ELSE
        SELECT array_agg(oid) INTO log_tables FROM pg_class
        WHERE relowner = log_owner OR relnamespace = log_schema AND relname = ANY (names);
        SELECT object_identity INTO touched FROM pg_event_trigger_ddl_commands() AS command
        WHERE command.classid = 'pg_class'::regclass AND command.objid = ANY (log_tables)
            OR command.classid = 'pg_trigger'::regclass AND EXISTS (SELECT FROM pg_trigger
                WHERE oid = command.objid AND tgrelid = ANY (log_tables))
            OR command.classid = 'pg_rewrite'::regclass AND EXISTS (SELECT FROM pg_rewrite
                WHERE oid = command.objid AND ev_class = ANY (log_tables))
            OR command.classid = 'pg_policy'::regclass AND EXISTS (SELECT FROM pg_policy
                WHERE oid = command.objid AND polrelid = ANY (log_tables))
            OR command.classid = 'pg_proc'::regclass AND EXISTS (SELECT FROM pg_proc
                WHERE oid = command.objid AND (proowner = log_owner
                    OR pronamespace = log_schema AND proname = ANY (names)));
    END IF;
    IF FOUND AND touched IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s on %s, which is the log''s: only `casetrail migrate` does that', TG_TAG, touched);
    END IF;
END $$;
