// @hey-api/openapi-ts. `workaround` marks each line that a plain API would not need.
import assert from "node:assert/strict";
import { client } from "./generated/hey_api/client.gen";
import * as crm from "./generated/hey_api";

const [baseUrl, username, password] = [process.env.CRM_URL!, process.env.CRM_USER!, process.env.CRM_PASSWORD!];
client.setConfig({ baseUrl });
const login = await crm.logIn({ body: { username, password } });
client.setConfig({ baseUrl, auth: login.data!.token });

const field = await crm.clientAttributesCreate({ body: { name: "sector", label: "Sector", type: "text" } });
assert.equal(field.response?.status, 201);
const acme = await crm.clientsCreate({ body: { name: "Beta", attributes: { sector: "Tech" } } });
const jane = await crm.servicesCreate({ body: { name: "Jane", client: acme.data!.id } });
assert.equal(jane.data!.client, acme.data!.id);
const lead = await crm.leadsCreate({ body: { name: "Ada", list_of_tasks: [{ task: "Call" }] } });
const path = { id: lead.data!.id };
const done = await crm.leadsUpdateTask({ path, body: { task_id: lead.data!.list_of_tasks[0]!.id, completed: true } });
assert.equal(done.data!.list_of_tasks[0]!.completed, true);

await crm.clientsCreate({ body: { name: "Beta Two", attributes: { sector: "Tech" } } });
const names: string[] = [];
let cursor: string | undefined;
do {
  const page = await crm.clientsList({ query: { name: "Beta", limit: 1, cursor } });
  names.push(...page.data!.map((each) => each.name));
  cursor = new URLSearchParams(/<[^>]*\?([^>]*)>/.exec(page.response!.headers.get("Link") ?? "")?.[1]).get("cursor") ?? undefined;
} while (cursor);
assert.deepEqual(names, ["Beta Two", "Beta"]);
const exported = await crm.clientsExport({ query: { format: "csv" } });
assert.match(exported.data as unknown as string, /Beta Two/); // workaround: it has one type for all formats, Blob

const file = new Blob([Buffer.from(process.env.CRM_IMAGE!, "base64")]);
const upload = await crm.clientsUpload({ path: { id: acme.data!.id }, body: { file } });
assert.equal(upload.data!.list_of_images.length, 1);

const hook = await crm.webhooksCreate({ body: { name: "Hook", model: "Lead", url: "http://127.0.0.1:9/{id}" } });
assert.ok(hook.data!.secret!.startsWith("whsec_"));

const refused = await crm.clientsCreate({ body: { name: "" } });
assert.equal(refused.response?.status, 400);
const stale = await crm.leadsPartialUpdate({ path, headers: { "If-Match": '"1"' }, body: { name: "Eve" } });
assert.equal(stale.response?.status, 412);
