"""The command line, one module per role: parse, call, print."""
