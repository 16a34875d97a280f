"""CLK files at the hub: read, compared in full, clustered."""
