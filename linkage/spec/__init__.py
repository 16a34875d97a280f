"""The linkage spec: identifiers, comparison levels and passes, read from YAML into frozen objects."""
