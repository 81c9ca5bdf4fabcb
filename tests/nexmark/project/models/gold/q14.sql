---
table: gold.q14
version: 1
mode: streaming
time: dateTime
description: Dear bids, by the time of day.
---
SELECT auction, bidder, CAST(0.908 * price AS DOUBLE) AS price,
       CASE WHEN hour(dateTime) >= 8 AND hour(dateTime) <= 18 THEN 'dayTime'
            WHEN hour(dateTime) <= 6 OR hour(dateTime) >= 20 THEN 'nightTime'
            ELSE 'otherTime' END AS bidTimeType,
       dateTime, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
FROM bronze.bid
WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000
