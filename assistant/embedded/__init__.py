"""The embedded chat model: language as data, dialogue as a plan over tool results, words as templates.

understanding.py: message → requests; dialogue.py: conversation → next tool calls or replies;
wording.py: replies → text; model.py: all of it behind LangChain's chat model interface.
Words and patterns are in `prompts/`.
"""

from assistant.embedded.model import EmbeddedChatModel

__all__ = ["EmbeddedChatModel"]
