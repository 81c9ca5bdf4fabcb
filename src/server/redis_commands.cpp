#include "server/redis_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "server/redis_geo.h"
#include "server/redis_reads.h"
#include "server/redis_session.h"

namespace server {
namespace {

using protocol::resp::Arguments;

constexpr std::size_t kNameBytesMax = 32;

constexpr RedisCommand kCommands[] = {
    {"GET", 2, get, 1, 1},
    {"MGET", -2, mget, 1, -1},
    {"STRLEN", 2, string_length, 1, 1},
    {"EXISTS", -2, exists, 1, -1},
    {"HGETALL", 2, hash_get_all, 1, 1},
    {"HGET", 3, hash_get, 1, 1},
    {"HMGET", -3, hash_get_many, 1, 1},
    {"HKEYS", 2, hash_keys, 1, 1},
    {"HVALS", 2, hash_values, 1, 1},
    {"HLEN", 2, hash_length, 1, 1},
    {"HEXISTS", 3, hash_exists, 1, 1},
    {"HSCAN", -3, hash_scan, 1, 1},
    {"TYPE", 2, type_of_key, 1, 1},
    {"TTL", 2, time_to_live, 1, 1},
    {"PTTL", 2, time_to_live, 1, 1},
    {"EXPIRETIME", 2, expire_time, 1, 1},
    {"PEXPIRETIME", 2, expire_time, 1, 1},
    {"SCAN", -2, scan},
    {"KEYS", 2, keys},
    {"DBSIZE", 1, db_size},
    {"GEOSEARCH", -7, geo_search, 1, 1},
    {"GEOPOS", -2, geo_position, 1, 1},
    {"GEODIST", -4, geo_distance, 1, 1},
    {"GEOHASH", -2, geo_hash, 1, 1},
    {"ZCARD", 2, sorted_set_size, 1, 1},
    {"PING", -1, ping},
    {"ECHO", 2, echo},
    {"HELLO", -1, hello},
    {"AUTH", -2, auth},
    {"SELECT", 2, select_database},
    {"CLIENT", -2, client_command},
    {"COMMAND", -1, command_info},
    {"CONFIG", -2, config},
    {"INFO", -1, info},
    {"TIME", 1, server_time},
    {"READONLY", 1, answer_ok},
    {"MULTI", 1, multi},
    {"EXEC", 1, exec},
    {"DISCARD", 1, discard},
    {"WATCH", -2, answer_ok, 1, -1},
    {"UNWATCH", 1, answer_ok},
    {"RESET", 1, reset},
    {"QUIT", -1, answer_ok},
};

// What a client may try that writes; so that it hears why.
constexpr std::string_view kWrites[] = {"APPEND",
                                        "BITFIELD",
                                        "BITOP",
                                        "BLMOVE",
                                        "BLMPOP",
                                        "BLPOP",
                                        "BRPOP",
                                        "COPY",
                                        "DECR",
                                        "DECRBY",
                                        "DEL",
                                        "EVAL",
                                        "EVALSHA",
                                        "EXPIRE",
                                        "EXPIREAT",
                                        "FLUSHALL",
                                        "FLUSHDB",
                                        "GEOADD",
                                        "GEORADIUS",
                                        "GEOSEARCHSTORE",
                                        "GETDEL",
                                        "GETEX",
                                        "GETSET",
                                        "HDEL",
                                        "HINCRBY",
                                        "HINCRBYFLOAT",
                                        "HMSET",
                                        "HSET",
                                        "HSETNX",
                                        "INCR",
                                        "INCRBY",
                                        "INCRBYFLOAT",
                                        "LINSERT",
                                        "LMOVE",
                                        "LPOP",
                                        "LPUSH",
                                        "LPUSHX",
                                        "LREM",
                                        "LSET",
                                        "LTRIM",
                                        "MOVE",
                                        "MSET",
                                        "MSETNX",
                                        "PERSIST",
                                        "PEXPIRE",
                                        "PEXPIREAT",
                                        "PFADD",
                                        "PFMERGE",
                                        "PSETEX",
                                        "RENAME",
                                        "RENAMENX",
                                        "RESTORE",
                                        "RPOP",
                                        "RPOPLPUSH",
                                        "RPUSH",
                                        "RPUSHX",
                                        "SADD",
                                        "SET",
                                        "SETBIT",
                                        "SETEX",
                                        "SETNX",
                                        "SETRANGE",
                                        "SMOVE",
                                        "SORT",
                                        "SPOP",
                                        "SREM",
                                        "SWAPDB",
                                        "UNLINK",
                                        "XADD",
                                        "XDEL",
                                        "XTRIM",
                                        "ZADD",
                                        "ZINCRBY",
                                        "ZPOPMAX",
                                        "ZPOPMIN",
                                        "ZREM",
                                        "ZREMRANGEBYSCORE"};

// As Redis says it: with the first words that came behind the name.
std::string unknown_command(const Arguments& arguments) {
  std::string text = fmt::format("ERR unknown command '{}', with args beginning with: ",
                                 arguments.front().substr(0, 128));
  for (std::size_t i = 1; i < arguments.size() && text.size() < 256; ++i)
    text += fmt::format("'{}' ", arguments[i].substr(0, 128));
  return text;
}

std::string refusal(const Arguments& arguments) {
  const std::string name = upper(arguments.front().substr(0, kNameBytesMax));
  if (std::ranges::find(kWrites, name) == std::end(kWrites)) return unknown_command(arguments);
  return fmt::format(
      "READONLY {} is not possible: rows come from the models. Mend: send events to the topics "
      "that the models read, by HTTP or Kafka",
      name);
}

// They are run at once between MULTI and EXEC, too.
bool is_never_queued(const RedisCommand& command) {
  return command.run == multi || command.run == exec || command.run == discard ||
         command.run == reset || command.name == "QUIT" || command.name == "WATCH";
}

}  // namespace

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  });
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return out;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

