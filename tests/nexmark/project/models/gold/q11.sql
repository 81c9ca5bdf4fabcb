---
table: gold.q11
version: 1
mode: streaming
time: dateTime
watermark: 4 seconds
key: [bidder, starttime]
description: Bids of a person in one session, without a pause of ten seconds.
---
SELECT bidder, count(*) AS bid_count, min(dateTime) AS starttime,
       max(dateTime) + INTERVAL '10 seconds' AS endtime
FROM (SELECT bidder, dateTime,
             sum(CASE WHEN pause IS NULL OR pause > INTERVAL '10 seconds' THEN 1 ELSE 0 END)
               OVER (PARTITION BY bidder ORDER BY dateTime, _offset) AS session
      FROM (SELECT bidder, dateTime, _offset,
                   dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime, _offset) AS pause
            FROM bronze.bid))
GROUP BY bidder, session
