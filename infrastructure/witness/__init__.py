"""A witness: a process of somebody else's, with a key of its own, that cosigns how a log grows."""
