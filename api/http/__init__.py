"""How requests become commands and answers: what all routes share."""
