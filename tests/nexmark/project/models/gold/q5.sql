---
table: gold.q5
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [starttime, auction]
description: Which auctions have most bids in the last ten seconds, every two seconds.
---
WITH hops AS (
  SELECT auction, unnest(generate_series(time_bucket(INTERVAL '2 seconds', dateTime) - INTERVAL '8 seconds',
                                   time_bucket(INTERVAL '2 seconds', dateTime),
                                   INTERVAL '2 seconds')) AS starttime
  FROM bronze.bid
),
counts AS (
  SELECT starttime, auction, count(*) AS num
  FROM hops
  GROUP BY starttime, auction
)
SELECT starttime, auction, num
FROM counts
QUALIFY rank() OVER (PARTITION BY starttime ORDER BY num DESC) = 1
