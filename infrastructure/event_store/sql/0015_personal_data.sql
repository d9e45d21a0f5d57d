-- Which keys an order's personal data is sealed with. The keys themselves lie outside PostgreSQL: here
-- only their names stand, and they stay when the keys are gone.
CREATE TABLE order_keys (
    order_id text NOT NULL,
    key text NOT NULL,
    destroyed_at timestamptz,
    PRIMARY KEY (order_id, key)
);

-- Which key store is this database's: with another, what is stored could not be read by the others.
CREATE TABLE key_store (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id text NOT NULL
);

-- Whose order it is, by a digest of the customer's id that nobody can make who has the database alone. A
-- row goes when its customer is erased.
CREATE TABLE order_subjects (
    subject uuid NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (subject, order_id)
);
CREATE INDEX order_subjects_of_order ON order_subjects (order_id);

-- Who was shown the personal data of which order.
CREATE TABLE personal_reads (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    principal text NOT NULL,
    person text,
    what text NOT NULL,
    order_id text NOT NULL
);
CREATE INDEX personal_reads_of_order ON personal_reads (order_id, id);
CREATE INDEX personal_reads_of_person ON personal_reads (person, id);

-- What only grows; of a key, it is noted once that it was destroyed.
DO $$
DECLARE
    log_table text;
BEGIN
    FOREACH log_table IN ARRAY ARRAY['personal_reads', 'checkpoint_signatures', 'order_keys',
        'key_store'] LOOP
        EXECUTE format('CREATE TRIGGER only_added_to BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION '
            'refuse_change()', CASE log_table WHEN 'order_keys' THEN 'DELETE' ELSE 'UPDATE OR DELETE' END,
            log_table);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER only_added_to', log_table);
        EXECUTE format('CREATE TRIGGER never_emptied BEFORE TRUNCATE ON %I '
            'FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', log_table);
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER never_emptied', log_table);
    END LOOP;
END $$;
