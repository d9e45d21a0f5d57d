-- References: ids that other systems know an order by. The rows follow from the log's events and are written
-- with them. A row of a held signal has the signal's name in place of an order; it begins with U+001F.
CREATE TABLE order_references (
    kind text NOT NULL,
    value text NOT NULL,
    order_id text NOT NULL,
    PRIMARY KEY (kind, value, order_id)
);
CREATE INDEX order_references_of_order ON order_references (order_id);

-- Called in the same statement as append_events.
CREATE FUNCTION add_references(kinds text[], reference_values text[], orders text[])
RETURNS void LANGUAGE sql AS $$
    INSERT INTO order_references (kind, value, order_id)
    SELECT kind, value, order_id FROM unnest(kinds, reference_values, orders)
        AS taught (kind, value, order_id)
    ON CONFLICT DO NOTHING
$$;
