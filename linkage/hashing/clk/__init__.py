"""CLK mode: record-level Bloom filters, bit for bit as clkhash writes them."""
