"""The policy: its document, the decisions by it, and its governance."""
