---
table: gold.shipment_status
version: 1
mode: streaming
time: event_time
key: [shipment_id]
description: What is known last of each shipment.
---
SELECT shipment_id,
       event_time,
       CASE scan_type
         WHEN 'pickup' THEN 'picked_up'
         WHEN 'arrival' THEN 'at_hub'
         WHEN 'departure' THEN 'in_transit'
         ELSE scan_type
       END AS status,
       hub_id,
       truck_id,
       carrier
FROM silver.scans
QUALIFY row_number() OVER (PARTITION BY shipment_id ORDER BY event_time DESC) = 1
