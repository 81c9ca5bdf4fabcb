---
table: silver.side_input
version: 1
mode: daily at 00:00
description: The table that stands of q13.
---
SELECT range AS key, 'value-' || range AS value
FROM range(10000)
