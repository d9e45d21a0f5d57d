-- Which erasure destroyed a key, so that an erasure that is repeated after a crash counts its own keys
-- again, and not those of an earlier erasure of the same order.
ALTER TABLE order_keys ADD COLUMN destroyed_by uuid;

-- The orders of which something was erased: few, in a table with a row for each order.
CREATE INDEX order_keys_destroyed ON order_keys (order_id) WHERE destroyed_at IS NOT NULL;
