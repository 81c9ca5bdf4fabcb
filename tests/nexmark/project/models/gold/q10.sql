---
table: gold.q10
version: 1
mode: streaming
time: dateTime
partition: [dt]
description: All bids, in folders by day.
---
SELECT auction, bidder, price, dateTime, extra, strftime(dateTime, '%Y-%m-%d') AS dt,
       strftime(dateTime, '%H:%M') AS hm
FROM bronze.bid
