---
table: silver.positions
version: 1
mode: streaming
time: event_time
watermark: 2 minutes
ttl: 15 minutes
partition: [date]
quality: positions.json
description: Truck positions, each once.
---
SELECT truck_id,
       event_time,
       CAST(event_time AS DATE) AS date,
       lat,
       lon,
       speed_kmh,
       heading,
       status,
       carrier,
       shipment_id
FROM bronze.positions
QUALIFY row_number() OVER (PARTITION BY truck_id, event_time ORDER BY _offset) = 1
