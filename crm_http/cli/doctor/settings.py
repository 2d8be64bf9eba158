"""The check of the settings."""

from collections.abc import Iterator, Mapping

from crm_http.cli.doctor.checks import Check, failed, ok, warning
from crm_http.server.database import check_database
from crm_http.server.file_stores import check_files
from crm_http.settings import SettingError, Settings, unknown_names
from crm_http.settings.environment import variables_of


def check_settings(environ: Mapping[str, str]) -> Iterator[Check]:
    """Check every setting; return the wrong ones, or that none is."""
    wrong = [check for name in sorted(environ) for check in _check_setting(name, environ[name])]
    yield from wrong or _check_together(Settings.from_env(environ), environ)


def _check_setting(name: str, text: str) -> Iterator[Check]:
    try:
        Settings.from_env({name: text})
    except SettingError as error:
        yield failed("settings", str(error))


def _check_together(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    try:
        check_database(settings)
        check_files(settings)
    except SettingError as error:
        yield failed("settings", str(error))
        return
    unknown = unknown_names(environ)
    given = sorted(variables_of(environ).keys() - set(unknown))
    yield ok("settings", f"{', '.join(given) or 'None'} set, the rest by default.")
    if unknown:
        yield warning("settings", f"{', '.join(unknown)} are no settings.", "Unset them, or correct their names.")
