---
table: silver.scans
version: 1
mode: streaming
time: event_time
watermark: 2 minutes
ttl: 1 hour
partition: [date]
quality: scans.json
description: Scans of shipments, each once however often it was sent.
---
SELECT event_id,
       event_time,
       CAST(event_time AS DATE) AS date,
       shipment_id,
       scan_type,
       hub_id,
       truck_id,
       carrier
FROM bronze.scans
QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY _offset) = 1
