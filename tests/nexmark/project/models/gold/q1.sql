---
table: gold.q1
version: 1
mode: streaming
time: dateTime
description: Prices in euros.
---
SELECT auction, bidder, CAST(0.908 * price AS DOUBLE) AS price, dateTime, extra
FROM bronze.bid
