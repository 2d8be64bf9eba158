"""A script with the client of openapi-python-client. ``workaround`` marks each line that a plain API would not need."""

import base64
import io
import os
import re
from uuid import UUID

from crm_api_client import AuthenticatedClient, Client
from crm_api_client.api.attributes import client_attributes_create
from crm_api_client.api.authentication import log_in
from crm_api_client.api.clients import clients_create, clients_export, clients_list, clients_upload
from crm_api_client.api.leads import leads_create, leads_partial_update, leads_update_task
from crm_api_client.api.services import services_create
from crm_api_client.api.webhooks import webhooks_create
from crm_api_client.models import (
    AttributeCreate,
    ClientCreate,
    Credentials,
    ImageUpload,
    LeadCreate,
    LeadUpdate,
    ServiceCreate,
    TaskChange,
    TaskInput,
    Token,
    WebhookCreate,
)
from crm_api_client.types import File

url, user, password = (os.environ[name] for name in ("CRM_URL", "CRM_USER", "CRM_PASSWORD"))
token = log_in.sync(client=Client(base_url=url), body=Credentials(username=user, password=password))
assert isinstance(token, Token)
crm = AuthenticatedClient(base_url=url, token=token.token)

field = client_attributes_create.sync_detailed(
    client=crm, body=AttributeCreate(name="craft", label="Craft", type_="text")
)
assert field.status_code == 201
acme = clients_create.sync_detailed(client=crm, body=ClientCreate(name="Delta"))
assert acme.status_code == 201
jane = services_create.sync_detailed(client=crm, body=ServiceCreate(name="Jane", client=acme.parsed.id))
assert jane.status_code == 201
lead = leads_create.sync_detailed(client=crm, body=LeadCreate(name="Ada", list_of_tasks=[TaskInput(task="Call")]))
assert lead.status_code == 201
id_: UUID = lead.parsed.id
change = TaskChange(task_id=lead.parsed.list_of_tasks[0].id, completed=True)
done = leads_update_task.sync_detailed(client=crm, id=id_, body=change)
assert done.parsed.list_of_tasks[0].completed

clients_create.sync(client=crm, body=ClientCreate(name="Delta Two"))
names, cursor = [], ""
while True:
    page = clients_list.sync_detailed(client=crm, name="Delta", limit=1, **({"cursor": cursor} if cursor else {}))
    names += [each.name for each in page.parsed]
    if not (found := re.search("cursor=([^&>]+)", page.headers.get("Link", ""))):
        break
    cursor = found[1]
assert names == ["Delta Two", "Delta"]
assert "Delta Two" in clients_export.sync(client=crm, format_="csv")

image = File(io.BytesIO(base64.b64decode(os.environ["CRM_IMAGE"])), "image.jpg", "image/jpeg")
upload = clients_upload.sync_detailed(client=crm, id=acme.parsed.id, body=ImageUpload(file=image))
assert upload.status_code == 201
hook = WebhookCreate(name="Hook", model="Lead", url="http://127.0.0.1:9/{id}")
assert webhooks_create.sync_detailed(client=crm, body=hook).status_code == 201
assert clients_create.sync_detailed(client=crm, body=ClientCreate(name="")).status_code == 400
stale = leads_partial_update.sync_detailed(client=crm, id=id_, body=LeadUpdate(name="Eve"), if_match='"1"')
assert stale.status_code == 412
