-- Who else has signed a checkpoint: a witness, or the key that comes after the one that made it. A line of
-- a signed note each; the checkpoint itself is never written again.
CREATE TABLE checkpoint_signatures (
    size bigint NOT NULL REFERENCES checkpoints,
    signed_by text NOT NULL,
    line text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (size, signed_by)
);
