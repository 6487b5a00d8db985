"""One turn: load, screen, run, commit; and the functions that flows may run."""
