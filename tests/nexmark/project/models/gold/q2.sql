---
table: gold.q2
version: 1
mode: streaming
description: Bids on some auctions.
---
SELECT auction, price
FROM bronze.bid
WHERE auction % 123 = 0
