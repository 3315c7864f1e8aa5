"""Every call that is driven."""

from tests.clients.framework_calls import LANGCHAIN, LITELLM
from tests.clients.openai_calls import OPENAI
from tests.clients.vendor_calls import ANTHROPIC, AZURE_AI, COHERE

CALLS = (*OPENAI, *ANTHROPIC, *AZURE_AI, *COHERE, *LANGCHAIN, *LITELLM)
