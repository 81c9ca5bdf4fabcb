// GEOSEARCH, GEOPOS, GEODIST and GEOHASH over the live fleet.
#pragma once

#include "server/redis_commands.h"

namespace server {

inline constexpr std::string_view kGeoKey = "fleet";

void geo_search(RedisClient& client, const protocol::resp::Arguments& arguments);
void geo_position(RedisClient& client, const protocol::resp::Arguments& arguments);
void geo_hash(RedisClient& client, const protocol::resp::Arguments& arguments);
void geo_distance(RedisClient& client, const protocol::resp::Arguments& arguments);

}  // namespace server
