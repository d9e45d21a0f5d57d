"""People, their accounts and grants, and the scope of these grants."""
