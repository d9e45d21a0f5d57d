-- Reports: each generation of a report has a table of its own; the view `views.<name>` shows the
-- live one. Rows and position change in one transaction.
CREATE SCHEMA views;

CREATE TABLE projections (
    name text NOT NULL,
    generation int NOT NULL,
    version int NOT NULL,
    row_digest text NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    live boolean NOT NULL,
    PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX projections_one_live ON projections (name) WHERE live;

-- Streams that a report could not fold: held back, so that the rest goes on.
CREATE TABLE projections_held (
    name text NOT NULL,
    generation int NOT NULL,
    stream uuid NOT NULL,
    position bigint NOT NULL,
    error text NOT NULL,
    held_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, generation, stream)
);
