"""OpenAI's SDK asks for responses that are made in the background, and comes back for them."""

import time

import openai
import play

URL, KEY, SUFFIX = play.arguments()
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0, timeout=30)


def until(response, reached):
    deadline = time.monotonic() + 30
    while not reached(response) and time.monotonic() < deadline:
        time.sleep(0.02)
        response = client.responses.retrieve(response.id)
    return response


def has_ended(response):
    return response.status not in ("queued", "in_progress")


def answered(model):
    made = client.responses.create(
        model=model, input="one", background=True, metadata={"topic": "demo"}
    )
    ended = until(made, has_ended)
    cancelled = client.responses.cancel(made.id)
    following = client.responses.create(model=model, input="two", previous_response_id=made.id)
    items = [item.type for item in client.responses.input_items.list(made.id)]
    client.responses.delete(made.id)
    return {
        "id": made.id,
        "statuses": [made.status, ended.status, cancelled.status],
        "background": [made.background, ended.background],
        "text": ended.output_text,
        "metadata": [made.metadata, ended.metadata],
        "usage": ended.usage.to_dict(),
        "followed": following.previous_response_id == made.id,
        "items": items,
        "gone": play.raised_by(lambda: client.responses.retrieve(made.id)),
        "gone_twice": play.raised_by(lambda: client.responses.delete(made.id)),
    }


def cancelled(model):
    made = client.responses.create(model=model, input="one", background=True)
    begun = until(made, lambda response: response.status != "queued")
    first = client.responses.cancel(made.id)
    second = client.responses.cancel(made.id)
    return {
        "statuses": [made.status, begun.status, first.status, second.status],
        "later": client.responses.retrieve(made.id).status,
    }


def refused(model):
    create = client.responses.create
    return {
        "unkept": play.raised_by(
            lambda: create(model=model, input="one", background=True, store=False)
        ),
        "streamed": play.raised_by(
            lambda: create(model=model, input="one", background=True, stream=True)
        ),
        "failed": until(create(model=model, input="one", background=True), has_ended).to_dict(),
    }


play.all_of([answered, cancelled, refused], SUFFIX)
