"""The red team: attacks on exactly what the matcher holds.

Rules:

- The attacker is the matcher, or whoever took all that it has. He knows everything but the secret: the software, the
  spec, and the **whole population list in clear text, spelled as the agencies spell it**. He may also know who is
  behind some rows (*known pairs*).
- A record is re-identified when his single best claim about a row names the right person. What he is given (the known
  pairs) does not count. For encodings in passes, what is reported is the worst pass.
- The same attacks run on a record-level CLK, which must fall: an attack that breaks nothing proves nothing.
"""
