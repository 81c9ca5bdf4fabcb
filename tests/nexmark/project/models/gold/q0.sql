---
table: gold.q0
version: 1
mode: streaming
time: dateTime
description: Pass through.
---
SELECT auction, bidder, price, dateTime, extra
FROM bronze.bid
