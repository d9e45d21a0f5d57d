"""Sources: the outside systems that send, what is agreed with each of them, and what they sent."""
