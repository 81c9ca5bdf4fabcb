---
table: gold.q17
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [auction, day]
description: Bids on an auction, by day.
---
SELECT auction, time_bucket(INTERVAL '1 day', dateTime) AS day,
       count(*) AS total_bids,
       count(*) FILTER (WHERE price < 10000) AS rank1_bids,
       count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS rank2_bids,
       count(*) FILTER (WHERE price >= 1000000) AS rank3_bids,
       min(price) AS min_price, max(price) AS max_price,
       CAST(floor(avg(price)) AS BIGINT) AS avg_price, CAST(sum(price) AS BIGINT) AS sum_price
FROM silver.bid
GROUP BY ALL
