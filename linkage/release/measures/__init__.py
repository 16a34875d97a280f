"""The measures that education people use, defined as they define them."""
