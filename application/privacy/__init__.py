"""Personal data of customers: what is stored, legal holds and erasure."""
