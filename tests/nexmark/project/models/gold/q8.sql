---
table: gold.q8
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [id, starttime]
description: Who became a person and opened an auction within the same ten seconds.
---
SELECT P.id, P.name, P.starttime
FROM (SELECT id, name, time_bucket(INTERVAL '10 seconds', dateTime) AS starttime
      FROM bronze.person
      GROUP BY ALL) P
JOIN (SELECT seller, time_bucket(INTERVAL '10 seconds', dateTime) AS starttime
      FROM bronze.auction
      GROUP BY ALL) A
ON P.id = A.seller AND P.starttime = A.starttime
