"""The engines that read and write the tables of lake_interop.py, and rows that can be compared:
Waybill by its lake_tool, delta-rs, DuckDB's delta extension and Spark.

Folders: everything lies in `ROOT`; a table's name is its folder there.
"""

import datetime
import decimal
import glob
import os
import subprocess
import tempfile
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, QueryBuilder

ROOT = tempfile.mkdtemp(prefix="lake-interop-")
TOOL = ""  # set by lake_interop.py
os.environ["TZ"] = "UTC"
time.tzset()


def path(name):
    return os.path.join(ROOT, name)


def tool_command(*arguments):
    return [TOOL, ROOT, *map(str, arguments)]


def tool(*arguments):
    done = subprocess.run(tool_command(*arguments), capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"lake_tool {arguments}: {done.stderr.strip()}")
    return done.stdout


def refused(*arguments):
    """What the tool says when it refuses; an AssertionError when it does not."""
    done = subprocess.run(tool_command(*arguments), capture_output=True, text=True)
    assert done.returncode == 1, f"lake_tool {arguments} ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done.stderr


def plain(value):
    """A value as every engine gives it: times in UTC, structs and maps as sorted pairs."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None).isoformat() if value.tzinfo else value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.date):
        return value.isoformat()
    if hasattr(value, "asDict"):
        value = value.asDict()
    if isinstance(value, dict):
        return sorted((str(k), plain(v)) for k, v in value.items())
    if isinstance(value, list) and value and all(type(v) is tuple and len(v) == 2 for v in value):
        return sorted((str(k), plain(v)) for k, v in value)  # Arrow's maps
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value


def in_order(rows):
    return sorted((tuple(plain(v) for v in row) for row in rows), key=repr)


def arrow_rows(table, columns):
    names = columns or table.column_names
    return in_order([row[name] for name in names] for row in table.select(names).to_pylist())


def listed(columns):
    return ", ".join(f'"{name}"' for name in columns) if columns else "*"


def by_waybill(name, columns=None, version=None):
    out = os.path.join(ROOT, f"out-{threading.get_ident()}.parquet")
    tool("read", name, out, *([] if version is None else [version]))
    return arrow_rows(pq.read_table(out), columns)


def by_delta_rs(name, columns=None, version=None):
    builder = QueryBuilder().register("t", DeltaTable(path(name), version=version))
    return arrow_rows(pa.table(builder.execute(f"SELECT {listed(columns)} FROM t").read_all()), columns)


DUCKDB = None


def duckdb_connection():
    global DUCKDB
    import duckdb

    if DUCKDB is None:
        folder = os.path.join(os.path.dirname(os.path.dirname(duckdb.__file__)), "duckdb_ext")
        extension = glob.glob(folder + "/extensions/*/*/delta.duckdb_extension")[0]
        DUCKDB = duckdb.connect()
        DUCKDB.execute(f"LOAD '{extension}'")
        DUCKDB.execute("SET TimeZone = 'UTC'")
    return DUCKDB


def by_duckdb(name, columns=None, version=None):
    at = "" if version is None else f", version={version}"
    query = f"SELECT {listed(columns)} FROM delta_scan('{path(name)}'{at})"
    return arrow_rows(duckdb_connection().execute(query).fetch_arrow_table(), columns)


SPARK = None


def spark():
    """One session on loopback for all cases; it takes long to start."""
    global SPARK
    if SPARK is None:
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        from pyspark.sql import SparkSession

        folder = os.environ.get("SPARK_JARS", os.path.expanduser("~/.cache/waybill-peers/lake/spark-jars"))
        # Spark brings the rest of their dependencies.
        jars = ",".join(glob.glob(folder + "/delta-*.jar") + glob.glob(folder + "/unitycatalog-*.jar"))
        settings = {
            "spark.jars": jars,
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.sql.shuffle.partitions": "2",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.warehouse.dir": path("spark-warehouse"),
            "spark.databricks.delta.snapshotPartitions": "2",
            "spark.databricks.delta.optimize.repartition.enabled": "false",
            "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
            "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        }
        builder = SparkSession.builder.master("local[2]").appName("lake-interop")
        for key, value in settings.items():
            builder = builder.config(key, value)
        SPARK = builder.getOrCreate()
        SPARK.sparkContext.setLogLevel("ERROR")
    return SPARK


def by_spark(name, columns=None, version=None):
    names = ", ".join(f"`{column}`" for column in columns) if columns else "*"
    at = "" if version is None else f" VERSION AS OF {version}"
    return in_order(spark().sql(f"SELECT {names} FROM delta.`{path(name)}`{at}").collect())


READERS = {"delta-rs": by_delta_rs, "DuckDB": by_duckdb}
# What Spark is to read when all has been written: table, columns, version, rows.
FOR_SPARK = []


def same(reader, found, wanted):
    found, wanted = in_order(found), in_order(wanted)
    if found == wanted:
        return
    missing = [row for row in wanted if row not in found][:3]
    extra = [row for row in found if row not in wanted][:3]
    raise AssertionError(f"{reader} reads {len(found)} rows, not {len(wanted)}; missing {missing}; extra {extra}")


def assert_same(name, wanted, columns=None, without_partitions_in_duckdb=(), for_spark=True, not_by=()):
    """`wanted`: rows, or None for those that Waybill reads. Spark reads this version at the end."""
    mine = by_waybill(name, columns)
    wanted = mine if wanted is None else in_order(wanted)
    same("Waybill", mine, wanted)
    for reader, read in READERS.items():
        if reader in not_by:
            continue
        # DuckDB's extension gives null for partition columns of tables with column mapping.
        hidden = without_partitions_in_duckdb if reader == "DuckDB" else ()
        if hidden:
            kept = [i for i, column in enumerate(columns) if column not in hidden]
            same(reader, read(name, [columns[i] for i in kept]), in_order([row[i] for i in kept] for row in wanted))
        else:
            same(reader, read(name, columns), wanted)
    if for_spark:
        FOR_SPARK.append((name, columns, DeltaTable(path(name)).version(), wanted))
    return wanted
