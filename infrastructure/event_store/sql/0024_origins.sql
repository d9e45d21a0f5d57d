-- After a loss that people have accepted, positions are used again and the log goes on under a new origin
-- (NAME/2). Its checkpoints may have the sizes of earlier ones, so a checkpoint is known by both.
ALTER TABLE checkpoint_signatures DROP CONSTRAINT checkpoint_signatures_size_fkey;
ALTER TABLE checkpoint_signatures DROP CONSTRAINT checkpoint_signatures_pkey;
ALTER TABLE checkpoints DROP CONSTRAINT checkpoints_pkey;
ALTER TABLE checkpoints ADD COLUMN origin_number integer NOT NULL DEFAULT 1;
ALTER TABLE checkpoint_signatures ADD COLUMN origin_number integer NOT NULL DEFAULT 1;
ALTER TABLE checkpoints ADD PRIMARY KEY (origin_number, size);
ALTER TABLE checkpoint_signatures ADD PRIMARY KEY (origin_number, size, signed_by);
ALTER TABLE checkpoint_signatures ADD CONSTRAINT checkpoint_signatures_checkpoint_fkey
    FOREIGN KEY (origin_number, size) REFERENCES checkpoints;
