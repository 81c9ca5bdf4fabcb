"""Nexmark's questions in the words of Flink SQL and of Spark Structured Streaming, over the same JSON files.

A question that is missing cannot be asked of that peer as a stream: Spark has no aggregate of an aggregate without
windows, no distinct counts, no top-n and no latest row by key.
"""

# ------------------------------------------------------------------------------------------------ Flink
FLINK_TABLES = """
CREATE TEMPORARY TABLE person (id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING,
  `dateTime` TIMESTAMP_LTZ(3), extra STRING, WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND)
  WITH ('connector' = 'filesystem', 'path' = '{folder}/person.jsonl', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TEMPORARY TABLE auction (id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT,
  `dateTime` TIMESTAMP_LTZ(3), expires TIMESTAMP_LTZ(3), seller BIGINT, category BIGINT, extra STRING,
  WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND)
  WITH ('connector' = 'filesystem', 'path' = '{folder}/auction.jsonl', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
CREATE TEMPORARY TABLE bid (auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `dateTime` TIMESTAMP_LTZ(3),
  extra STRING, WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '4' SECOND)
  WITH ('connector' = 'filesystem', 'path' = '{folder}/bid.jsonl', 'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601');
"""

_RANKS = """COUNT(*) AS total_bids, COUNT(*) FILTER (WHERE price < 10000) AS rank1_bids,
 COUNT(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids, COUNT(*) FILTER (WHERE price >= 1000000) AS rank3_bids"""
_DISTINCT = ", ".join(
    f"COUNT(DISTINCT {column}){condition} AS {name}_{column}s" for column in ("bidder", "auction") for name, condition in
    (("total", ""), ("rank1", " FILTER (WHERE price < 10000)"), ("rank2", " FILTER (WHERE price >= 10000 AND price < 1000000)"),
     ("rank3", " FILTER (WHERE price >= 1000000)")))
_DAY = "DATE_FORMAT(`dateTime`, 'yyyy-MM-dd')"
_HOPS = "SELECT auction, COUNT(*) AS num, window_start, window_end FROM TABLE(HOP(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '2' SECOND, INTERVAL '10' SECOND)) GROUP BY auction, window_start, window_end"
_WINNING = """SELECT * FROM (SELECT A.id, A.itemName, A.description, A.initialBid, A.reserve, A.`dateTime`, A.expires, A.seller, A.category, A.extra,
  B.auction, B.bidder, B.price, B.`dateTime` AS bid_time, B.extra AS bid_extra,
  ROW_NUMBER() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.`dateTime` ASC) AS place
  FROM auction A, bid B WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires) WHERE place <= 1"""
_CHANNEL = "REGEXP_EXTRACT(url, '(&|^)channel_id=([^&]*)', 2)"

FLINK = {
    "q0": "SELECT auction, bidder, price, `dateTime`, extra FROM bid",
    "q1": "SELECT auction, bidder, 0.908 * price AS price, `dateTime`, extra FROM bid",
    "q2": "SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0",
    "q3": "SELECT P.name, P.city, P.state, A.id FROM auction A JOIN person P ON A.seller = P.id WHERE A.category = 10 AND P.state IN ('OR', 'ID', 'CA')",
    "q4": """SELECT category, AVG(final) AS final FROM (SELECT MAX(B.price) AS final, A.id, A.category FROM auction A, bid B
             WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires GROUP BY A.id, A.category) GROUP BY category""",
    "q5": f"""SELECT C.window_start, C.auction, C.num FROM ({_HOPS}) C JOIN (SELECT MAX(num) AS most, window_start, window_end FROM ({_HOPS})
              GROUP BY window_start, window_end) M ON C.window_start = M.window_start AND C.window_end = M.window_end AND C.num >= M.most""",
    "q7": """SELECT B.auction, B.bidder, B.price, B.`dateTime`, B.extra FROM bid B JOIN (SELECT MAX(price) AS highest, window_end FROM
             TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) M
             ON B.price = M.highest AND B.`dateTime` BETWEEN M.window_end - INTERVAL '10' SECOND AND M.window_end""",
    "q8": """SELECT P.id, P.name, P.window_start FROM (SELECT id, name, window_start, window_end FROM TABLE(TUMBLE(TABLE person,
             DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY id, name, window_start, window_end) P JOIN (SELECT seller, window_start,
             window_end FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY seller, window_start,
             window_end) A ON P.id = A.seller AND P.window_start = A.window_start AND P.window_end = A.window_end""",
    "q9": _WINNING,
    "q10": f"SELECT auction, bidder, price, `dateTime`, extra, {_DAY} AS dt, DATE_FORMAT(`dateTime`, 'HH:mm') AS hm FROM bid",
    "q11": """SELECT bidder, COUNT(*) AS bid_count, window_start, window_end FROM TABLE(SESSION(TABLE bid PARTITION BY bidder,
              DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND)) GROUP BY bidder, window_start, window_end""",
    "q12": """SELECT bidder, COUNT(*) AS bid_count, window_start FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
              GROUP BY bidder, window_start, window_end""",
    "q14": """SELECT auction, bidder, 0.908 * price AS price, CASE WHEN HOUR(`dateTime`) BETWEEN 8 AND 18 THEN 'dayTime'
              WHEN HOUR(`dateTime`) <= 6 OR HOUR(`dateTime`) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType, `dateTime`, extra,
              CHAR_LENGTH(extra) - CHAR_LENGTH(REPLACE(extra, 'c', '')) AS c_counts FROM bid
              WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000""",
    "q15": f"SELECT {_DAY} AS dt, {_RANKS}, {_DISTINCT} FROM bid GROUP BY {_DAY}",
    "q16": f"SELECT channel, {_DAY} AS dt, MAX(DATE_FORMAT(`dateTime`, 'HH:mm')) AS hm, {_RANKS}, {_DISTINCT} FROM bid GROUP BY channel, {_DAY}",
    "q17": f"SELECT auction, {_DAY} AS dt, {_RANKS}, MIN(price) AS lo, MAX(price) AS hi, AVG(price) AS mid, SUM(price) AS total FROM bid GROUP BY auction, {_DAY}",
    "q18": """SELECT auction, bidder, price, channel, url, `dateTime`, extra FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY bidder, auction
              ORDER BY `dateTime` DESC) AS place FROM bid) WHERE place <= 1""",
    "q19": "SELECT * FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY auction ORDER BY price DESC) AS place FROM bid) WHERE place <= 10",
    "q20": """SELECT B.auction, B.bidder, B.price, B.channel, B.url, B.`dateTime`, B.extra, A.itemName, A.description, A.initialBid, A.reserve,
              A.`dateTime` AS auction_time, A.expires, A.seller, A.category, A.extra AS auction_extra
              FROM bid B JOIN auction A ON B.auction = A.id WHERE A.category = 10""",
    "q21": f"""SELECT auction, bidder, price, channel, CASE LOWER(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2'
               WHEN 'baidu' THEN '3' ELSE {_CHANNEL} END AS channel_id FROM bid
               WHERE {_CHANNEL} IS NOT NULL OR LOWER(channel) IN ('apple', 'google', 'facebook', 'baidu')""",
    "q22": """SELECT auction, bidder, price, channel, SPLIT_INDEX(url, '/', 3) AS dir1, SPLIT_INDEX(url, '/', 4) AS dir2,
              SPLIT_INDEX(url, '/', 5) AS dir3 FROM bid""",
}

