"""The old name of `bonsai.audit.wording`, for who still imports it by that."""

from bonsai.audit.wording import Mention, claims, datasets, mentions, metrics, plain, sentences

__all__ = ["Mention", "claims", "datasets", "mentions", "metrics", "plain", "sentences"]
