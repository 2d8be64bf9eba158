// The reference page: Swagger UI, a login whose token is kept in memory alone, and examples that name what is there.
"use strict";

// The path of the API, which may be below another one: this script is at <root>docs/reference.js.
const root = new URL("..", document.currentScript.src).pathname;
let token = "";
// The ids of the records that were made or listed last, by the last part of the paths of their lists.
const latest = {};
const login = document.getElementById("login");
const logout = document.getElementById("logout");
const status = document.getElementById("status");

// Swagger UI keeps only the rows in view where it lists 150 or more, so that the browser's own search and printing miss
// the others. Each tag is listed by itself, and has fewer rows.
const listTagByTag = ({ React }) => ({
  wrapComponents: {
    operations: (Operations) => (props) => {
      const tags = props.specSelectors.taggedOperations();
      if (tags.isEmpty()) return React.createElement(Operations, props);
      const list = (name) => {
        const specSelectors = { ...props.specSelectors, taggedOperations: () => tags.filter((_, tag) => tag === name) };
        return React.createElement(Operations, { ...props, key: name, specSelectors });
      };
      return tags.keySeq().map(list).toArray();
    },
  },
});

let ui = null;

ui = SwaggerUIBundle({
  url: `${root}schema/openapi.json`,
  domNode: document.getElementById("reference"),
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  plugins: [listTagByTag],
  tryItOutEnabled: true,
  validatorUrl: null,
  defaultModelsExpandDepth: -1,
  // The description itself tells more to those who are logged in.
  requestInterceptor: (request) => {
    if (token && !request.headers.Authorization) request.headers.Authorization = `Token ${token}`;
    request.url = withLatest(request.url);
    request.body = bodyWithLatest(request.body);
    return request;
  },
  responseInterceptor: (response) => {
    remember(response);
    return response;
  },
});

function exampleIds() {
  return ui?.specSelectors.specJson().get("x-example-ids")?.toJS() ?? {};
}

// An example's id stands for the record that was made last.
function withLatest(text) {
  return Object.entries(exampleIds()).reduce((now, [name, id]) => now.replaceAll(id, latest[name] ?? id), text);
}

function bodyWithLatest(body) {
  if (typeof body === "string") return withLatest(body);
  return body?.constructor === Object ? JSON.parse(withLatest(JSON.stringify(body))) : body;
}

function remember({ ok, url, obj }) {
  const record = Array.isArray(obj) ? obj[0] : obj;
  const names = Object.keys(exampleIds());
  const name = new URL(url, location).pathname.split("/").findLast((part) => names.includes(part));
  if (ok && name && record?.id) latest[name] = record.id;
}

// The padlocks of operations are closed while there is a token.
function showLocks() {
  if (!token) return ui.authActions.logout(["bearer", "token"]);
  ui.preauthorizeApiKey("bearer", token);
  ui.preauthorizeApiKey("token", `Token ${token}`);
}

function show(text) {
  status.textContent = text;
  login.hidden = Boolean(token);
  logout.hidden = !token;
  showLocks();
  ui.specActions.download(`${root}schema/openapi.json`);
}

async function send(method, headers, body) {
  try {
    return await fetch(`${root}api-token-auth/`, { method, headers, body });
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
