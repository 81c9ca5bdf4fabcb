---
table: silver.bid
version: 1
mode: streaming
time: dateTime
description: Bids that fit their schema.
---
SELECT auction, bidder, price, channel, url, dateTime, extra, _time, _partition, _offset
FROM bronze.bid
