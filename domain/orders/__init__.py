"""Orders: the signals about an order, and the facts derived from them."""
