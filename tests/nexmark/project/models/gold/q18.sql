---
table: gold.q18
version: 1
mode: streaming
time: dateTime
key: [bidder, auction]
description: The last bid of everybody on every auction.
---
SELECT auction, bidder, price, channel, url, dateTime, extra
FROM silver.bid
QUALIFY row_number() OVER (PARTITION BY bidder, auction ORDER BY dateTime DESC, _offset DESC) = 1
