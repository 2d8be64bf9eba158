// openapi-typescript with openapi-fetch. `workaround` marks each line that a plain API would not need.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi_typescript";

const [baseUrl, username, password] = [process.env.CRM_URL!, process.env.CRM_USER!, process.env.CRM_PASSWORD!];
const open = createClient<paths>({ baseUrl });
const login = await open.POST("/api-token-auth/", { body: { username, password } });
const crm = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${login.data!.token}` } });

const field = await crm.POST("/api/attributes/client/", { body: { name: "trade", label: "Trade", type: "text" } });
assert.equal(field.response.status, 201);
const acme = await crm.POST("/api/clients/", { body: { name: "Acme", attributes: { trade: "Tech" } } });
const jane = await crm.POST("/api/services/", { body: { name: "Jane", client: acme.data!.id } });
assert.equal(jane.data!.client, acme.data!.id);
const lead = await crm.POST("/api/leads/", { body: { name: "Ada", list_of_tasks: [{ task: "Call" }] } });
const one = { path: { id: lead.data!.id } };
const done = await crm.POST("/api/leads/{id}/update-task/", {
  params: one,
  body: { task_id: lead.data!.list_of_tasks[0]!.id, completed: true },
});
assert.equal(done.data!.list_of_tasks[0]!.completed, true);

await crm.POST("/api/clients/", { body: { name: "Acme Two", attributes: { trade: "Tech" } } });
const names: string[] = [];
let cursor: string | undefined;
do {
  const page = await crm.GET("/api/clients/", { params: { query: { name: "Acme", limit: 1, cursor } } });
  names.push(...page.data!.map((each) => each.name));
  cursor = new URLSearchParams(/<[^>]*\?([^>]*)>/.exec(page.response.headers.get("Link") ?? "")?.[1]).get("cursor") ?? undefined;
} while (cursor);
assert.deepEqual(names, ["Acme Two", "Acme"]);
const exported = await crm.GET("/api/clients/export/", { params: { query: { format: "csv" } }, parseAs: "text" });
assert.match(exported.data!, /Acme Two/);

const image = new Blob([Buffer.from(process.env.CRM_IMAGE!, "base64")]);
const upload = await crm.POST("/api/clients/{id}/files/", {
  params: { path: { id: acme.data!.id } },
  body: { file: image as unknown as string }, // workaround: the tool's type of a file is string
  bodySerializer: (body) => { const form = new FormData(); form.set("file", body.file as unknown as Blob); return form; }, // workaround
});
assert.equal(upload.data!.list_of_images.length, 1);

const hook = await crm.POST("/api/webhooks/", { body: { name: "Hook", model: "Lead", url: "http://127.0.0.1:9/{id}" } });
assert.ok(hook.data!.secret!.startsWith("whsec_"));

const refused = await crm.POST("/api/clients/", { body: { name: "" } });
assert.equal(refused.response.status, 400);
const stale = await crm.PATCH("/api/leads/{id}/", { params: { ...one, header: { "If-Match": '"1"' } }, body: { name: "Eve" } });
assert.equal(stale.response.status, 412);
// @ts-expect-error: what is no member of a change of a task does not compile
export const change: components["schemas"]["TaskChange"] = { task_id: lead.data!.id, nonsense: 1 };
