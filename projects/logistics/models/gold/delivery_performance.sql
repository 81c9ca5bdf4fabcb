---
table: gold.delivery_performance
version: 1
mode: daily at 02:30
key: [day, lane, carrier, shipment_mode]
description: Partner deliveries by day of delivery, lane and vendor, against their scheduled date; of each line the newest counts.
---
SELECT delivered_date AS day,
       CASE WHEN fulfill_via = 'From RDC' THEN 'RDC' ELSE manufacturing_site END || ' - ' || country AS lane,
       vendor AS carrier,
       shipment_mode,
       count(*) AS deliveries,
       count(*) FILTER (WHERE days_late > 0) AS late,
       count(*) FILTER (WHERE days_late < 0) AS early,
       count(*) FILTER (WHERE days_late <= 0) / count(*) AS on_time_share
FROM (SELECT *
      FROM silver.deliveries
      QUALIFY row_number() OVER (PARTITION BY id ORDER BY landed_at DESC, _offset DESC) = 1)
WHERE delivered_date IS NOT NULL
GROUP BY ALL
