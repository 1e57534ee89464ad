// Addresses are relative to the page's: behind a gateway it may lie under a stage's prefix.
const METHODS = ["get", "put", "patch", "delete", "head", "options"];
const rank = (operation) => METHODS.indexOf(operation.get("method"));

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  operationsSorter: (one, other) => rank(one) - rank(other),
  tryItOutEnabled: true,
  // The default sends the document to a validator elsewhere.
  validatorUrl: null,
  // A token does not outlive the page.
  persistAuthorization: false,
});
