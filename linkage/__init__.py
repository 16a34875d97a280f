"""Privacy-preserving record linkage for agencies that serve the same students.

>>> import linkage
>>> result = linkage.link({"college": college_frame, "workforce": workforce_frame})  # doctest: +SKIP
>>> result.clusters, result.pairs, result.certificate  # doctest: +SKIP
"""

from linkage.engine.local import LinkResult, link

__all__ = ["LinkResult", "link"]
