// Keys that are typed in stay in this page's memory; nothing is asked of anybody but this gateway.
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  docExpansion: "none",
  filter: true,
  // Who may use an operation.
  showExtensions: true,
  persistAuthorization: false,
  validatorUrl: null,
});
