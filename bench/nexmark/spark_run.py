"""Runs Nexmark's questions on Spark Structured Streaming, one after the other in one process on one core.

    spark_run.py FEW ALL QUERY…        FEW, ALL: folders with person/, auction/, bid/ of files of JSON lines

Each question is asked of the few events and then of all. Prints `QUERY CPU_SECONDS_FEW CPU_SECONDS_ALL`, or
`QUERY failed REASON`.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from pyspark.sql import SparkSession

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from peer_queries import SPARK  # noqa: E402

SCHEMAS = {
    "person": "id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, dateTime TIMESTAMP, extra STRING",
    "auction": "id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, dateTime TIMESTAMP, expires TIMESTAMP, "
               "seller BIGINT, category BIGINT, extra STRING",
    "bid": "auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP, extra STRING",
}
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """Of the JVM, this process's only child."""
    pids = subprocess.run(["pgrep", "-P", str(os.getpid()), "java"], capture_output=True, text=True).stdout.split()
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def run(spark, folder: str, query: str) -> float:
    for name, schema in SCHEMAS.items():
        spark.readStream.schema(schema).option("maxFilesPerTrigger", 2).json(f"{folder}/{name}") \
            .withWatermark("dateTime", "4 seconds").createOrReplaceTempView(name)
    mode, sql = SPARK[query]
    checkpoints = tempfile.mkdtemp(prefix="nexmark-spark-")
    before = cpu_seconds()
    try:
        spark.sql(sql).writeStream.format("noop").outputMode(mode).option("checkpointLocation", checkpoints) \
            .trigger(availableNow=True).start().awaitTermination()
        return cpu_seconds() - before
    finally:
        shutil.rmtree(checkpoints, ignore_errors=True)


def main():
    few, everything, queries = sys.argv[1], sys.argv[2], sys.argv[3:]
    spark = SparkSession.builder.master("local[1]").config("spark.driver.memory", "3g").config("spark.ui.enabled", "false") \
        .config("spark.sql.shuffle.partitions", "1").config("spark.sql.session.timeZone", "UTC") \
        .config("spark.sql.streaming.stateStore.providerClass",
                "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider").getOrCreate()
    spark.sparkContext.setLogLevel("OFF")
    for query in queries:
        try:
            run(spark, few, query)
            first = run(spark, few, query)
            print(query, f"{first:.3f} {run(spark, everything, query):.3f}", flush=True)
        except Exception as error:  # noqa: BLE001 - said to whoever asked
            print(query, "failed", str(error).splitlines()[0][:200], flush=True)
    spark.stop()


main()
