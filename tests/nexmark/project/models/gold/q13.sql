---
table: gold.q13
version: 1
mode: streaming
time: dateTime
description: Bids with what a table that stands says of their auction.
---
SELECT B.auction, B.bidder, B.price, B.dateTime, S.value
FROM bronze.bid B JOIN silver.side_input S ON B.auction % 10000 = S.key
