"""Answers to auditors' questions about the log: one module for each subject, computed from lines and folds."""
