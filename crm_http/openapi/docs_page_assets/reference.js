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

async function send(method, headers, body) {
  try {
    return await fetch("/api-token-auth/", { method, headers, body });
  } catch {
    return new Response('{"detail": "The server cannot be reached."}', { status: 503 });
  }
}

async function tell(answer) {
  status.textContent = Object.values(await answer.json()).flat().join(" ");
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { username, password } = Object.fromEntries(new FormData(login));
  login.reset();
  const answer = await send("POST", { "Content-Type": "application/json" }, JSON.stringify({ username, password }));
  if (!answer.ok) return tell(answer);
  token = (await answer.json()).token;
  show(`Logged in as ${username}. The token is forgotten when this page is left.`);
});

logout.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await send("DELETE", { Authorization: `Token ${token}` });
  // A token that the server no longer takes has ended; another answer leaves it good.
  if (!answer.ok && answer.status !== 401) return tell(answer);
  token = "";
  show("Logged out.");
});
