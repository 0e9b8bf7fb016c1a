"""What an exported configuration says of the language model that an engine asks."""

from __future__ import annotations

from dataclasses import dataclass

KEY = "OPENAI_API_KEY"  # the variable that holds its key; a server without keys takes any text


@dataclass(frozen=True)
class Service:
    """A language model behind any OpenAI-compatible address.

    Attributes:
        model: its name there.
        api_base: the address, up to and with `/v1`.
    """

    model: str = "gpt-4o-mini"
    api_base: str = "http://localhost:8000/v1"
