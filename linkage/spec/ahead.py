"""Work done ahead: what comes next is made by other threads while what came before is in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


def made_ahead(makers: Iterable[Callable[[], _T]], workers: int = 1) -> Generator[_T, None, None]:
    """Yield what each maker makes, in order, while up to ``workers`` of those that follow are made.

    A caller that stops early closes the iterator, and so waits for the makers that are at work.
    """
    with ThreadPoolExecutor(workers) as others:
        begun: deque[Future[_T]] = deque()
        for maker in makers:
            begun.append(others.submit(maker))
            if len(begun) > workers:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
