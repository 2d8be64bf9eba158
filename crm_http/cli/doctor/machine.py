"""The checks of this machine: disk, open files, and the networks that webhooks can reach."""

import resource
import shutil
from collections.abc import Collection, Iterator
from typing import Final

from crm_adapters.webhooks.policy import opens_metadata
from crm_http.cli.doctor.checks import Check, failed, ok, warning
from crm_http.server.workers import MAX_CONNECTIONS, connections_within
from crm_http.settings import Network, Settings

#: Below the first there is a warning, below the second a failure.
_FREE_BYTES, _MIN_FREE_BYTES = 2 * 2**30, 100 * 2**20
#: Networks with a shorter prefix than this, by IP version, are probably a mistake.
_MIN_PREFIX: Final = {4: 8, 6: 16}


def check_machine(settings: Settings) -> Iterator[Check]:
    """Check what needs no server."""
    yield egress(settings, [network for network in settings.webhook_allow if opens_metadata(network)])
    yield open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def check_disk(settings: Settings) -> Iterator[Check]:
    """Check the free space, if data of ours is kept on this machine."""
    if settings.is_embedded or settings.s3_bucket is None:
        place = settings.data_dir.resolve()
        existing = next(path for path in (place, *place.parents) if path.exists())
        yield disk(shutil.disk_usage(existing).free, str(place))


def disk(free: int, place: str) -> Check:
    """Check the free space, in bytes, of a directory."""
    found, advice = f"{free / 2**30:.1f} GiB free in {place}.", "Free some space, or move CRM_DATA_DIR."
    if free < _MIN_FREE_BYTES:
        return failed("disk", found, advice)
    return warning("disk", found, advice) if free < _FREE_BYTES else ok("disk", found)


def egress(settings: Settings, metadata: Collection[Network]) -> Check:
    """Check what webhooks may reach.

    Args:
        settings: with the networks that an administrator allows.
        metadata: those of them that contain a metadata service of a cloud.
    """
    if metadata:
        advice = (
            "Remove it from CRM_WEBHOOK_ALLOW: users who may write webhooks could read the keys of a cloud machine."
        )
        return warning("webhooks", f"Webhooks can reach {', '.join(map(str, metadata))}.", advice)
    if wide := [str(network) for network in settings.webhook_allow if network.prefixlen < _MIN_PREFIX[network.version]]:
        advice = "Name only the receivers of webhooks in CRM_WEBHOOK_ALLOW: all else in these networks is open, too."
        return warning("webhooks", f"Webhooks can reach {', '.join(wide)}.", advice)
    named = [*map(str, settings.webhook_allow), *(["this machine"] if settings.zero_setup else [])]
    return ok("webhooks", f"Webhooks can reach {', '.join(['public addresses', *named])}.")


def open_files(limit: int) -> Check:
    """Check the limit of open files, which connections count as."""
    if (taken := connections_within(limit)) < MAX_CONNECTIONS:
        advice = f"Raise the hard limit to {2 * MAX_CONNECTIONS}: LimitNOFILE= in a unit, `ulimit -Hn` in a shell."
        return warning("open files", f"At most {limit}: a worker takes only {taken} connections.", advice)
    return ok("open files", f"Enough for {taken} connections of a worker.")
