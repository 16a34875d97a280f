"""Hub side: blocks, comparison, model, clusters, quality. Never sees an identifier."""
