"""Clients in other people's languages: ``make clients``. README.md beside it says how to read the table.

Each tool generates a client from a running server; the client is compiled strictly and runs one script.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from crm_adapters.embedded.server import embedded_server
from tests.clients.postman import Postman
from tests.http.conftest import PASSWORD, Server, serving
from tests.pictures import jpeg
from tests.postgresql import empty

HERE: Final = pathlib.Path(__file__).parent
#: Where packages are installed and clients are generated; git ignores it.
PLACE: Final = HERE.parents[1] / ".clients"
GENERATED: Final = PLACE / "generated"
DOCUMENT: Final = PLACE / "openapi.json"
#: The document without its webhooks, for which openapi-generator writes Python that is not valid.
WITHOUT_WEBHOOKS: Final = PLACE / "openapi_without_webhooks.json"
_NODE: Final = PLACE / "node_modules" / ".bin"
_VENV: Final = PLACE / "venv" / "bin"


class Tool(NamedTuple):
    """A generator of clients.

    Attributes:
        name: its name.
        generate: the commands that generate the client.
        compile: the command that checks the client and the script.
        script: the script that uses it.
        run: the command before the script.
        scanned: the files in which members without a type are counted, and the pattern of one.
    """

    name: str
    generate: Sequence[Sequence[str]]
    compile: Sequence[str]
    script: str
    run: Sequence[str]
    scanned: tuple[str, str]


def _node(name: str) -> str:
    return str(_NODE / name)


def _orval(client: str) -> Sequence[str]:
    output = str(GENERATED / f"orval_{client}.ts")
    return (_node("orval"), "--input", str(DOCUMENT), "--output", output, "--client", client)


_TSC: Final = (
    *(_node("tsc"), "--strict", "--noEmit", "--skipLibCheck", "--target", "es2022", "--lib", "es2023,dom,dom.iterable"),
    *("--module", "esnext", "--moduleResolution", "bundler", "--types", "node"),
)
_UNKNOWN: Final = r"(?:body|data|requestBody|content|200|201)\??: (?:unknown|any)\b"
TOOLS: Final = (
    Tool(
        "openapi-typescript",
        ((_node("openapi-typescript"), str(DOCUMENT), "-o", str(GENERATED / "openapi_typescript.ts")),),
        (*_TSC, "openapi_typescript.ts"),
        "openapi_typescript.ts",
        (_node("tsx"),),
        ("openapi_typescript.ts", _UNKNOWN),
    ),
    Tool(
        "hey-api",
        ((_node("openapi-ts"), "-i", str(DOCUMENT), "-o", str(GENERATED / "hey_api"), "-c", "@hey-api/client-fetch"),),
        (*_TSC, "hey_api.ts"),
        "hey_api.ts",
        (_node("tsx"),),
        ("hey_api/types.gen.ts", _UNKNOWN),
    ),
    Tool(
        "orval with zod",
        (_orval("fetch"), _orval("zod")),
        (*_TSC, "orval.ts"),
        "orval.ts",
        (_node("tsx"),),
        ("orval_fetch.ts", _UNKNOWN),
    ),
    Tool(
        "openapi-python-client",
        (
            (
                str(pathlib.Path(sys.executable).parent / "openapi-python-client"),
                *("generate", "--path", str(DOCUMENT), "--meta", "none", "--overwrite", "--config", "opc.json"),
                *("--output-path", str(GENERATED / "crm_api_client")),
            ),
        ),
        (
            sys.executable,
            "-m",
            "mypy",
            "--config-file=",
            "--strict",
            "--no-incremental",
            str(GENERATED / "crm_api_client"),
        ),
        "openapi_python_client_script.py",
        (sys.executable,),
        ("crm_api_client/api", r"body: Any\b"),
    ),
    Tool(
        "openapi-generator (Python)",
        (
            (
                str(_VENV / "openapi-generator-cli"),
                *("generate", "-g", "python", "-i", str(WITHOUT_WEBHOOKS), "-o", str(GENERATED / "openapi_generator")),
                "--additional-properties=packageName=crm_generated",
            ),
        ),
        (str(_VENV / "python"), "-m", "compileall", "-q", str(GENERATED / "openapi_generator" / "crm_generated")),
        "openapi_generator_script.py",
        (str(_VENV / "python"),),
        ("openapi_generator/crm_generated/api", r"\b(?:object|Any) = Field|-> object:"),
    ),
)
_LINTERS: Final = {
    "redocly recommended": (_node("redocly"), "lint", "--config", "redocly.yaml", str(DOCUMENT)),
    "spectral oas": (_node("spectral"), "lint", "--fail-severity", "error", "-r", "spectral.yaml", str(DOCUMENT)),
}


def main() -> int:
    """Try every tool that there is; return 1 if one of them failed."""
    _prepare()
    with tempfile.TemporaryDirectory(prefix="crm-clients-") as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        image = place / "image.jpg"
        image.write_bytes(jpeg())
        # Deliveries fail, and wait: Postman lists, sends and cancels them.
        with (
            embedded_server(place / "data") as url,
            serving(url, place / "served", CRM_WEBHOOK_RETRY_DELAYS="3600") as server,
        ):
            is_good = _try_all(server)
            empty(url)
            return 0 if _try_postman(server, url, image) and is_good else 1


def _try_postman(server: Server, database_url: str, image: pathlib.Path) -> bool:
    """Send the examples of the description by Postman; return whether those with ids succeeded."""
    credentials, url = ("admin", PASSWORD), f"http://127.0.0.1:{server.port}"
    postman = Postman(PLACE, DOCUMENT, url, credentials, server.api().token, image)
    print(f"\nPostman, creations as converted: {postman.as_converted()}")
    empty(database_url)
    print(f"Postman, all requests with ids: {(all_requests := postman.with_ids())}")
    return not all_requests.failures


def _try_all(server: Server) -> bool:
    document = server.api().get("/schema/openapi.json").json()
    DOCUMENT.write_text(json.dumps(document))
    WITHOUT_WEBHOOKS.write_text(json.dumps(document | {"webhooks": {}}))
    environment = os.environ | {
        "CRM_URL": f"http://127.0.0.1:{server.port}",
        "CRM_USER": "admin",
        "CRM_PASSWORD": PASSWORD,
        "CRM_IMAGE": base64.b64encode(jpeg()).decode(),
        "PYTHONPATH": f"{GENERATED}:{GENERATED / 'openapi_generator'}",
    }
    results = {name: not _failure(command, environment) for name, command in _LINTERS.items()}
    for name, is_good in results.items():
        print(f"{name:<28}{'no error' if is_good else 'ERRORS'}")
    print(f"\n{'tool':<28}{'compile errors':>15}{'script':>8}{'unknown':>9}{'workarounds':>13}")
    for tool in TOOLS:
        results[tool.name] = _try(tool, environment)
    return all(results.values())


def _try(tool: Tool, environment: Mapping[str, str]) -> bool:
    """Try one tool, print its line, and return whether nothing failed."""
    if not pathlib.Path(tool.generate[0][0]).exists():
        print(f"{tool.name:<28}is not to be had here")
        return True
    for command in tool.generate:
        if failure := _failure(command, environment):
            print(f"{tool.name:<28}does not generate: {failure[-2_000:]}")
            return False
    compiled = _failure(tool.compile, environment)
    errors = len(re.findall(r"\berror\b", compiled)) if compiled else 0
    ran = _failure((*tool.run, tool.script), environment)
    unknown = _count(*tool.scanned)
    workarounds = (HERE / tool.script).read_text().count("workaround") - 1
    print(f"{tool.name:<28}{errors:>15}{'failed' if ran else 'ok':>8}{unknown:>9}{workarounds:>13}", flush=True)
    print(*(text[-3_000:] for text in (compiled, ran) if text), sep="\n", end="")
    return not (errors or ran)


def _count(path: str, pattern: str) -> int:
    place = GENERATED / path
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return sum(len(re.findall(pattern, file.read_text())) for file in files)


def _failure(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run a command; return what it wrote if it failed."""
    done = subprocess.run(command, cwd=PLACE, env=environment, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr or "It failed silently.") if done.returncode else ""


def _prepare() -> None:
    """Install the tools, and put the scripts beside what they import."""
    PLACE.mkdir(exist_ok=True)
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir()
    for file in HERE.iterdir():
        if file.suffix in {".ts", ".json", ".yaml"} or file.stem.endswith("_script"):
            shutil.copy(file, PLACE)
    npm = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts", "--silent")
    subprocess.run(npm, cwd=PLACE, check=True)
    _try_to_install_openapi_generator()


def _try_to_install_openapi_generator() -> None:
    """The package on PyPI has the generator itself, which needs Java; npm's would download it."""
    if shutil.which("java") is None:
        return
    subprocess.run((sys.executable, "-m", "venv", str(PLACE / "venv")), check=True)
    pip = (str(_VENV / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    packages = ("openapi-generator-cli==7.26.0", "pydantic", "python-dateutil", "urllib3", "typing-extensions")
    subprocess.run((*pip, *packages), check=False)


if __name__ == "__main__":
    sys.exit(main())
