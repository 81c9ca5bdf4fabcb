---
table: gold.q19
version: 1
mode: streaming
time: dateTime
key: [auction, rank_number]
description: The ten highest bids on every auction.
---
SELECT auction, bidder, price, channel, url, dateTime, extra,
       row_number() OVER (PARTITION BY auction ORDER BY price DESC, dateTime, _offset) AS rank_number
FROM bronze.bid
QUALIFY row_number() OVER (PARTITION BY auction ORDER BY price DESC, dateTime, _offset) <= 10
