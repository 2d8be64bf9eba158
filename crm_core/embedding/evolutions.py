"""The calls that change an attribute in all records, each with a dry run."""

from collections.abc import Mapping
from typing import Unpack
from uuid import UUID

import attrs

from crm_core.arguments.conversions import ConversionOptions
from crm_core.arguments.values import sendable
from crm_core.embedding.calls import R_co, call
from crm_core.embedding.records import RecordCallsWithBulk, expected_versions
from crm_core.engine.decisions import id_of
from crm_core.model.entities import Attribute
from crm_core.model.evolutions import EvolutionReport
from crm_core.use_cases import evolutions
from crm_core.use_cases.evolution_requests import EvolutionKind, Target


@attrs.define(slots=False, eq=False)
class EvolvingCalls(RecordCallsWithBulk[R_co, Attribute]):
    """The calls of attributes that change all records that hold them."""

    @call
    async def rename(
        self,
        id_: UUID | str,
        name: str,
        /,
        *,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
    ) -> Attribute:
        """Rename an attribute, in webhooks and records too; return it.

        Args:
            id_: the id of the attribute.
            name: the new name.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        return await self._evolve("rename", id_, {"name": name}, if_match, idempotency_key)

    @call
    async def rename_dry_run(self, id_: UUID | str, name: str, /) -> EvolutionReport:
        """Return what ``rename`` would change; nothing is changed.

        Args:
            id_: the id of the attribute.
            name: as in ``rename``.
        """
        return await self._evolve_dry_run("rename", id_, {"name": name})

    @call
    async def rename_value(
        self,
        id_: UUID | str,
        old: str,
        new: str,
        /,
        *,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
    ) -> Attribute:
        """Rename a value of a list, in records too; return the attribute.

        Args:
            id_: the id of the attribute.
            old: the value.
            new: its new name; one that the list has already merges the two.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        return await self._evolve("values/rename", id_, {"from": old, "to": new}, if_match, idempotency_key)

    @call
    async def rename_value_dry_run(self, id_: UUID | str, old: str, new: str, /) -> EvolutionReport:
        """Return what ``rename_value`` would change; nothing is changed.

        Args:
            id_: the id of the attribute.
            old: as in ``rename_value``.
            new: as in ``rename_value``.
        """
        return await self._evolve_dry_run("values/rename", id_, {"from": old, "to": new})

    @call
    async def remove_value(
        self,
        id_: UUID | str,
        value: str,
        /,
        *,
        replace_with: str | None = None,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
    ) -> Attribute:
        """Remove a value of a list; return the attribute.

        Args:
            id_: the id of the attribute.
            value: the value.
            replace_with: another value of the list, which records get instead; without it none may hold the value.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        body = {"value": value, "replace_with": replace_with}
        return await self._evolve("values/remove", id_, body, if_match, idempotency_key)

    @call
    async def remove_value_dry_run(
        self, id_: UUID | str, value: str, /, *, replace_with: str | None = None
    ) -> EvolutionReport:
        """Return what ``remove_value`` would change; nothing is changed.

        Args:
            id_: the id of the attribute.
            value: as in ``remove_value``.
            replace_with: as in ``remove_value``.
        """
        return await self._evolve_dry_run("values/remove", id_, {"value": value, "replace_with": replace_with})

    @call
    async def convert(
        self,
        id_: UUID | str,
        type_: str,
        /,
        *,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[ConversionOptions],
    ) -> Attribute:
        """Give an attribute another type, and convert its values in all records; return it.

        Args:
            id_: the id of the attribute.
            type_: the new type.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            options: how values are converted.
        """
        return await self._evolve("convert", id_, {"type": type_, **options}, if_match, idempotency_key)

    @call
    async def convert_dry_run(
        self, id_: UUID | str, type_: str, /, **options: Unpack[ConversionOptions]
    ) -> EvolutionReport:
        """Return what ``convert`` would change, and which values cannot be converted; nothing is changed.

        Args:
            id_: the id of the attribute.
            type_: the new type.
            options: how values are converted.
        """
        return await self._evolve_dry_run("convert", id_, {"type": type_, **options})

    @call
    async def delete_dry_run(self, id_: UUID | str, /) -> EvolutionReport:
        """Return what uses an attribute; nothing is changed."""
        return await evolutions.delete_dry_run(self.context.db, self.context.caller(), self._evolving(id_, None))

    async def _evolve(
        self,
        kind: EvolutionKind,
        id_: UUID | str,
        body: Mapping[str, object],
        if_match: Attribute | int | None,
        key: str | None,
    ) -> Attribute:
        target, data = self._evolving(id_, if_match), sendable(body)
        who = self._caller(kind, key, [target.id, data])
        return self._entity(await evolutions.evolve(self.context.db, who, kind, target, data, strict=True))

    async def _evolve_dry_run(
        self, kind: EvolutionKind, id_: UUID | str, body: Mapping[str, object]
    ) -> EvolutionReport:
        context, target = self.context, self._evolving(id_, None)
        return await evolutions.dry_run(context.db, context.caller(), kind, target, sendable(body), strict=True)

    def _evolving(self, id_: UUID | str, if_match: Attribute | int | None) -> Target:
        return Target(id_of(id_), expected_versions(if_match), self.parent)
