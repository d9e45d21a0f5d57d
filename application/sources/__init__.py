"""Commands on sources, and taking what they send."""
