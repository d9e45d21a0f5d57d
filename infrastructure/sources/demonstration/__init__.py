"""A realistic, seeded stream of orders for demonstrations, with every kind of exception."""
