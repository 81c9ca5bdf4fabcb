---
table: silver.legs
version: 1
mode: streaming
quality: legs.json
description: Flights as line-haul legs. Clock times are local to the hub; hour and minute are not used, they are of the actual departure in the older release.
---
SELECT make_date(year, month, day) AS day,
       carrier,
       flight AS leg,
       NULLIF(tailnum, 'NA') AS vehicle,
       origin AS origin_hub,
       dest AS dest_hub,
       origin || '-' || dest AS lane,
       CAST(make_date(year, month, day) AS TIMESTAMP) + to_minutes(CAST(coalesce(
           TRY_CAST(sched_dep_time AS INTEGER) // 100 * 60 + TRY_CAST(sched_dep_time AS INTEGER) % 100,
           (TRY_CAST(dep_time AS INTEGER) // 100 * 60 + TRY_CAST(dep_time AS INTEGER) % 100
            - TRY_CAST(dep_delay AS INTEGER) + 2880) % 1440) AS BIGINT)) AS scheduled_departure_local,
       TRY_CAST(dep_delay AS INTEGER) AS departure_delay_minutes,
       TRY_CAST(arr_delay AS INTEGER) AS arrival_delay_minutes,
       TRY_CAST(arr_delay AS INTEGER) > 15 AS late,
       TRY_CAST(dep_time AS INTEGER) IS NULL AS cancelled,
       TRY_CAST(air_time AS INTEGER) AS travel_minutes,
       distance AS distance_miles
FROM bronze.flights
