"""Where jobs on a cluster say how far they are, for the command to read.

It lives in a process of its own, which should stay small: nothing is imported here.
"""


class Board:
    """What each job said last, since that was read."""

    def __init__(self) -> None:
        self._news: dict[int, tuple[int, str]] = {}

    def tell(self, number: int, done: int, detail: str) -> None:
        """Say how many iterations of a job are done, with a short remark."""
        self._news[number] = (done, detail)

    def news(self) -> dict[int, tuple[int, str]]:
        """What was said since the last call: by job, the iterations done and the remark."""
        news, self._news = self._news, {}
        return news
