---
table: gold.on_time
version: 1
mode: daily at 02:00
key: [day, lane, carrier]
description: On-time performance of line-haul legs by day, lane and carrier. On time is an arrival at most 15 minutes late; a cancelled or diverted leg is not on time.
---
SELECT day,
       lane,
       carrier,
       count(*) AS legs,
       count(*) FILTER (WHERE late) AS late,
       count(*) FILTER (WHERE cancelled) AS cancelled,
       count(*) FILTER (WHERE NOT late) / count(*) AS on_time_share,
       avg(arrival_delay_minutes) AS avg_delay_minutes
FROM silver.legs
GROUP BY ALL
