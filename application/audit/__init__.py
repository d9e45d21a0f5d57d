"""What an auditor asks about the log: a file for each subject, pure over lines and folds."""
