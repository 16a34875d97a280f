"""Keys, the shared secret, and sealed, signed packages: what crosses from one party to another."""
