"""A table as the article's Python code fills it, and what boto3 says is in it: `table.py COMMAND ENDPOINT TABLE [STEP]`.

`fill` makes the table and its items, `expire` changes one in place, `check STEP` demands that boto3 reads what STEP
left, in the very types, and prints nothing when it does.
"""

import sys
from decimal import Decimal

import boto3
from boto3.dynamodb.types import Binary

COMMAND, ENDPOINT, TABLE, *STEP = sys.argv[1:]

dynamodb = boto3.resource(
    "dynamodb",
    endpoint_url=ENDPOINT,
    region_name="eu-west-1",
    aws_access_key_id="python",
    aws_secret_access_key="python",
)
users_table = dynamodb.Table(TABLE)

PI = Decimal("3.1415926535897932384626433832795028841")
ALICE = {
    "userId": "alice",
    "displayName": "Alice",
    "age": 30,
    "score": Decimal("12.50"),
    "pi": PI,
    "account": 12345678901234567890123456789012345678,
    "verified": True,
    "middleName": None,
    "roles": {"reader", "editor"},
    "luckyNumbers": {7, PI, Decimal("-0.5")},
    "avatar": Binary(bytes([0, 1, 2, 253, 254, 255])),
    "keys": {b"\x01\x02", b"\x03"},
    "address": {
        "city": "Ulm",
        "geo": {"lat": Decimal("48.39841234567890123456789"), "lon": Decimal("9.99155")},
        "flags": {"billing", "shipping"},
    },
    "devices": [
        {"id": "phone", "token": Binary(b"\xff\xfe"), "topics": {"news"}},
        {"id": "laptop", "token": Binary(b"\xfd"), "topics": {"news", "sport"}},
    ],
    "_ttl": 1900000000,
    "_source": {"import": {"batch-7"}},
}
BOB = {"userId": "bob", "displayName": "Bob", "tags": {"one"}, "_ttl": 1900000001}


def alice(**changed):
    return {**ALICE, **changed}


def merged():
    """What the merge patch leaves."""
    address = {**ALICE["address"], "city": "Neu-Ulm"}
    item = alice(displayName="Alice B.", age=31, address=address)
    del item["middleName"]
    return item


def operated():
    """What the JSON Patch leaves after that."""
    phone = {**ALICE["devices"][0], "topics": {"news", "weather"}}
    return {**merged(), "devices": [phone], "roles": {"reader", "editor", "admin"}}


EXPECTED = {
    "unchanged": lambda: [ALICE, BOB],
    "merged": lambda: [merged(), BOB],
    "operated": lambda: [operated(), BOB],
    # A PUT of Bob's over what a job has changed in place meanwhile.
    "replaced": lambda: [operated(), {**BOB, "displayName": "Robert", "tags": {"one", "two"}, "_ttl": 1900000002}],
    "deleted": lambda: [operated()],
}


def kinds(value):
    """The types of a value and of all that is in it."""
    if isinstance(value, dict):
        return {name: kinds(member) for name, member in value.items()}
    if isinstance(value, list):
        return [kinds(element) for element in value]
    if isinstance(value, (set, frozenset)):
        return {"set of": sorted({kinds(element) for element in value})}
    # boto3 takes an int and a bytes, and gives back these.
    names = {"int": "Decimal", "bytes": "Binary"}
    return names.get(type(value).__name__, type(value).__name__)


def fill():
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "userId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    ).wait_until_exists()
    for item in (ALICE, BOB):
        users_table.put_item(Item=item)


def expire():
    """What a nightly job does: it knows nothing of Usher."""
    users_table.update_item(
        Key={"userId": "bob"},
        UpdateExpression="SET #ttl = :ttl ADD tags :tags",
        ExpressionAttributeNames={"#ttl": "_ttl"},
        ExpressionAttributeValues={":ttl": 1900000002, ":tags": {"two"}},
    )


def check(step):
    found = {}
    for user_id in ("alice", "bob"):
        # The article's own way to read.
        response = users_table.get_item(Key={"userId": user_id}, ConsistentRead=True)
        item = response.get("Item")
        if item:
            item.pop("_usher", None)
            found[user_id] = item
    expected = {item["userId"]: item for item in EXPECTED[step]()}
    assert found == expected, f"{step}: {found}\nis not\n{expected}"
    assert kinds(found) == kinds(expected), f"{step}: {kinds(found)}\nis not\n{kinds(expected)}"


{"fill": fill, "expire": expire, "check": check}[COMMAND](*STEP)
