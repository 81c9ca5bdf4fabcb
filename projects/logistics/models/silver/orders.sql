---
table: silver.orders
version: 1
mode: streaming
time: event_time
watermark: 2 minutes
ttl: 1 hour
quality: orders.json
description: Orders, each once.
---
SELECT order_id,
       event_time,
       shipment_id,
       customer,
       carrier,
       origin_hub,
       dest_hub,
       origin_hub || '-' || dest_hub AS lane,
       promised_at,
       weight_kg
FROM bronze.orders
QUALIFY row_number() OVER (PARTITION BY order_id ORDER BY _offset) = 1
