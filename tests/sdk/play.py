"""Runs the scenarios of a script and prints their results as one JSON object.

A scenario is a function that takes the name of the model to call and returns something JSON can
hold; what it raises is its result, told as `{"raised": {...}}`.

    play.py SCRIPT URL KEY MODEL [URL KEY MODEL]...

runs the script once for each URL, with clients of its own each time, and prints a line for each:
importing an SDK costs more than all of its calls.
"""

import json
import runpy
import sys
import traceback


def arguments():
    """(base URL of the gateway, API key, the model or the suffix of every model's name)"""
    return sys.argv[1], sys.argv[2], sys.argv[3]


def all_of(scenarios, suffix):
    results = {}
    for scenario in scenarios:
        name = scenario.__name__
        try:
            results[name] = scenario(f"{name}-{suffix}")
        except Exception as error:
            results[name] = {"raised": told(error)}
            traceback.print_exc()
    print(json.dumps(results, default=str), flush=True)


def told(error):
    """What a program that catches the error can see of it."""
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None) or {}
    return {
        "classes": [c.__name__ for c in type(error).__mro__],
        "status": getattr(error, "status_code", getattr(response, "status_code", None)),
        "request_id": getattr(error, "request_id", headers.get("x-request-id")),
        "message": str(error),
        "body": getattr(error, "body", None),
        "type": getattr(error, "type", None),
        "code": getattr(error, "code", None),
    }


def raised_by(call):
    try:
        call()
    except Exception as error:
        return told(error)
    return None


PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE_URL = "https://example.com/cat.png"


if __name__ == "__main__":
    script, *stages = sys.argv[1:]
    for first in range(0, len(stages), 3):
        sys.argv[1:] = stages[first : first + 3]
        runpy.run_path(script, run_name="__main__")
