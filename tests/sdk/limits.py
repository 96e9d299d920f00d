"""OpenAI's and Anthropic's SDK against a limit: what they are told of it, and that they wait."""

import anthropic
import openai
import play

URL, KEY, MODEL = play.arguments()


def of_openai(_):
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)

    def call(client):
        return client.chat.completions.with_raw_response.create(
            model=MODEL, max_completion_tokens=8, messages=[{"role": "user", "content": "hello"}]
        )

    return until_it_waits(client, call, openai.RateLimitError)


def of_anthropic(_):
    client = anthropic.Anthropic(base_url=URL, api_key=KEY, max_retries=0, timeout=30)

    def call(client):
        return client.messages.with_raw_response.create(
            model=MODEL, max_tokens=8, messages=[{"role": "user", "content": "hello"}]
        )

    return until_it_waits(client, call, anthropic.RateLimitError)


def until_it_waits(client, call, limited):
    """Calls until a call is refused; then once more with the retries that users have."""
    patient = client.with_options(max_retries=3)
    # Another SDK may just have used up the limit.
    headers = dict(call(patient).headers)
    try:
        while True:
            call(client)
    except limited as error:
        refused = {"headers": dict(error.response.headers), **play.told(error)}
    answer = call(patient)
    return {"headers": headers, "refused": refused, "retries": answer.retries_taken}


play.all_of([of_openai, of_anthropic], MODEL)
