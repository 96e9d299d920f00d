"""OpenAI's SDK completes text with the legacy API."""

import openai
import play

URL, KEY, MODEL = play.arguments()
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)


def tokens(usage):
    return [usage.prompt_tokens, usage.completion_tokens]


def whole(_):
    answer = client.completions.create(model=MODEL, prompt="Once upon", max_tokens=50)
    choice = answer.choices[0]
    return {
        "text": choice.text,
        "finish_reason": choice.finish_reason,
        "tokens": tokens(answer.usage),
    }


def streamed(_):
    chunks = list(
        client.completions.create(
            model=MODEL,
            prompt="Once upon",
            max_tokens=50,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    return {
        "text": "".join(choice.text for chunk in chunks for choice in chunk.choices),
        "usage": [tokens(chunk.usage) for chunk in chunks if chunk.usage],
        "ids": len({chunk.id for chunk in chunks}),
    }


def refused(_):
    return play.raised_by(
        lambda: client.completions.create(model=MODEL, prompt={"not": "a prompt"})
    )


play.all_of([whole, streamed, refused], MODEL)
