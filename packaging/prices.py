#!/usr/bin/env python3
"""Renews price lists from the catalogs in two PyPI packages, by `outlay prices import`.

prices.py OUTLAY DIR WORK: OUTLAY is the program, DIR the price lists, WORK a directory for the
packages, kept between runs. Where the two differ, what comes first stays: genai-prices, as it knows
dates; but for Bedrock and Vertex LiteLLM, which lists their own names and regions. Both packages
are MIT; their names and versions stand in each file, their licences beside them. A retired
model keeps its last price, from an older version of LiteLLM that lists it.
"""
import datetime, json, pathlib, shutil, subprocess, sys

LITELLM, GENAI = "1.110.2", "0.2.3"
RETIRED = ["1.80.0", "1.61.20"]  # of LiteLLM, which drops a model when it is retired
FIRST_LITELLM = ["bedrock", "vertex"]
MAP = "litellm/model_prices_and_context_window_backup.json"

# genai-prices ships its data.json as Python: written back as JSON, decimals as text.
DUMP = """
import dataclasses, datetime, decimal, json, sys
from genai_prices.data import providers

def plain(v):
    if type(v).__name__ == "ModelPrice":
        return {k: plain(x) for k, x in v.__dict__.items() if x is not None and k[0] != "_"}
    if dataclasses.is_dataclass(v):
        fields = {f.name.rstrip("_"): plain(getattr(v, f.name)) for f in dataclasses.fields(v)}
        return {k: x for k, x in fields.items() if x is not None}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, decimal.Decimal):
        return format(v, "f")
    if isinstance(v, (datetime.time, datetime.date)):
        return v.isoformat()
    return v if isinstance(v, (str, int, bool, type(None))) else str(v)

json.dump([{"id": p.id, "models": [
    {"id": m.id, "match": plain(m.match), "prices": plain(m.prices),
     "price_variants": plain(m.price_variants or [])} for m in p.models]}
    for p in providers], sys.stdout)
"""

def run(*command, **more):
    return subprocess.run([str(c) for c in command], check=True, **more)

def install(work):
    python = work / "venv/bin/python"
    pip = [python, "-m", "pip", "-q", "install"]
    if not python.exists():
        run(sys.executable, "-m", "venv", work / "venv")
        run(*pip, "genai-prices==" + GENAI)
    for version in [LITELLM, *RETIRED]:
        if not (work / version).exists():
            run(*pip, "--no-deps", "--target", work / version, "litellm==" + version)
    return python

def take_licences(work, into):
    for name in "litellm", "genai-prices":
        found, *_ = sorted(work.rglob(name.replace("-", "_") + "-*.dist-info/licenses/LICENSE"))
        shutil.copyfile(found, pathlib.Path(into, "LICENSE." + name))

def without_doubles(path):
    """A key that occurs twice is refused. Old maps have some; the last one counted."""
    root = json.loads(path.read_text(), parse_float=str, parse_int=str)
    out = path.with_name("map.json")
    out.write_text(json.dumps(root))
    return out

def main(outlay, into, work):
    work = pathlib.Path(work)
    work.mkdir(parents=True, exist_ok=True)
    python = install(work)
    take_licences(work, into)
    genai = work / "genai-prices.json"
    genai.write_bytes(run(python, "-c", DUMP, stdout=subprocess.PIPE).stdout)
    date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")

    def take(source, version, file, *more):
        run(outlay, "prices", "import", "--from", source, "--version", version, "--date", date,
            "--into", into, *more, file)
    for provider in FIRST_LITELLM:
        take("litellm", LITELLM, work / LITELLM / MAP, "--provider", provider)
    take("genai-prices", GENAI, genai)
    take("litellm", LITELLM, work / LITELLM / MAP)
    for version in RETIRED:
        take("litellm", version, without_doubles(work / version / MAP), "--missing")

main(*sys.argv[1:])
