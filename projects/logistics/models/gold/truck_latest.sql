---
table: gold.truck_latest
version: 1
mode: streaming
time: event_time
key: [truck_id]
description: Where each truck was last seen.
---
SELECT truck_id,
       event_time,
       lat,
       lon,
       speed_kmh,
       heading,
       status,
       carrier,
       shipment_id
FROM silver.positions
QUALIFY row_number() OVER (PARTITION BY truck_id ORDER BY event_time DESC) = 1
