"""A witness: an independent process with its own key that cosigns the checkpoints of a growing log."""
