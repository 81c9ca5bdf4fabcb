---
table: gold.delivery_performance
version: 1
mode: daily at 02:30
key: [day, lane, carrier, shipment_mode]
description: Partner deliveries by day of delivery, lane and vendor, against their scheduled date.
---
SELECT delivered_date AS day,
       CASE WHEN fulfill_via = 'From RDC' THEN 'RDC' ELSE manufacturing_site END || ' - ' || country AS lane,
       vendor AS carrier,
       shipment_mode,
       count(*) AS deliveries,
       count(*) FILTER (WHERE days_late > 0) AS late,
       count(*) FILTER (WHERE days_late < 0) AS early,
       count(*) FILTER (WHERE days_late <= 0) / count(*) AS on_time_share
FROM silver.deliveries
WHERE delivered_date IS NOT NULL
GROUP BY ALL
