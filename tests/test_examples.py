"""The examples do what they say."""

import asyncio
import json
import pathlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
from litestar.testing import AsyncTestClient

from crm_adapters.memory import MemoryDatabase
from crm_adapters.postgres import PostgresAccounts, PostgresDatabase, migrate
from crm_core import LEADS, WEBHOOKS, Actor, Attempt, Event, FileStore, User, WebhookSender
from crm_core.embedding import Crm
from crm_core.testing import FileStoreContract, Scene, own_registration
from crm_core.use_cases import users
from tests.examples import on_memory, own_transaction, queue_sender, shop, sqlite_files
from tests.examples.invoices.crm_invoices import register_invoices
from tests.http import commands

EXAMPLES = pathlib.Path(__file__).parent / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: pathlib.Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) < 80


def test_the_script_on_memory_prints_what_it_did() -> None:
    done = subprocess.run([sys.executable, on_memory.__file__], capture_output=True, text=True, check=False)

    assert done.stdout.splitlines() == [
        "created 1",
        "changed 2 True",
        "found True",
        "name: This field may not be blank.",
        "attributes.colour: This attribute is not defined.",
    ], done.stderr


def test_an_order_and_its_lead_are_committed_together_or_not_at_all(new_database: Callable[[], str]) -> None:
    url = new_database()

    async def order() -> tuple[int, int]:
        await migrate(url)
        with psycopg.connect(url) as connection:
            connection.execute("insert into app_user (username, password_hash) values ('shop', '!')")
        app = own_transaction.create_app(url, User(id=1, username="shop"))
        async with AsyncTestClient(app) as client:
            good = await client.post("/orders", json={"item": "book", "customer": "Ann"})
            bad = await client.post("/orders", json={"item": "pen", "customer": ""})
        assert bad.json() == ["name: This field may not be blank."]
        return good.status_code, bad.status_code

    assert asyncio.run(order()) == (201, 422)
    with psycopg.connect(url) as connection:
        together = "select item, document ->> 'name' from shop_order full join lead on document ->> 'name' = customer"
        assert connection.execute(together).fetchall() == [("book", "Ann")]


def test_the_shop_s_orders_work_on_the_memory_alone() -> None:
    async def facts() -> None:
        crm = Crm(MemoryDatabase()).as_(Actor(user=User(id=1, username="shop"), is_superuser=True))
        pipeline = await crm.pipelines.create(name="Orders", stages=[{"name": "Ordered"}, {"name": "Shipped"}])
        lead = await shop.take_order(crm, pipeline.id, "Ann")
        await shop.take_order(crm, pipeline.id, "Bea")

        assert await shop.ship(crm, lead) == ["Ordered", "Shipped"]
        assert await shop.open_orders(crm) == ["Bea"]

    asyncio.run(facts())


def test_the_shop_commits_an_order_and_its_lead_and_is_told_of_changes(new_database: Callable[[], str]) -> None:
    url = new_database()
    told: asyncio.Queue[Event] = asyncio.Queue()

    async def facts() -> None:
        await migrate(url)
        async with shop.running(url, told.put_nowait) as (pool, crm):
            await users.add_external_user(PostgresAccounts(pool), "shop", groups=["Sales", "Operations"])
            mine = await crm.as_user("shop")
            pipeline = await mine.pipelines.create(name="Orders", stages=[{"name": "Ordered"}, {"name": "Shipped"}])
            async with pool.transaction() as connection:
                on = Crm(PostgresDatabase.on(connection)).as_(mine.actor)
                lead = await shop.take_order(on, pipeline.id, "Ann")
                await connection.execute("insert into shop_order values (%s, 'book')", [lead.id])
            await shop.ship(mine, lead)
            event = await asyncio.wait_for(told.get(), 60)
            assert event.changes["stage"] == {"from": "Ordered", "to": "Shipped"}

    asyncio.run(facts())


class TestSqliteFileStore(FileStoreContract):
    @pytest.fixture(autouse=True)
    def _at(self, tmp_path: pathlib.Path) -> None:
        self.path = tmp_path / "files.sqlite"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[FileStore]:
        store = sqlite_files.SqliteFileStore(self.path)
        yield store
        store.close()


def test_deliveries_come_to_the_queue_and_one_that_is_full_is_an_outcome() -> None:
    async def deliver() -> list[object]:
        scene = Scene(db := MemoryDatabase())
        queue: asyncio.Queue[Attempt] = asyncio.Queue(1)
        sender: WebhookSender = queue_sender.QueueSender(queue)
        await scene.create(WEBHOOKS, name="w", model="Lead", url="https://example.com/leads")
        async with queue_sender.delivering(db, db.outbox, queue):
            await scene.create(LEADS, name="John")
            attempt = await queue.get()
        queue.put_nowait(attempt)
        outcome = await sender.send(attempt)
        return [outcome.error, attempt.url, json.loads(attempt.body)["type"]]

    assert asyncio.run(deliver()) == ["The queue is full.", "https://example.com/leads", "lead.created"]


def install(place: pathlib.Path, name: str, entry_point: str) -> None:
    """Leave what an installation of a package leaves: its metadata, with the entry point."""
    metadata = place / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(f"[crm_core.resources]\ninvoices = {entry_point}\n", "utf-8")


def test_an_installed_package_adds_its_resource_to_every_command(
    tmp_path: pathlib.Path, new_database: Callable[[], str]
) -> None:
    project = tomllib.loads((EXAMPLES / "invoices" / "pyproject.toml").read_text("utf-8"))
    [entry_point] = project["project"]["entry-points"]["crm_core.resources"].values()
    install(tmp_path, project["project"]["name"], entry_point)
    shutil.copytree(EXAMPLES / "invoices" / "crm_invoices", tmp_path / "crm_invoices")
    url = new_database()
    with own_registration():
        register_invoices()
        asyncio.run(migrate(url))

    # A process of its own, as the choices of a command are those of the resources at its import.
    done = subprocess.run(
        [sys.executable, "-m", "crm_http", "export", "invoices"],
        env=commands.environment(tmp_path, CRM_DATABASE_URL=url, PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("id,number,client,amount,currency,state"), done.stderr


def test_an_entry_point_that_is_broken_is_one_line_that_names_the_distribution(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, "crm-broken", "no_such_module:register")
    monkeypatch.syspath_prepend(tmp_path)
    with own_registration():
        done = commands.Crm(tmp_path)("export", "clients")

    assert (done.code, done.out) == (1, "")
    assert done.err == (
        "crm: The resource invoices cannot be registered: the entry point no_such_module:register of crm-broken "
        "is broken: ModuleNotFoundError: No module named 'no_such_module'.\n"
    )
