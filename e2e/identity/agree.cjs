// A corpus of tokens, and what npm's aws-jwt-verify (AWS's own) says of each: prints one line of JSON, for each of its
// verifiers what Usher has to be configured with, and the tokens with their names and verdicts.
const crypto = require("node:crypto");
const { CognitoJwtVerifier, JwtVerifier } = require("aws-jwt-verify");

const POOL = "eu-west-1_AbCdEfGhI";
const CLIENT = "1example23456789";
const COGNITO = `https://cognito-idp.eu-west-1.amazonaws.com/${POOL}`;
const OIDC = "https://issuer.test/";
const GRACE = 30;
const now = Math.floor(Date.now() / 1000);

const pair = (kid, alg, ...how) => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync(...how);
  return { kid, privateKey, publicKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg, use: "sig" } };
};
const rsa = (kid, alg) => pair(kid, alg, "rsa", { modulusLength: 2048 });
const ec = (kid, alg, namedCurve) => pair(kid, alg, "ec", { namedCurve });
// Cognito's key ids are base64 with its padding.
const key = rsa("key+1=", "RS256");
const stranger = rsa("stranger", "RS256");
const others = [
  rsa("RS384", "RS384"),
  rsa("RS512", "RS512"),
  ec("ES256", "ES256", "P-256"),
  ec("ES384", "ES384", "P-384"),
  ec("ES512", "ES512", "P-521"),
  pair("EdDSA", "EdDSA", "ed25519"),
];
const jwks = { keys: [key, ...others].map(({ jwk }) => jwk) };

const encode = (data) => Buffer.from(data).toString("base64url");
const sign = (by, message, alg = by.jwk.alg) => {
  const hash = alg === "EdDSA" ? null : `sha${alg.slice(2)}`;
  return crypto.sign(hash, message, { key: by.privateKey, dsaEncoding: "ieee-p1363" });
};
const compact = (by, header, payload, alg) => {
  const message = `${encode(header)}.${encode(payload)}`;
  return `${message}.${encode(sign(by, Buffer.from(message), alg))}`;
};
const json = JSON.stringify;
const HEADER = { kid: key.kid, alg: "RS256" };

// What any JWT may have wrong, as [name, token]; `base` is the claims of a good one.
function common(base) {
  const header = (changed) => compact(key, json({ ...HEADER, ...changed }), json(base));
  const claims = (changed) => compact(key, json(HEADER), json({ ...base, ...changed }));
  const text = (change, by = json) => compact(key, json(HEADER), change(by(base)));
  const good = claims({});
  const [head, body, signature] = good.split(".");
  const hs256 = (() => {
    const message = `${encode(json({ ...HEADER, alg: "HS256" }))}.${encode(json(base))}`;
    const pem = key.publicKey.export({ type: "spki", format: "pem" });
    return `${message}.${crypto.createHmac("sha256", pem).update(message).digest("base64url")}`;
  })();
  const flipped = Buffer.from(signature, "base64url");
  flipped[7] ^= 1;
  return [
    ["good", good],
    ["typ JWT", header({ typ: "JWT" })],
    ["typ at+jwt", header({ typ: "at+jwt" })],
    ["typ dpop+jwt", header({ typ: "dpop+jwt" })],
    ["kid missing", header({ kid: undefined })],
    ["kid unknown", header({ kid: "unknown" })],
    ["kid not text", header({ kid: 1 })],
    ["kid of a key for RS384", header({ kid: "RS384" })],
    ["alg none", `${encode(json({ ...HEADER, alg: "none" }))}.${body}.`],
    ["alg none, and a signature", header({ alg: "none" })],
    ["alg missing", header({ alg: undefined })],
    ["alg in small letters", header({ alg: "rs256" })],
    ["alg RS512 by the key for RS256", compact(key, json({ ...HEADER, alg: "RS512" }), json(base), "RS512")],
    ["alg HS256 with the public key", hs256],
    ["crit", header({ crit: ["exp"] })],
    ["jku", header({ jku: "https://issuer.test/keys" })],
    ["jwk", header({ jwk: key.jwk })],
    ["x5c", header({ x5c: ["AA=="] })],
    ["header member twice", compact(key, json(HEADER).replace("{", '{"alg":"RS512",'), json(base))],
    ["header not an object", compact(key, '["RS256"]', json(base))],
    ["claim twice", text((claims) => claims.replace("{", '{"sub":"mallory",'))],
    ["claims not an object", text(() => "[]")],
    ["claims not JSON", text((claims) => claims.slice(0, -1))],
    ["claims in Latin-1", text(() => Buffer.from(json({ ...base, name: "é" }), "latin1"))],
    ["__proto__ claim", text((claims) => claims.replace("{", '{"__proto__":{"admin":true},'))],
    ["signature altered", `${head}.${body}.${encode(flipped)}`],
    ["signature missing", `${head}.${body}.`],
    ["signature of a stranger", compact(stranger, json(HEADER), json(base))],
    ["claims altered", `${head}.${encode(json({ ...base, sub: "mallory" }))}.${signature}`],
    ["padded base64", `${head}.${body}.${signature}==`],
    ["two parts", `${head}.${body}`],
    ["four parts", `${good}.AA`],
    ["9000 bytes", claims({ filler: "x".repeat(9000) })],
    ["exp missing", claims({ exp: undefined })],
    ["exp an hour ago", claims({ exp: now - 3600 })],
    ["exp within the grace", claims({ exp: now - 1 })],
    ["exp with a fraction", claims({ exp: now + 3600.5 })],
    ["exp as text", claims({ exp: String(now + 3600) })],
    ["exp null", claims({ exp: null })],
    ["nbf in an hour", claims({ nbf: now + 3600 })],
    ["nbf within the grace", claims({ nbf: now + GRACE - 5 })],
    ["nbf as text", claims({ nbf: String(now) })],
    ["iat in an hour", claims({ iat: now + 3600 })],
    ["iat missing", claims({ iat: undefined })],
    ["iat as text", claims({ iat: String(now) })],
    ["iss missing", claims({ iss: undefined })],
    ["iss of another", claims({ iss: "https://another.test/" })],
    ["iss and a slash", claims({ iss: `${base.iss}/` })],
    ["iss in capitals", claims({ iss: base.iss.toUpperCase() })],
    ["iss a list", claims({ iss: [base.iss] })],
    ["sub missing", claims({ sub: undefined })],
    ["sub empty", claims({ sub: "" })],
    ["sub a number", claims({ sub: 7 })],
    ["scope a list", claims({ scope: ["a", "b"] })],
    ["jti a number", claims({ jti: 7 })],
  ];
}

