"""Which generated requests say nothing about the server."""

import schemathesis


@schemathesis.hook
def filter_body(context, body):
    """Drops bodies with whole numbers of more than 64 bits.

    The server takes those that a double keeps digit by digit, such as 1e30, and no others. JSON Schema has no words for
    that, so the document speaks of 64 bits, and such a number is neither good nor bad by it.
    """
    return not any(is_whole_and_large(value) for value in scalars(body))


def scalars(value):
    if isinstance(value, dict):
        for member in value.values():
            yield from scalars(member)
    elif isinstance(value, list):
        for element in value:
            yield from scalars(element)
    else:
        yield value


def is_whole_and_large(value):
    return (
        isinstance(value, (int, float))
        and value == value // 1
        and not -(2**63) <= value < 2**63
    )