# ------------------------------------------------------------------------------------------------ Spark
# (output mode, SELECT); the views person, auction and bid are streams with a watermark of 4 seconds.
_SPARK_CHANNEL = "regexp_extract(url, '(&|^)channel_id=([^&]*)', 2)"
SPARK = {
    "q0": ("append", "SELECT auction, bidder, price, dateTime, extra FROM bid"),
    "q1": ("append", "SELECT auction, bidder, 0.908 * price AS price, dateTime, extra FROM bid"),
    "q2": ("append", "SELECT auction, price FROM bid WHERE auction % 123 = 0"),
    "q3": ("append", "SELECT P.name, P.city, P.state, A.id FROM auction A JOIN person P ON A.seller = P.id WHERE A.category = 10 AND P.state IN ('OR', 'ID', 'CA')"),
    "q8": ("append", """SELECT P.id, P.name, P.w FROM (SELECT id, name, window(dateTime, '10 seconds') AS w FROM person GROUP BY id, name,
              window(dateTime, '10 seconds')) P JOIN (SELECT seller, window(dateTime, '10 seconds') AS w FROM auction GROUP BY seller,
              window(dateTime, '10 seconds')) A ON P.id = A.seller AND P.w = A.w"""),
    "q10": ("append", "SELECT auction, bidder, price, dateTime, extra, date_format(dateTime, 'yyyy-MM-dd') AS dt, date_format(dateTime, 'HH:mm') AS hm FROM bid"),
    "q11": ("append", "SELECT bidder, count(*) AS bid_count, session_window(dateTime, '10 seconds') AS w FROM bid GROUP BY bidder, session_window(dateTime, '10 seconds')"),
    "q12": ("append", "SELECT bidder, count(*) AS bid_count, window(dateTime, '10 seconds') AS w FROM bid GROUP BY bidder, window(dateTime, '10 seconds')"),
    "q14": ("append", """SELECT auction, bidder, 0.908 * price AS price, CASE WHEN hour(dateTime) BETWEEN 8 AND 18 THEN 'dayTime'
              WHEN hour(dateTime) <= 6 OR hour(dateTime) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS bidTimeType, dateTime, extra,
              length(extra) - length(replace(extra, 'c', '')) AS c_counts FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000"""),
    "q17": ("update", """SELECT auction, date_format(dateTime, 'yyyy-MM-dd') AS dt, count(*) AS total_bids,
              count(*) FILTER (WHERE price < 10000) AS rank1_bids, count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
              count(*) FILTER (WHERE price >= 1000000) AS rank3_bids, min(price) AS lo, max(price) AS hi, avg(price) AS mid,
              sum(price) AS total FROM bid GROUP BY auction, date_format(dateTime, 'yyyy-MM-dd')"""),
    "q20": ("append", """SELECT B.auction, B.bidder, B.price, B.channel, B.url, B.dateTime AS bid_time, B.extra AS bid_extra, A.itemName, A.description,
              A.initialBid, A.reserve, A.dateTime AS auction_time, A.expires, A.seller, A.category, A.extra AS auction_extra
              FROM bid B JOIN auction A ON B.auction = A.id WHERE A.category = 10"""),
    "q21": ("append", f"""SELECT auction, bidder, price, channel, CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1'
              WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3' ELSE {_SPARK_CHANNEL} END AS channel_id FROM bid
              WHERE {_SPARK_CHANNEL} <> '' OR lower(channel) IN ('apple', 'google', 'facebook', 'baidu')"""),
    "q22": ("append", "SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM bid"),
}
