"""Keys of personal data, outside PostgreSQL; who was shown it; whose it is."""
