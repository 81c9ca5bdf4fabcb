// What client libraries ask of a connection and of the server before and between look-ups.
#pragma once

#include "server/redis_commands.h"

namespace server {

void ping(RedisClient& client, const protocol::resp::Arguments& arguments);
void echo(RedisClient& client, const protocol::resp::Arguments& arguments);
void hello(RedisClient& client, const protocol::resp::Arguments& arguments);
void auth(RedisClient& client, const protocol::resp::Arguments& arguments);
void select_database(RedisClient& client, const protocol::resp::Arguments& arguments);
void client_command(RedisClient& client, const protocol::resp::Arguments& arguments);
void command_info(RedisClient& client, const protocol::resp::Arguments& arguments);
void config(RedisClient& client, const protocol::resp::Arguments& arguments);
void info(RedisClient& client, const protocol::resp::Arguments& arguments);
void server_time(RedisClient& client, const protocol::resp::Arguments& arguments);
void answer_ok(RedisClient& client, const protocol::resp::Arguments& arguments);
void reset(RedisClient& client, const protocol::resp::Arguments& arguments);
void multi(RedisClient& client, const protocol::resp::Arguments& arguments);
void exec(RedisClient& client, const protocol::resp::Arguments& arguments);
void discard(RedisClient& client, const protocol::resp::Arguments& arguments);

}  // namespace server
