-- Which keys an order's personal data is sealed with. The keys themselves lie outside PostgreSQL: here
-- only their names stand, and they stay when the keys are gone.
CREATE TABLE order_keys (
    order_id text NOT NULL,
    key text NOT NULL,
    destroyed_at timestamptz,
    PRIMARY KEY (order_id, key)
);

-- Whose order it is, by a digest of the customer's id that nobody can make who has the database alone. A
-- row goes when its customer is erased.
CREATE TABLE order_subjects (
    subject uuid NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (subject, order_id)
);

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