std::span<const RedisCommand> redis_commands() { return kCommands; }

const RedisCommand* find_redis_command(std::string_view name) {
  if (name.size() > kNameBytesMax) return nullptr;
  const std::string wanted = upper(name);
  const auto* const found = std::ranges::find(kCommands, wanted, &RedisCommand::name);
  return found == std::end(kCommands) ? nullptr : found;
}

// An error, which also spoils what is queued.
bool RedisClient::refuse(std::string_view text) {
  if (queue_) queue_->spoiled = true;
  writer_.error(text);
  return true;
}

bool RedisClient::answer(const Arguments& arguments) {
  const RedisCommand* const command = find_redis_command(arguments.front());
  if (command == nullptr) return refuse(refusal(arguments));
  const auto words = static_cast<std::int64_t>(arguments.size());
  if (command->arity >= 0 ? words != command->arity : words < -command->arity) {
    return refuse(
        fmt::format("ERR wrong number of arguments for '{}' command", lower(command->name)));
  }
  if (queue_ && !is_never_queued(*command)) return enqueue(arguments);
  command->run(*this, arguments);
  return command->name != "QUIT";
}

bool RedisClient::enqueue(const Arguments& arguments) {
  for (const std::string_view word : arguments) queue_->bytes += word.size() + sizeof(std::string);
  if (queue_->commands.size() >= kQueuedCommandsMax || queue_->bytes > kQueuedBytesMax) {
    queue_->commands.clear();
    return refuse(fmt::format(
        "ERR too much between MULTI and EXEC: at most {} commands and {} bytes. Mend: use several "
        "transactions, or a pipeline without MULTI",
        kQueuedCommandsMax, kQueuedBytesMax));
  }
  queue_->commands.emplace_back(arguments.begin(), arguments.end());
  writer_.simple("QUEUED");
  return true;
}

void RedisClient::begin_queue() {
  if (queue_) return writer_.error("ERR MULTI calls can not be nested");
  queue_.emplace();
  writer_.simple("OK");
}

void RedisClient::run_queue() {
  if (!queue_) return writer_.error("ERR EXEC without MULTI");
  const RedisQueue queue = *std::exchange(queue_, std::nullopt);
  if (queue.spoiled)
    return writer_.error("EXECABORT Transaction discarded because of previous errors.");
  writer_.array(queue.commands.size());
  for (const auto& words : queue.commands) {
    if (answered_too_much()) return;
    answer({words.begin(), words.end()});
  }
}

void RedisClient::discard_queue() {
  if (!queue_) return writer_.error("ERR DISCARD without MULTI");
  queue_.reset();
  writer_.simple("OK");
}

void RedisClient::reset() {
  queue_.reset();
  name_.clear();
  writer_.set_version(2);
}

}  // namespace server
