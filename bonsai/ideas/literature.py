"""Papers that may have done an idea before: a search of OpenAlex, else of Semantic Scholar.

The search takes at most a given time and never fails: a service that hangs, refuses, or answers
with something else is one that could not be reached.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from bonsai.templates import Idea

SECONDS = 10.0  # for all services together
PAPERS = 5
MOST_BYTES = 2_000_000  # of an answer
MOST_TITLE = 200  # characters
NOT_REACHABLE = "not reachable"
GIVE_UP_AFTER = 2  # ideas in a row for which no service answered

Found = TypeVar("Found")
Papers = list[dict[str, Any]]  # each with a title, a year and a url


@dataclass(frozen=True)
class Service:
    """A service that finds papers.

    Attributes:
        name: what the results call it.
        url: where it is asked.
        ask: the parameters of a request, from the words to search for.
        read: the papers of its answer, parsed from JSON.
        headers: what else a request says.
    """

    name: str
    url: str
    ask: Callable[[str], Mapping[str, str]]
    read: Callable[[Any], Papers]
    headers: Callable[[], Mapping[str, str]] = dict


def _key(name: str, variable: str) -> dict[str, str]:
    """A key of the user's, which is not needed, but has a service answer more often."""
    return {name: os.environ[variable]} if os.environ.get(variable) else {}


OPENALEX = Service(
    "openalex",
    "https://api.openalex.org/works",
    lambda words: {
        "search": words,
        "per-page": str(PAPERS),
        "select": "id,display_name,publication_year,doi",
        **_key("api_key", "OPENALEX_API_KEY"),
    },
    lambda answer: [
        _paper(work["display_name"], work["publication_year"], work["doi"] or work["id"])
        for work in answer["results"]
    ],
)
SEMANTIC_SCHOLAR = Service(
    "semantic_scholar",
    "https://api.semanticscholar.org/graph/v1/paper/search",
    lambda words: {"query": words, "limit": str(PAPERS), "fields": "title,year,url"},
    # Where nothing is found, there may be no `data` at all.
    lambda answer: [
        _paper(paper["title"], paper["year"], paper["url"])
        for paper in (answer["data"] if answer["total"] else [])
    ],
    headers=lambda: _key("x-api-key", "S2_API_KEY"),
)


@dataclass
class Literature:
    """Searches for one idea after the other; services that stay silent are left alone at last."""

    services: Sequence[Service] = (OPENALEX, SEMANTIC_SCHOLAR)
    seconds: float = SECONDS  # at most so long for one idea
    silent: int = field(default=0, init=False)  # ideas in a row without any answer

    def search(self, idea: Idea) -> dict[str, Any] | str:
        """What is found for an idea, by its `Keywords`, or by its title where it has none.

        Returns:
            `searched` (the service), `query` and `papers`, or "not reachable".
        """
        if self.silent >= GIVE_UP_AFTER:
            return NOT_REACHABLE
        words = query_of(idea)
        share = self.seconds / len(self.services)
        for service in self.services:
            try:
                papers = _within(share, partial(_ask, service, words))
            except Exception:  # whatever it is: there may be no network, or any kind of answer
                continue
            self.silent = 0
            return {"searched": service.name, "query": words, "papers": papers}
        self.silent += 1
        return NOT_REACHABLE


def query_of(idea: Idea) -> str:
    """The words to search for."""
    given = (idea.model_extra or {}).get("Keywords")
    words = ", ".join(map(str, given)) if isinstance(given, list) else str(given or idea.Title)
    return " ".join(words.replace(",", " ").split())[:MOST_TITLE]


def describe(found: dict[str, Any] | str | None) -> str:
    """What was found, for a model; empty where there was no search, or no answer."""
    if not isinstance(found, dict):
        return ""
    lines = [f"- {paper['title']} ({paper['year'] or 'no year'})" for paper in found["papers"]]
    return "\n".join(
        [
            f"A search of {found['searched']} for \"{found['query']}\" found "
            + ("these papers; is your idea one of them, and if so, what is left of it?" if lines
               else "no paper; that proves little."),
            *lines,
        ]
    )  # fmt: skip


def _paper(title: Any, year: Any, url: Any) -> dict[str, Any]:
    title = " ".join(str(title).split())[:MOST_TITLE]
    return {"title": title, "year": None if year is None else int(year), "url": str(url)}


def _ask(service: Service, words: str) -> Papers:
    import json

    import httpx  # here: it takes long to load

    headers = {"User-Agent": "bonsai", **service.headers()}
    with httpx.stream(
        "GET", service.url, params=dict(service.ask(words)), headers=headers, timeout=SECONDS
    ) as response:
        response.raise_for_status()
        content = b""
        for part in response.iter_bytes():
            content += part
            if len(content) > MOST_BYTES:
                raise ValueError("the answer is too long")
    return service.read(json.loads(content))[:PAPERS]


def _within(seconds: float, work: Callable[[], Found]) -> Found:
    """Do `work` in a thread that can be left behind: no timeout of a library bounds all of it.

    Raises:
        queue.Empty: it took longer.
    """
    done: queue.SimpleQueue[tuple[Found | None, BaseException | None]] = queue.SimpleQueue()

    def run() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:
            done.put((None, error))

    threading.Thread(target=run, name="bonsai-literature", daemon=True).start()
    found, error = done.get(timeout=seconds)
    if error is not None:
        raise error
    return found  # type: ignore[return-value]  # None only beside an error
