"""Privacy-preserving record linkage for agencies that serve the same students."""
