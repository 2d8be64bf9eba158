"""A script with the client of openapi-generator. ``workaround`` marks each line that a plain API would not need."""

# workaround: the client is generated from the document without its webhooks, see run.py
import base64
import os
import re
from collections.abc import Callable

import crm_generated as crm


def status_of(call: Callable[[], object]) -> int | None:
    """The status of a call that is refused."""
    try:
        call()
    except crm.ApiException as refused:
        status: int | None = refused.status
        return status
    return None


url, user, password = (os.environ[name] for name in ("CRM_URL", "CRM_USER", "CRM_PASSWORD"))
open_ = crm.ApiClient(crm.Configuration(host=url))
token = crm.AuthenticationApi(open_).log_in(crm.Credentials(username=user, password=password)).token
api = crm.ApiClient(crm.Configuration(host=url, access_token=token))

crm.AttributesApi(api).client_attributes_create(crm.AttributeCreate(name="guild", label="Guild", type="text"))
clients = crm.ClientsApi(api)
acme = clients.clients_create(crm.ClientCreate(name="Epsilon", attributes={"guild": "Tech"}))
jane = crm.ServicesApi(api).services_create(crm.ServiceCreate(name="Jane", client=acme.id))
assert jane.client == acme.id
leads = crm.LeadsApi(api)
lead = leads.leads_create(crm.LeadCreate(name="Ada", list_of_tasks=[crm.TaskInput(task="Call")]))
done = leads.leads_update_task(lead.id, crm.TaskChange(task_id=lead.list_of_tasks[0].id, completed=True))
assert done.list_of_tasks[0].completed

clients.clients_create(crm.ClientCreate(name="Epsilon Two"))
names, cursor = [], None
while True:
    page = clients.clients_list_with_http_info(name="Epsilon", limit=1, cursor=cursor)
    names += [each.name for each in page.data]
    found = re.search("cursor=([^&>]+)", (page.headers or {}).get("link", ""))
    if not found:
        break
    cursor = found[1]
assert names == ["Epsilon Two", "Epsilon"]
assert b"Epsilon Two" in clients.clients_export(format="csv")

upload = clients.clients_upload(acme.id, file=("image.jpg", base64.b64decode(os.environ["CRM_IMAGE"])))
assert len(upload.list_of_images) == 1
hook = crm.WebhooksApi(api).webhooks_create(crm.WebhookCreate(name="Hook", model="Lead", url="http://127.0.0.1:9/{id}"))
assert hook.secret.startswith("whsec_")
assert status_of(lambda: clients.clients_create(crm.ClientCreate.model_construct(name=""))) == 400
update = crm.LeadUpdate(name="Eve")
assert status_of(lambda: leads.leads_partial_update(lead.id, if_match='"1"', lead_update=update)) == 412
