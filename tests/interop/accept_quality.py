"""What shows that quality is done: Great Expectations' own cases, the real Great Expectations beside
`waybill validate` on one file, and the file's dirt through a running platform: dead letters,
repair, redrive, gold.

  accept_quality.py WAYBILL PEERS   (PEERS has venvs ge1 and, if it could be made, ge0)

Runs in PEERS/ge1. The last line is `N passed, N failed`."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pandas

import quality_cases
import quality_scms
from cases import Cases

DATA = pathlib.Path(os.environ.get("WAYBILL_SHARED", "/work/shared"))
