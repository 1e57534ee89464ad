// Keys and tokens as npm's jose makes them. Prints one line of JSON: the key set twice, `bare` as jose exports keys (with
// a `kid`, which it leaves to its callers) and `labelled` with `alg` and `use` as well; and tokens, each with a name, by
// what must become of them. The only argument is the claims of every good token, as JSON.
const { createPublicKey } = require("node:crypto");
const jose = require("jose");

const WANTED = "RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA Ed25519".split(" ");
// These are in the key set too, and the others must not suffer from it.
const UNWANTED = ["ES512", "ML-DSA-44"];

async function main() {
  const claims = JSON.parse(process.argv[2]);
  const keys = {};
  for (const alg of [...UNWANTED, ...WANTED]) {
    const pair = await jose.generateKeyPair(alg, { extractable: true });
    const jwk = await jose.exportJWK(pair.publicKey);
    keys[alg] = { ...pair, jwk, kid: await jose.calculateJwkThumbprint(jwk) };
  }
  const set = (label) => ({
    keys: Object.entries(keys).map(([alg, { jwk, kid }]) => ({ ...jwk, kid, ...label(alg) })),
  });

  // A token that is good but for what is said here.
  const token = async ({ alg = "ES256", by = alg, key = keys[by].privateKey, header, exp = "1h", set, ...other }) => {
    const builder = new jose.SignJWT({ ...claims, ...other });
    builder.setProtectedHeader({ alg, kid: keys[by].kid, ...header }).setIssuedAt();
    if (exp) builder.setExpirationTime(exp);
    set?.(builder);
    return builder.sign(key);
  };
  const collect = (wanted) => Promise.all(wanted.map(async ([name, made]) => [name, await made]));

  const good = [
    ...WANTED.map((alg) => [alg, token({ alg })]),
    ["typ JWT", token({ header: { typ: "JWT" } })],
    ["typ at+jwt", token({ header: { typ: "at+jwt" } })],
    ["several audiences", token({ aud: ["another", claims.aud] })],
    ["nbf now", token({ set: (builder) => builder.setNotBefore("0s") })],
  ];

  // What a key could do by its kind, but not by its label. jose ties a key to one algorithm, so it reads it anew.
  const swapped = [
    ["RS256", "RS512"],
    ["RS512", "PS256"],
    ["PS384", "RS384"],
  ].map(async ([by, alg]) => {
    const key = await jose.importJWK(await jose.exportJWK(keys[by].privateKey), alg);
    return [`${alg} by the key for ${by}`, await token({ alg, by, key })];
  });

  const rsa = keys.RS256.jwk;
  const pem = createPublicKey({ key: rsa, format: "jwk" }).export({ type: "spki", format: "pem" });
  const hs256 = (secret) => token({ alg: "HS256", by: "RS256", key: new TextEncoder().encode(secret) });
  const encrypted = new jose.EncryptJWT(claims).setIssuedAt().setExpirationTime("1h");
  encrypted.setProtectedHeader({ alg: "dir", enc: "A256GCM", kid: keys.RS256.kid });
  const bad = [
    ...UNWANTED.map((alg) => [alg, token({ alg })]),
    ["none", new jose.UnsecuredJWT(claims).setIssuedAt().setExpirationTime("1h").encode()],
    ["HS256 with the public key in PEM", hs256(pem)],
    ["HS256 with the public key as JWK", hs256(JSON.stringify(rsa))],
    ["HS256 with the modulus", hs256(rsa.n)],
    ["expired", token({ exp: "-1m" })],
    ["no exp", token({ exp: null })],
    ["nbf in an hour", token({ set: (builder) => builder.setNotBefore("1h"), exp: "2h" })],
    ["iat in an hour", token({ set: (builder) => builder.setIssuedAt("1h"), exp: "2h" })],
    ["another audience", token({ aud: "another" })],
    ["another issuer", token({ iss: `${claims.iss}x` })],
    ["no sub", token({ sub: undefined })],
    ["no kid", token({ header: { kid: undefined } })],
    ["the kid of another key", token({ header: { kid: keys.ES384.kid } })],
    ["jwk", token({ header: { jwk: keys.ES256.jwk } })],
    ["jku", token({ header: { jku: "https://issuer.test/keys" } })],
    ["x5u", token({ header: { x5u: "https://issuer.test/certificate" } })],
    ["x5c", token({ header: { x5c: ["AA=="] } })],
    ["crit", token({ header: { crit: ["b64"], b64: true } })],
    ["typ dpop+jwt", token({ header: { typ: "dpop+jwt" } })],
    ["typ logout+jwt", token({ header: { typ: "logout+jwt" } })],
    ["encrypted", encrypted.encrypt(new Uint8Array(32))],
  ];

  const sets = { bare: set(() => ({})), labelled: set((alg) => ({ alg, use: "sig" })) };
  const tokens = { good: await collect(good), swapped: await Promise.all(swapped), bad: await collect(bad) };
  process.stdout.write(`${JSON.stringify({ sets, tokens })}\n`);
}

main();
