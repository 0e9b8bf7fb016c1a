"""litellm, imported when it is needed: it takes two seconds, and most commands ask no model."""

from __future__ import annotations

import importlib
import os
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def load() -> Any:
    """Import litellm, which takes two seconds, and keep it quiet and off the network."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it downloads prices
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it reads .env files
    from bonsai.models.transport import ServiceClient

    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.disable_hf_tokenizer_download = True
    certificates = importlib.import_module("litellm.llms.custom_httpx.http_handler")
    # What litellm asks services of OpenAI's form through; others have clients of their own.
    litellm.client_session = ServiceClient(verify=certificates.get_ssl_configuration())
    return litellm
