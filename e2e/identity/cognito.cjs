// cognito-local on a free port, with a pool of two clients and two users who have signed up and in through AWS's own
// client. Prints one line of JSON when it is ready, and serves until it is killed. It keeps its files where it is run.
const http = require("node:http");

async function main() {
  // The port goes into `iss`, so that it has to be known before cognito-local is loaded; and closing a probe to give its
  // port away is a race. So the socket is there first, and gets cognito-local's application when that exists.
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  process.env.PORT = String(server.address().port);
  process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = "1";
  const { createDefaultServer } = require("cognito-local");
  const pino = require(require.resolve("pino", { paths: [require.resolve("cognito-local")] }));
  const cognitoLocal = await createDefaultServer(pino({ level: "warn" }, process.stderr));
  server.on("request", cognitoLocal.application);

  const AWS = require("aws-sdk/global");
  const Cognito = require("aws-sdk/clients/cognitoidentityserviceprovider");
  const endpoint = `http://localhost:${process.env.PORT}`;
  const api = new Cognito({
    endpoint,
    region: "local",
    credentials: new AWS.Credentials("local", "local"),
    maxRetries: 0,
  });

  const { UserPool: pool } = await api.createUserPool({ PoolName: "users" }).promise();
  const client = async (name) => {
    const made = api.createUserPoolClient({
      UserPoolId: pool.Id,
      ClientName: name,
      ExplicitAuthFlows: ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
    });
    return (await made.promise()).UserPoolClient.ClientId;
  };
  const clients = { app: await client("app"), other: await client("other") };

  const signIn = async (clientId, flow, parameters) => {
    const made = api.initiateAuth({ ClientId: clientId, AuthFlow: flow, AuthParameters: parameters });
    const { AccessToken, IdToken, RefreshToken } = (await made.promise()).AuthenticationResult;
    return { access: AccessToken, id: IdToken, refresh: RefreshToken };
  };
  const user = async (name, group) => {
    const email = `${name}@example.com`;
    const password = "Correct-Horse-1";
    const signedUp = await api
      .signUp({
        ClientId: clients.app,
        Username: email,
        Password: password,
        UserAttributes: [{ Name: "email", Value: email }],
      })
      .promise();
    await api.adminConfirmSignUp({ UserPoolId: pool.Id, Username: email }).promise();
    if (group) {
      await api.createGroup({ UserPoolId: pool.Id, GroupName: group }).promise();
      await api.adminAddUserToGroup({ UserPoolId: pool.Id, Username: email, GroupName: group }).promise();
    }
    const credentials = { USERNAME: email, PASSWORD: password };
    const app = await signIn(clients.app, "USER_PASSWORD_AUTH", credentials);
    const other = await signIn(clients.other, "USER_PASSWORD_AUTH", credentials);
    const refreshed = await signIn(clients.app, "REFRESH_TOKEN_AUTH", { REFRESH_TOKEN: app.refresh });
    return { sub: signedUp.UserSub, app, other, refreshed };
  };
  const users = { alice: await user("alice"), support: await user("support", "support") };
  process.stdout.write(`${JSON.stringify({ endpoint, pool: pool.Id, clients, users })}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
