// Look-ups of served rows: keys, rows as JSON text, rows as hashes.
// The arguments are those of the client, with as many words as the command's arity asks for.
#pragma once

#include "server/redis_commands.h"

namespace server {

// A row of JSON as a hash holds it: its fields in their order, text without quotes, null as none.
std::vector<std::pair<std::string, std::string>> row_fields(std::string_view row);

void get(RedisClient& client, const protocol::resp::Arguments& arguments);
void mget(RedisClient& client, const protocol::resp::Arguments& arguments);
void string_length(RedisClient& client, const protocol::resp::Arguments& arguments);
void exists(RedisClient& client, const protocol::resp::Arguments& arguments);
void type_of_key(RedisClient& client, const protocol::resp::Arguments& arguments);
void time_to_live(RedisClient& client, const protocol::resp::Arguments& arguments);  // and PTTL
void expire_time(RedisClient& client, const protocol::resp::Arguments& arguments);
void db_size(RedisClient& client, const protocol::resp::Arguments& arguments);
void keys(RedisClient& client, const protocol::resp::Arguments& arguments);
void scan(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_get(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_get_many(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_get_all(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_keys(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_values(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_length(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_exists(RedisClient& client, const protocol::resp::Arguments& arguments);
void hash_scan(RedisClient& client, const protocol::resp::Arguments& arguments);
void sorted_set_size(RedisClient& client, const protocol::resp::Arguments& arguments);

}  // namespace server