// The claim that says for whom a token is: `aud`, or `client_id` of Cognito's access tokens.
function audience(base, name, another) {
  const claims = (changed) => compact(key, json(HEADER), json({ ...base, ...changed }));
  return [
    [`${name} missing`, claims({ [name]: undefined })],
    [`${name} of another`, claims({ [name]: "another" })],
    [`${name} empty`, claims({ [name]: "" })],
    [`${name} a list`, claims({ [name]: [base[name]] })],
    [`${name} a list with another`, claims({ [name]: ["another", base[name]] })],
    [`${name} a list with a number`, claims({ [name]: [7, base[name]] })],
    [`${name} a prefix of ours`, claims({ [name]: base[name].slice(0, -1) })],
    [`${another} in place of ${name}`, claims({ [name]: undefined, [another]: base[name] })],
    [`${another} of another beside ${name}`, claims({ [another]: "another" })],
  ];
}

function tokenUse(base, other) {
  const claims = (changed) => compact(key, json(HEADER), json({ ...base, ...changed }));
  return [
    ["token_use missing", claims({ token_use: undefined })],
    ["token_use of the other kind", claims({ token_use: other })],
    ["token_use unknown", claims({ token_use: "refresh" })],
    ["token_use a list", claims({ token_use: [base.token_use] })],
    ["cognito:groups a list", claims({ "cognito:groups": ["support"] })],
    ["cognito:groups text", claims({ "cognito:groups": "support" })],
    // Cognito's newer name for the same pool.
    ["iss issuer-cognito-idp", claims({ iss: base.iss.replace("//", "//issuer-") })],
    ["iss of another pool", claims({ iss: `${base.iss}x` })],
  ];
}

function judged(verifier, corpus) {
  verifier.cacheJwks(jwks);
  return corpus.map(([name, token]) => {
    let refusal = null;
    try {
      verifier.verifySync(token, { graceSeconds: GRACE });
    } catch (error) {
      refusal = error.message;
    }
    return { name, token, refusal };
  });
}

const cognito = (tokenUse) => CognitoJwtVerifier.create({ userPoolId: POOL, clientId: CLIENT, tokenUse });
const pool = { kind: "cognito", region: "eu-west-1", user_pool_id: POOL, client_ids: [CLIENT], jwks: json(jwks) };
const times = { iat: now, exp: now + 3600 };
const access = { sub: "alice", iss: COGNITO, client_id: CLIENT, token_use: "access", scope: "a b", ...times };
const id = { sub: "alice", iss: COGNITO, aud: CLIENT, token_use: "id", email: "alice@example.com", ...times };
const plain = { sub: "alice", iss: OIDC, aud: "usher", ...times };
const algorithms = others.map((by) => [by.jwk.alg, compact(by, json({ kid: by.kid, alg: by.jwk.alg }), json(plain))]);

const result = {
  access: {
    issuer: pool,
    tokens: judged(cognito("access"), [
      ...common(access),
      ...audience(access, "client_id", "aud"),
      ...tokenUse(access, "id"),
    ]),
  },
  id: {
    issuer: { ...pool, token_use: ["id"] },
    tokens: judged(cognito("id"), [...common(id), ...audience(id, "aud", "client_id"), ...tokenUse(id, "access")]),
  },
  oidc: {
    issuer: {
      kind: "oidc",
      issuer: OIDC,
      audiences: ["usher"],
      algorithms: ["RS256", "RS384", "RS512", "ES256", "ES384", "EdDSA"],
      jwks: json(jwks),
    },
    tokens: judged(JwtVerifier.create({ issuer: OIDC, audience: "usher" }), [
      ...common(plain),
      ...audience(plain, "aud", "client_id"),
      ...algorithms,
    ]),
  },
};
process.stdout.write(`${json(result)}\n`);
