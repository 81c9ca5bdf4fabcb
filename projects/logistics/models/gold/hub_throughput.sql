---
table: gold.hub_throughput
version: 1
mode: streaming
time: event_time
watermark: 2 minutes
key: [hub_id, window_start, date]
partition: [date]
description: Scans and shipments per hub in windows of five minutes; what comes after a window closed is in gold.hub_throughput_late.
---
SELECT hub_id,
       time_bucket(INTERVAL '5 minutes', event_time) AS window_start,
       CAST(event_time AS DATE) AS date,
       count(*) AS scans,
       count(DISTINCT shipment_id) AS shipments
FROM silver.scans
GROUP BY ALL
