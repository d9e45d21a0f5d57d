"""Look-ups: what an arriving order is held against beyond its own statements."""
