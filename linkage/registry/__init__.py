"""Common student IDs that last: mint, extend, merge, split, retire, and the history of each."""
