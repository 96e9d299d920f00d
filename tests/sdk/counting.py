"""What the vendors' SDKs get who ask for a count, or for vectors."""

import anthropic
import openai
import play
from google import genai
from google.genai import types

URL, KEY, MODEL = play.arguments()
QUESTION = "What is the capital of Mexico?"
OPENAI = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)


def by_anthropic(_):
    client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)
    return client.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": QUESTION}]).input_tokens


def by_openai(_):
    return OPENAI.responses.input_tokens.count(model=MODEL, input=QUESTION).input_tokens


def by_google(_):
    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL, timeout=30_000))
    return client.models.count_tokens(model=MODEL, contents=QUESTION).total_tokens


def vectors(_):
    answer = OPENAI.embeddings.create(model=MODEL, input=["hello world"])
    return answer.data[0].embedding


play.all_of([by_anthropic, by_openai, by_google, vectors], MODEL)
