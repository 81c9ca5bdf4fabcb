---
table: gold.q6
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [id]
ttl: 30 days
description: The average closing price of a seller over the last ten auctions.
---
WITH winning AS (
  SELECT A.id, A.seller, B.price, B.dateTime
  FROM bronze.auction A JOIN bronze.bid B
       ON A.id = B.auction AND B.dateTime BETWEEN A.dateTime AND A.expires
  QUALIFY row_number() OVER (PARTITION BY A.id ORDER BY B.price DESC, B.dateTime, B._offset) = 1
)
SELECT id, seller, dateTime,
       avg(price) OVER (PARTITION BY seller ORDER BY dateTime, id
                        ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) AS avg_price
FROM winning
