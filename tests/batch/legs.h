// Legs with a day and a delay, from their topic to silver.
#pragma once

namespace batch {

inline constexpr const char* kTopic = R"(topic: legs
partitions: 2
key: lane
format: json
schema:
  lane: string not null
  day: date
  delay: integer
)";

inline constexpr const char* kLegs = R"(---
table: silver.legs
mode: streaming
---
SELECT lane, day, delay FROM bronze.legs)";

}  // namespace batch
