---
table: gold.q7
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [window_start, auction, bidder, dateTime]
description: The highest bids of every ten seconds.
---
SELECT auction, bidder, price, dateTime, extra,
       time_bucket(INTERVAL '10 seconds', dateTime) AS window_start
FROM bronze.bid
QUALIFY rank() OVER (PARTITION BY time_bucket(INTERVAL '10 seconds', dateTime)
                     ORDER BY price DESC) = 1
