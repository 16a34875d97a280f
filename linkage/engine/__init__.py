"""The pure steps run in order on this machine; files, clocks, keys and randomness come in here."""
