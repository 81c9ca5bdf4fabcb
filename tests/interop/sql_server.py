"""The servers that the tests of SQL clients talk to: Waybill's PostgreSQL door over a lake of its own, and PostgreSQL 15."""
import contextlib
import glob
import os
import pwd
import shutil
import subprocess
import tempfile

import psycopg

# The same rows on both: DuckDB's text, PostgreSQL's text, the key.
TABLES = {
    "w.shipments": (
        "SELECT i::BIGINT AS id, 'C' || (i % 17) AS customer, (i % 7)::INTEGER AS hub, (i * 37 % 100) / 2.0::DOUBLE AS weight,"
        " DATE '2024-01-01' + (i // 20)::INTEGER AS shipped,"
        " TIMESTAMPTZ '2024-01-01 00:00:00+00' + INTERVAL (i * 1000 * 731) MILLISECOND AS event_time, i % 3 <> 0 AS delivered,"
        " CASE WHEN i % 5 = 0 THEN NULL WHEN i % 4 = 0 THEN 'late_' || i ELSE 'note ' || (i % 11) END AS note FROM range(1, 201) t(i)",
        "SELECT i::bigint AS id, 'C' || (i % 17) AS customer, (i % 7)::integer AS hub, ((i * 37 % 100) / 2.0)::float8 AS weight,"
        " date '2024-01-01' + (i / 20)::integer AS shipped,"
        " timestamptz '2024-01-01 00:00:00+00' + i * interval '731 seconds' AS event_time, i % 3 <> 0 AS delivered,"
        " CASE WHEN i % 5 = 0 THEN NULL WHEN i % 4 = 0 THEN 'late_' || i ELSE 'note ' || (i % 11) END AS note FROM generate_series(1, 200) t(i)",
    ),
    "w.hubs": (
        "SELECT * FROM (VALUES (1::INTEGER, 'Köln', 'DE'), (2, 'Paris', 'FR'), (3, 'Lyon', 'FR'), (4, 'Berlin', 'DE'), (5, 'Wien', 'AT'), (8, 'Ghent', 'BE')) t(hub, city, country)",
        "SELECT * FROM (VALUES (1, 'Köln', 'DE'), (2, 'Paris', 'FR'), (3, 'Lyon', 'FR'), (4, 'Berlin', 'DE'), (5, 'Wien', 'AT'), (8, 'Ghent', 'BE')) t(hub, city, country)",
    ),
    "w.events": (
        "SELECT i::BIGINT AS event_id, (i % 150 + 1)::BIGINT AS shipment, ['scan', 'load', 'door'][i % 3 + 1] AS kind,"
        " '{\"kind\": \"' || ['scan', 'load', 'door'][i % 3 + 1] || '\", \"weight\": ' || i || '.5, \"tags\": [\"t' || i || '\"]}' AS payload FROM range(1, 401) t(i)",
        "SELECT i::bigint AS event_id, (i % 150 + 1)::bigint AS shipment, (ARRAY['scan', 'load', 'door'])[i % 3 + 1] AS kind,"
        " '{\"kind\": \"' || (ARRAY['scan', 'load', 'door'])[i % 3 + 1] || '\", \"weight\": ' || i || '.5, \"tags\": [\"t' || i || '\"]}' AS payload FROM generate_series(1, 400) t(i)",
    ),
}
# What stands for the project: w.hubs is a model's table, the user "writer" may change the schemas
# "sandbox", "w" and "public". Two models have not run yet.
OPTIONS = ["--model=w.hubs:hub:where freight changes hands", "--model=w.later:hub:", "--model=later.model:hub:",
           "--writes=writer:sandbox", "--writes=writer:w", "--writes=writer:public"]


class Waybill:
    def __init__(self, binary, lake, tables=None, options=OPTIONS):
        tables = tables if tables is not None else {name: texts[0] for name, texts in TABLES.items()}
        self.process = subprocess.Popen(
            [os.path.abspath(binary), lake, "0", *options, *(f"{name}={text}" for name, text in tables.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        line = self.process.stdout.readline()
        assert line.startswith("port "), line
        self.port = int(line.split()[1])

    def connect(self, **more):
        return psycopg.connect(**{"host": "127.0.0.1", "port": self.port, "user": "tester", "dbname": "waybill", "autocommit": True, **more})

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(timeout=20)


def as_user(folder):
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextlib.contextmanager
def postgres():
    """A PostgreSQL 15 of its own in a folder that is gone afterwards; gives the arguments of psycopg.connect."""
    binaries = next(iter(sorted(glob.glob("/usr/lib/postgresql/15/bin"))), None)
    assert binaries, "install postgresql-15"
    folder = tempfile.mkdtemp(prefix="waybill-pg15-")
    user = as_user(folder)
    try:
        run = lambda *words: subprocess.run(words, check=True, capture_output=True, timeout=120, cwd=folder, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}, **user)
        run(f"{binaries}/initdb", "-D", f"{folder}/data", "-U", "tester", "-A", "trust", "--locale=C.UTF-8", "-E", "UTF8", "--no-sync")
        with open(f"{folder}/data/postgresql.conf", "a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{folder}'\ntimezone = 'UTC'\nfsync = off\n")
        run(f"{binaries}/pg_ctl", "-D", f"{folder}/data", "-l", f"{folder}/log", "-w", "start")
        try:
            yield {"host": folder, "user": "tester", "dbname": "postgres", "autocommit": True}
        finally:
            run(f"{binaries}/pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill_postgres(connection):
    for name, (_, text) in TABLES.items():
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.split('.')[0]}")
        connection.execute(f"CREATE TABLE {name} AS {text}")
    connection.execute("ALTER TABLE w.hubs ADD PRIMARY KEY (hub)")
