"""The commands: one method per command, one append per command."""
