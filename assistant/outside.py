"""What a language model that is not ours is shown: data fenced and, if it leaves, personal data masked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from langchain.agents.middleware import AgentMiddleware, AgentState, RedactionRule
from langchain.agents.middleware.types import ModelRequest, ModelResponse
from langchain_core.messages import AnyMessage, HumanMessage, ToolMessage

from assistant.models import is_embedded, stays_here
from assistant.tools import Turn

FENCE = "shop_data"
"""The tag around everything that tools return: nothing inside is an instruction."""

# LangChain's own detectors look for words' edges, which Chinese text has none of.
PERSONAL: dict[str, str] = {
    "email": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
    "card": r"(?<![A-Za-z0-9.-])(?:\d{4}[ -]?){3}\d{4}(?![A-Za-z0-9-])"
    r"|(?<![A-Za-z0-9.-])3[47]\d{2}[ -]?\d{6}[ -]?\d{5}(?![A-Za-z0-9-])",
    "phone": r"(?<![A-Za-z0-9.+-])(?:"
    r"\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}"  # +44 20 7946 0958
    r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # (555) 123-4567
    r"|0\d{2,4}[ -]\d{3,4}[ -]?\d{3,4}"  # 0571-8888 6666
    r"|1[3-9]\d{9}"  # 13812345678
    r")(?![A-Za-z0-9]|[.-]\d)",
}
"""What is masked in a merchant's messages, as LangChain's `RedactionRule` reads it."""
_RULES = [RedactionRule(kind, detector=pattern).resolve() for kind, pattern in PERSONAL.items()]


class Outside(AgentMiddleware[AgentState[Any], Turn, Any]):
    """Changes what is sent, never what is remembered: the merchant reads their own words as they wrote them.

    LangChain's `PIIMiddleware` masks the last message in the state; here every message that is sent is, those
    of turns that the embedded model answered too.
    """

    def wrap_model_call(self, request: ModelRequest[Turn], handler: Any) -> ModelResponse[Any]:
        """One call with fenced messages, masked unless the model runs here; the embedded one sees all."""
        if is_embedded(request.model):
            response: ModelResponse[Any] = handler(request)
            return response
        masking = not stays_here(request.model)
        known = [it.sku for it in request.runtime.context.desk.store.products()] if masking else []
        sent = [outgoing(message, known, masking=masking) for message in request.messages]
        response = handler(request.override(messages=sent))
        return response


def outgoing(message: AnyMessage, known: Sequence[str] = (), *, masking: bool = True) -> AnyMessage:
    """A message as a model that is not ours is shown it; SKUs in `known` are no one's number."""
    if masking and isinstance(message, HumanMessage) and isinstance(message.content, str):
        return message.model_copy(update={"content": masked(message.content, known)})
    if isinstance(message, ToolMessage):
        return message.model_copy(update={"content": fenced(str(message.text))})
    return message


def masked(text: str, known: Sequence[str] = ()) -> str:
    """The text with e-mail addresses, card and phone numbers taken out."""
    aside = {
        sku: f"\ue000{i}\ue001" for i, sku in enumerate(known) if sku in text and re.search(r"\d{7}", sku)
    }
    for sku, mark in aside.items():
        text = text.replace(sku, mark)
    for rule in _RULES:
        text, _ = rule.apply(text)
    for sku, mark in aside.items():
        text = text.replace(mark, sku)
    return text


def fenced(text: str) -> str:
    """A tool's result between tags that nothing in it can close."""
    return f"<{FENCE}>{text.replace('<', chr(92) + 'u003c')}</{FENCE}>"
