---
table: gold.q12
version: 1
mode: streaming
time: _time
watermark: 4 seconds
key: [bidder, starttime]
description: Bids of a person by when the log took them.
---
SELECT bidder, count(*) AS bid_count, time_bucket(INTERVAL '10 seconds', _time) AS starttime
FROM silver.bid
GROUP BY ALL
