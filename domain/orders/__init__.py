"""Orders: the signals that speak of them, and the facts that follow."""
