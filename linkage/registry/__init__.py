"""Common student IDs that last: mint, extend, merge, retire, and the history of each."""
