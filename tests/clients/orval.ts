// orval, its fetch client and its zod schemas. `workaround` marks each line that a plain API would not need.
import assert from "node:assert/strict";
import * as crm from "./generated/orval_fetch";
import * as schemas from "./generated/orval_zod";

const [url, username, password] = [process.env.CRM_URL!, process.env.CRM_USER!, process.env.CRM_PASSWORD!];
const plain = globalThis.fetch;
const auth: Record<string, string> = {}; // for all calls: the place of a call's options depends on its query parameters
globalThis.fetch = (path, init) => plain(`${url}${path}`, { ...init, headers: { ...init?.headers, ...auth } }); // workaround: the address is fixed when generated
const login = await crm.logIn({ username, password });
assert.ok(login.status === 200);
auth.Authorization = `Bearer ${login.data.token}`;

const field = await crm.clientAttributesCreate({ name: "branch", label: "Branch", type: "text" });
assert.equal(field.status, 201);
const acme = await crm.clientsCreate(schemas.clientsCreateBody.parse({ name: "Gamma", attributes: { branch: "Tech" } }));
assert.ok(acme.status === 201);
const jane = await crm.servicesCreate({ name: "Jane", client: acme.data.id });
assert.equal(jane.status, 201);
const lead = await crm.leadsCreate(schemas.leadsCreateBody.parse({ name: "Ada", list_of_tasks: [{ task: "Call" }] }));
assert.ok(lead.status === 201);
const done = await crm.leadsUpdateTask(lead.data.id, { task_id: lead.data.list_of_tasks[0]!.id, completed: true });
assert.ok(done.status === 200 && done.data.list_of_tasks[0]!.completed);

await crm.clientsCreate({ name: "Gamma Two" });
const names: string[] = [];
let cursor: string | undefined;
do {
  const page = await crm.clientsList({ name: "Gamma", limit: 1, ...(cursor ? { cursor } : {}) });
  assert.ok(page.status === 200);
  names.push(...page.data.map((each) => each.name));
  cursor = new URLSearchParams(/<[^>]*\?([^>]*)>/.exec(page.headers.get("Link") ?? "")?.[1]).get("cursor") ?? undefined;
} while (cursor);
assert.deepEqual(names, ["Gamma Two", "Gamma"]);

const file = new Blob([Buffer.from(process.env.CRM_IMAGE!, "base64")]);
const upload = await crm.clientsUpload(acme.data.id, { file });
assert.equal(upload.status, 201);
const body = schemas.webhooksCreateBody.parse({ name: "Hook", model: "Lead", url: "http://127.0.0.1:9/{id}" });
assert.equal((await crm.webhooksCreate(body)).status, 201);
assert.equal((await crm.clientsCreate({ name: "" })).status, 400);
const headers = { "Content-Type": "application/json", "If-Match": '"1"' };
const stale = await crm.leadsPartialUpdate(lead.data.id, { name: "Eve" }, { headers });
assert.equal(stale.status, 412);
