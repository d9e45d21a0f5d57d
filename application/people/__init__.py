"""People, their accounts and grants, and what is in scope for them."""
