"""What stands beside Waybill in bench/sql.py: PostgreSQL 15 in a folder of its own, DuckDB in the same process."""
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

POSTGRES_BIN = "/usr/lib/postgresql/15/bin"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A fresh cluster, run by an unprivileged user, gone when it stops."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bench-postgres-")
        self.port = free_port()
        self.user = {}
        if os.getuid() == 0:
            who = pwd.getpwnam("postgres")
            os.chown(self.folder, who.pw_uid, who.pw_gid)
            self.user = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        self.data = os.path.join(self.folder, "data")
        self.run("initdb", "-D", self.data, "-U", "w", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        self.process = subprocess.Popen(
            [f"{POSTGRES_BIN}/postgres", "-D", self.data, "-p", str(self.port), "-k", self.folder,
             "-c", "listen_addresses=127.0.0.1", "-c", "shared_buffers=512MB", "-c", "work_mem=64MB",
             "-c", "logging_collector=off"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder, **self.user)
        for _ in range(100):
            if subprocess.run([f"{POSTGRES_BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0:
                break
            time.sleep(0.1)
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "w", "waybill")

    def run(self, program, *words):
        subprocess.run([f"{POSTGRES_BIN}/{program}", *words], check=True, stdout=subprocess.DEVNULL, cwd=self.folder,
                       **self.user)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


def tpch_files(duckdb, extension, folder, scale):
    """TPC-H's tables as Parquet files; amounts are doubles, since the lake's tables have no decimals."""
    connection = duckdb.connect(config={"threads": 2, "allow_unsigned_extensions": "true"})
    connection.execute(f"LOAD '{extension}'")
    connection.execute(f"CALL dbgen(sf={scale})")
    names = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
    for name in names:
        columns = connection.execute(f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{name}'"
                                     " ORDER BY column_index").fetchall()
        select = ", ".join(f"{c}::DOUBLE AS {c}" if t.startswith("DECIMAL") else c for c, t in columns)
        connection.execute(f"COPY (SELECT {select} FROM {name}) TO '{folder}/{name}.parquet' (FORMAT parquet)")
    queries = [row[0] for row in connection.execute("SELECT query FROM tpch_queries() ORDER BY query_nr").fetchall()]
    connection.close()
    return names, queries


class Duck:
    """DuckDB in this process, over the files that the lake has, or over tables of its own."""

    def __init__(self, duckdb, lake, names, native):
        self.connection = duckdb.connect(config={"threads": 2, "memory_limit": "4GB"})
        for name in names:
            files = glob.glob(f"{lake}/tpch/{name}/**/*.parquet", recursive=True)
            kind = "TABLE" if native else "VIEW"
            self.connection.execute(f"CREATE {kind} {name} AS SELECT * FROM read_parquet({files})")

    def query(self, sql):
        return self.connection.execute(sql).fetchall()
