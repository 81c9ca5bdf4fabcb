---
table: gold.q3
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
ttl: 30 days
description: Who sells in some states and one category.
---
SELECT P.name, P.city, P.state, A.id
FROM bronze.auction A JOIN bronze.person P ON A.seller = P.id
WHERE A.category = 10 AND (P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA')
