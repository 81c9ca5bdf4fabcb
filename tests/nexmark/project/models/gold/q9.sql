---
table: gold.q9
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [id]
ttl: 30 days
description: The winning bid of every auction.
---
SELECT A.id, A.itemName, A.description, A.initialBid, A.reserve, A.dateTime, A.expires, A.seller,
       A.category, A.extra, B.auction, B.bidder, B.price, B.dateTime AS bid_dateTime,
       B.extra AS bid_extra
FROM bronze.auction A JOIN bronze.bid B
     ON A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires
QUALIFY row_number() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.dateTime, B._offset) = 1
