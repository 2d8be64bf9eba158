// The reference page: Swagger UI, and a login whose token is kept in memory alone.
"use strict";

let token = "";
const login = document.getElementById("login");
const logout = document.getElementById("logout");
const status = document.getElementById("status");

const ui = SwaggerUIBundle({
  url: "/schema/openapi.json",
  domNode: document.getElementById("reference"),
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
  // The description itself tells more to those who are logged in.
  requestInterceptor: (request) => {
    if (token && !request.headers.Authorization) request.headers.Authorization = `Token ${token}`;
    return request;
  },
});

function show(text) {
  status.textContent = text;
  login.hidden = Boolean(token);
  logout.hidden = !token;
  ui.specActions.download("/schema/openapi.json");
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(login));
  login.reset();
  const answer = await fetch("/api-token-auth/", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username, password }),
  });
  const told = await answer.json();
  if (!answer.ok) return void (status.textContent = Object.values(told).flat().join(" "));
  token = told.token;
  show(`Logged in as ${username}. The token is forgotten when this page is left.`);
});

logout.addEventListener("submit", async (event) => {
  event.preventDefault();
  await fetch("/api-token-auth/", { method: "DELETE", headers: { Authorization: `Token ${token}` } });
  token = "";
  show("Logged out.");
});
