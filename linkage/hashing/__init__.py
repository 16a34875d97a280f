"""Agency side: from clear text to encodings. The only package that may see an identifier."""
