---
table: gold.q4
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [category]
ttl: 30 days
description: The average price at which auctions of a category close.
---
SELECT category, CAST(floor(avg(final)) AS BIGINT) AS final
FROM (SELECT max(B.price) AS final, A.id, A.category
      FROM bronze.auction A JOIN bronze.bid B
           ON A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires
      GROUP BY A.id, A.category)
GROUP BY category
