"""Keys and tokens as PyPI's PyJWT makes them: prints the same as jose.cjs, with the one key set that PyJWT exports."""

import base64
import hashlib
import hmac
import json
import sys
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms

CLAIMS = json.loads(sys.argv[1])
NOW = int(time.time())


def rsa_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


WANTED = {
    **{alg: rsa_key for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]},
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
# By the name of the key, because EdDSA has two. These are in the key set too, and the others must not suffer from it.
UNWANTED = {
    "ES512": ("ES512", lambda: ec.generate_private_key(ec.SECP521R1())),
    "ES256K": ("ES256K", lambda: ec.generate_private_key(ec.SECP256K1())),
    "Ed448": ("EdDSA", ed448.Ed448PrivateKey.generate),
}
KEYS = {kid: (alg, make()) for kid, (alg, make) in UNWANTED.items()}
KEYS |= {alg: (alg, make()) for alg, make in WANTED.items()}


def jwk(kid):
    alg, key = KEYS[kid]
    return {**get_default_algorithms()[alg].to_jwk(key.public_key(), as_dict=True), "kid": kid}


def token(kid="ES256", header=None, alg=None, **changed):
    """A token that is good but for what is said here; None takes a claim away."""
    claims = {**CLAIMS, "iat": NOW, "exp": NOW + 3600, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    own, key = KEYS[kid]
    return jwt.encode(claims, key, algorithm=alg or own, headers={"kid": kid, **(header or {})})


def none():
    return jwt.encode({**CLAIMS, "exp": NOW + 3600}, None, algorithm="none", headers={"kid": "RS256"})


def hs256():
    """PyJWT itself refuses to use a public key as a secret, so this is made by hand."""

    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    header = json.dumps({"alg": "HS256", "kid": "RS256", "typ": "JWT"}).encode()
    claims = json.dumps({**CLAIMS, "exp": NOW + 3600}).encode()
    message = encode(header) + b"." + encode(claims)
    secret = KEYS["RS256"][1].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return (message + b"." + encode(hmac.digest(secret, message, hashlib.sha256))).decode()


GOOD = [
    *((alg, token(alg)) for alg in WANTED),
    # What `time.time() + 3600` gives, and RFC 7519 allows.
    ("exp with a fraction", token(exp=NOW + 3600.25)),
    ("nbf with a fraction", token(nbf=NOW - 0.75)),
    ("no iat", token(iat=None)),
    ("several audiences", token(aud=["another", CLAIMS["aud"]])),
    ("no typ", token(header={"typ": None})),
]
# PyJWT exports keys without `alg`, so that a key may serve any algorithm of its kind that the issuer has.
SWAPPED = [
    (f"{alg} by the key for {kid}", token(kid, alg=alg))
    for kid, alg in [("RS256", "RS512"), ("RS512", "PS256"), ("PS384", "RS384")]
]
BAD = [
    *((kid, token(kid)) for kid in UNWANTED),
    ("none", none()),
    ("HS256 with the public key in PEM", hs256()),
    ("expired", token(exp=NOW - 60)),
    ("no exp", token(exp=None)),
    ("nbf in an hour", token(nbf=NOW + 3600)),
    ("iat in an hour", token(iat=NOW + 3600, exp=NOW + 7200)),
    ("another audience", token(aud="another")),
    ("another issuer", token(iss=CLAIMS["iss"] + "x")),
    ("no sub", token(sub=None)),
    ("the kid of another key", token(header={"kid": "ES384"})),
    ("jku", token(header={"jku": "https://issuer.test/keys"})),
    ("jwk", token(header={"jwk": jwk("ES256")})),
    ("typ dpop+jwt", token(header={"typ": "dpop+jwt"})),
]
SETS = {"bare": {"keys": [jwk(kid) for kid in KEYS]}}
print(json.dumps({"sets": SETS, "tokens": {"good": GOOD, "swapped": SWAPPED, "bad": BAD}}))
