---
table: silver.weather
version: 1
mode: streaming
time: event_time
quality: weather.json
description: The weather at each hub.
---
SELECT event_time,
       hub_id,
       temperature_c,
       wind_kmh,
       precipitation_mm,
       condition
FROM bronze.weather
