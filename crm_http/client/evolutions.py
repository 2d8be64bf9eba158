"""The operations that change an attribute in all records, each with a dry run."""

from collections.abc import Mapping
from typing import Unpack
from uuid import UUID

import attrs

from crm_core.arguments.conversions import ConversionOptions
from crm_core.model.entities import Attribute
from crm_core.model.evolutions import EvolutionReport
from crm_core.use_cases.evolution_requests import EvolutionKind
from crm_http.client.operations import D_co, Operation, operation
from crm_http.client.records import RecordOperationsWithBulk
from crm_http.client.request_parts import below, body_of, headers_of
from crm_http.client.responses import decode


@attrs.define(slots=False, eq=False)
class EvolvingOperations(RecordOperationsWithBulk[D_co, Attribute]):
    """The operations of attributes that change all records that hold them."""

    @operation
    def rename(
        self,
        id_: UUID | str,
        name: str,
        /,
        *,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[Attribute]:
        """Rename an attribute, in webhooks and records too; return it.

        Args:
            id_: the id of the attribute.
            name: the new name.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        return self._evolve("rename", id_, {"name": name}, headers_of(if_match, idempotency_key))

    @operation
    def rename_dry_run(self, id_: UUID | str, name: str, /) -> Operation[EvolutionReport]:
        """Return what ``rename`` would change; nothing is changed.

        Args:
            id_: the id of the attribute.
            name: as in ``rename``.
        """
        return self._evolve_dry_run("rename", id_, {"name": name})

    @operation
    def rename_value(
        self,
        id_: UUID | str,
        old: str,
        new: str,
        /,
        *,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[Attribute]:
        """Rename a value of a list, in records too; return the attribute.

        Args:
            id_: the id of the attribute.
            old: the value.
            new: its new name; one that the list has already merges the two.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        return self._evolve("values/rename", id_, {"from": old, "to": new}, headers_of(if_match, idempotency_key))

    @operation
    def rename_value_dry_run(self, id_: UUID | str, old: str, new: str, /) -> Operation[EvolutionReport]:
        """Return what ``rename_value`` would change; nothing is changed.

        Args:
            id_: the id of the attribute.
            old: as in ``rename_value``.
            new: as in ``rename_value``.
        """
        return self._evolve_dry_run("values/rename", id_, {"from": old, "to": new})

    @operation
    def remove_value(
        self,
        id_: UUID | str,
        value: str,
        /,
        *,
        replace_with: str | None = None,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
    ) -> Operation[Attribute]:
        """Remove a value of a list; return the attribute.

        Args:
            id_: the id of the attribute.
            value: the value.
            replace_with: another value of the list, which records get instead; without it none may hold the value.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
        """
        body = {"value": value, "replace_with": replace_with}
        return self._evolve("values/remove", id_, body, headers_of(if_match, idempotency_key))

    @operation
    def remove_value_dry_run(
        self, id_: UUID | str, value: str, /, *, replace_with: str | None = None
    ) -> Operation[EvolutionReport]:
        """Return what ``remove_value`` would change; nothing is changed.

        Args:
            id_: the id of the attribute.
            value: as in ``remove_value``.
            replace_with: as in ``remove_value``.
        """
        return self._evolve_dry_run("values/remove", id_, {"value": value, "replace_with": replace_with})

    @operation
    def convert(
        self,
        id_: UUID | str,
        type_: str,
        /,
        *,
        if_match: Attribute | int | None = None,
        idempotency_key: str | None = None,
        **options: Unpack[ConversionOptions],
    ) -> Operation[Attribute]:
        """Give an attribute another type, and convert its values in all records; return it.

        Args:
            id_: the id of the attribute.
            type_: the new type.
            if_match: as in ``change``.
            idempotency_key: as in ``create``.
            options: how values are converted.
        """
        return self._evolve("convert", id_, {"type": type_, **options}, headers_of(if_match, idempotency_key))

    @operation
    def convert_dry_run(
        self, id_: UUID | str, type_: str, /, **options: Unpack[ConversionOptions]
    ) -> Operation[EvolutionReport]:
        """Return what ``convert`` would change, and which values cannot be converted; nothing is changed.

        Args:
            id_: the id of the attribute.
            type_: the new type.
            options: how values are converted.
        """
        return self._evolve_dry_run("convert", id_, {"type": type_, **options})

    @operation
    def delete_dry_run(self, id_: UUID | str, /) -> Operation[EvolutionReport]:
        """Return what uses an attribute; nothing is changed."""
        return Operation(
            method="DELETE",
            path=below(self.place, id_),
            read=lambda response: decode(response, EvolutionReport),
            repeat="safe",
            options={"params": {"dry_run": "1"}},
        )

    def _evolve(
        self, kind: EvolutionKind, id_: UUID | str, body: Mapping[str, object], headers: Mapping[str, str]
    ) -> Operation[Attribute]:
        return self._send("POST", f"{below(self.place, id_)}{kind}/", body, headers)

    def _evolve_dry_run(
        self, kind: EvolutionKind, id_: UUID | str, body: Mapping[str, object]
    ) -> Operation[EvolutionReport]:
        return Operation(
            method="POST",
            path=f"{below(self.place, id_)}{kind}/",
            read=lambda response: decode(response, EvolutionReport),
            repeat="safe",
            options={**body_of(body), "params": {"dry_run": "1"}},
        )
