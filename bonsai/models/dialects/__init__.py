"""The languages in which agents ask: chat completions, OpenAI's responses, Anthropic's messages.

Each is read into one form, that of chat completions, which is what is recorded and what litellm
translates for the service of the model; the reply is told in the language of the question, as one
JSON or as the events of a stream. litellm's own readers of the other two are not used: what one of
them makes of a request depends on what this process was asked before, and neither lets Codex call
the tools that take plain text.
"""

from collections.abc import Mapping

from bonsai.models.dialects.chat import CHAT
from bonsai.models.dialects.conversation import NotUnderstood
from bonsai.models.dialects.dialect import Dialect
from bonsai.models.dialects.messages import MESSAGES
from bonsai.models.dialects.responses import RESPONSES

# By the path, below /v1/, at which clients ask in them.
DIALECTS: Mapping[str, Dialect] = {
    "chat/completions": CHAT,
    "responses": RESPONSES,
    "messages": MESSAGES,
}

__all__ = ["CHAT", "DIALECTS", "MESSAGES", "RESPONSES", "Dialect", "NotUnderstood"]
