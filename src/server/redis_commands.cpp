#include "server/redis_commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "server/redis_geo.h"

namespace server {
namespace {

using nlohmann::json;
using protocol::resp::Arguments;
using protocol::resp::Writer;

constexpr std::size_t kScanSlots = 10;  // Redis's default COUNT
constexpr std::size_t kScanSlotsMax = 100'000;
constexpr int kTableShift = 40;  // a cursor is the table's number above the place in it

std::string upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
  });
  return out;
}

struct Key {
  const ServedTable* table = nullptr;  // null: no such look-up
  std::string_view id;
};

Key parse_key(const RedisWorld& world, std::string_view key) {
  const std::size_t colon = key.find(':');
  if (colon == std::string_view::npos) return {};
  return {world.served.table(key.substr(0, colon)), key.substr(colon + 1)};
}

bool is_fleet(const RedisWorld& world, std::string_view key) {
  return key == kGeoKey && world.fleet != nullptr;
}

std::optional<std::string> row(const RedisWorld& world, std::string_view key) {
  const Key parsed = parse_key(world, key);
  return parsed.table == nullptr ? std::nullopt : parsed.table->get(parsed.id);
}

bool exists(const RedisWorld& world, std::string_view key) {
  const Key parsed = parse_key(world, key);
  return is_fleet(world, key) || (parsed.table != nullptr && parsed.table->contains(parsed.id));
}

// A field's value as a hash would hold it: text without quotes, null as nothing.
std::string field_text(const json& value) {
  if (value.is_string()) return value.get<std::string>();
  return value.is_null() ? std::string() : value.dump();
}

json fields(const RedisWorld& world, std::string_view key) {
  const auto text = row(world, key);
  return text ? json::parse(*text, nullptr, false) : json::object();
}

void ping(RedisClient& client, const Arguments& arguments) {
  if (arguments.size() > 1) {
    client.writer().bulk(arguments[1]);
  } else {
    client.writer().simple("PONG");
  }
}

void echo(RedisClient& client, const Arguments& arguments) { client.writer().bulk(arguments[1]); }

void get(RedisClient& client, const Arguments& arguments) {
  if (is_fleet(client.world(), arguments[1])) {
    return client.writer().error(
        "WRONGTYPE Operation against a key holding the wrong kind of value");
  }
  const auto found = row(client.world(), arguments[1]);
  if (found) {
    client.writer().bulk(*found);
  } else {
    client.writer().null();
  }
}

void mget(RedisClient& client, const Arguments& arguments) {
  client.writer().array(arguments.size() - 1);
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    const auto found = row(client.world(), arguments[i]);
    if (found) {
      client.writer().bulk(*found);
    } else {
      client.writer().null();
    }
  }
}

void exists_command(RedisClient& client, const Arguments& arguments) {
  client.writer().integer(std::count_if(arguments.begin() + 1, arguments.end(),
                                        [&](auto key) { return exists(client.world(), key); }));
}

void hash_get_all(RedisClient& client, const Arguments& arguments) {
  const json all = fields(client.world(), arguments[1]);
  client.writer().map(all.size());
  for (const auto& [name, value] : all.items()) {
    client.writer().bulk(name);
    client.writer().bulk(field_text(value));
  }
}

void hash_get(RedisClient& client, const Arguments& arguments) {
  const json all = fields(client.world(), arguments[1]);
  const bool many = upper(arguments[0]) == "HMGET";
  if (many) client.writer().array(arguments.size() - 2);
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const auto it = all.find(arguments[i]);
    if (it == all.end() || it->is_null()) {
      client.writer().null();
    } else {
      client.writer().bulk(field_text(*it));
    }
  }
}

void hash_keys(RedisClient& client, const Arguments& arguments) {
  const json all = fields(client.world(), arguments[1]);
  client.writer().array(all.size());
  for (const auto& [name, value] : all.items()) client.writer().bulk(name);
}

void hash_length(RedisClient& client, const Arguments& arguments) {
  client.writer().integer(static_cast<std::int64_t>(fields(client.world(), arguments[1]).size()));
}

void hash_exists(RedisClient& client, const Arguments& arguments) {
  client.writer().integer(fields(client.world(), arguments[1]).contains(arguments[2]) ? 1 : 0);
}

void type_of_key(RedisClient& client, const Arguments& arguments) {
  const bool geo = is_fleet(client.world(), arguments[1]);
  client.writer().simple(geo ? "zset" : exists(client.world(), arguments[1]) ? "hash" : "none");
}

// Rows have no end of life: -1, or -2 for a key that is not there.
void time_to_live(RedisClient& client, const Arguments& arguments) {
  client.writer().integer(exists(client.world(), arguments[1]) ? -1 : -2);
}

void db_size(RedisClient& client, const Arguments&) {
  std::size_t rows = client.world().fleet != nullptr ? 1 : 0;
  for (const std::string& name : client.world().served.names())
    rows += client.world().served.table(name)->size();
  client.writer().integer(static_cast<std::int64_t>(rows));
}

void keys(RedisClient& client, const Arguments& arguments) {
  std::vector<std::string> found;
  for (const std::string& name : client.world().served.names()) {
    client.world().served.table(name)->scan(0, SIZE_MAX >> 1, [&](std::string_view id) {
      std::string key = fmt::format("{}:{}", name, id);
      if (protocol::resp::glob_matches(arguments[1], key)) found.push_back(std::move(key));
    });
  }
  if (client.world().fleet != nullptr && protocol::resp::glob_matches(arguments[1], kGeoKey))
    found.emplace_back(kGeoKey);
  client.writer().array(found.size());
  for (const std::string& key : found) client.writer().bulk(key);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

struct ScanOptions {
  std::string_view match = "*";
  std::size_t slots = kScanSlots;
  bool hashes = true;  // TYPE asks for what there is
};

std::optional<ScanOptions> scan_options(RedisClient& client, const Arguments& arguments) {
  ScanOptions options;
  for (std::size_t i = 2; i < arguments.size(); i += 2) {
    const std::string option = upper(arguments[i]);
    if (i + 1 >= arguments.size()) {
      client.writer().error("ERR syntax error");
      return std::nullopt;
    }
    if (option == "MATCH") {
      options.match = arguments[i + 1];
    } else if (option == "TYPE") {
      options.hashes = upper(arguments[i + 1]) == "HASH";
    } else if (const auto count = number(arguments[i + 1]);
               option == "COUNT" && count && *count > 0) {
      options.slots = std::min<std::size_t>(*count, kScanSlotsMax);
    } else {
      client.writer().error(option == "COUNT" ? "ERR value is not an integer or out of range"
                                              : "ERR syntax error");
      return std::nullopt;
    }
  }
  return options;
}

void scan(RedisClient& client, const Arguments& arguments) {
  const auto cursor = number(arguments[1]);
  if (!cursor) return client.writer().error("ERR invalid cursor");
  const auto options = scan_options(client, arguments);
  if (!options) return;
  const auto& names = client.world().served.names();
  std::size_t table = *cursor >> kTableShift;
  std::uint64_t place = *cursor & ((1ULL << kTableShift) - 1);
  std::vector<std::string> found;
  std::uint64_t next = 0;
  if (table < names.size()) {
    place = client.world()
                .served.table(names[table])
                ->scan(place, options->slots, [&](std::string_view id) {
                  std::string key = fmt::format("{}:{}", names[table], id);
                  if (options->hashes && protocol::resp::glob_matches(options->match, key))
                    found.push_back(std::move(key));
                });
    if (place == 0) ++table;
    if (table < names.size()) next = (static_cast<std::uint64_t>(table) << kTableShift) | place;
  }
  client.writer().array(2);
  client.writer().bulk(fmt::to_string(next));
  client.writer().array(found.size());
  for (const std::string& key : found) client.writer().bulk(key);
}

void hello(RedisClient& client, const Arguments& arguments) {
  std::size_t i = 1;
  if (arguments.size() > 1) {
    const auto version = number(arguments[1]);
    if (!version || (*version != 2 && *version != 3))
      return client.writer().error("NOPROTO unsupported protocol version");
    client.writer().set_version(static_cast<int>(*version));
    i = 2;
  }
  for (; i < arguments.size(); ++i) {
    const std::string option = upper(arguments[i]);
    if (option == "SETNAME" && i + 1 < arguments.size()) {
      client.name() = arguments[++i];
    } else if (option == "AUTH") {
      i += 2;  // nobody has a password here
    } else {
      return client.writer().error("ERR syntax error in HELLO");
    }
  }
  Writer& writer = client.writer();
  writer.map(7);
  writer.bulk("server");
  writer.bulk("redis");
  writer.bulk("version");
  writer.bulk("7.0.0");
  writer.bulk("proto");
  writer.integer(writer.version());
  writer.bulk("id");
  writer.integer(client.id());
  writer.bulk("mode");
  writer.bulk("standalone");
  writer.bulk("role");
  writer.bulk("master");
  writer.bulk("modules");
  writer.array(0);
}

void client_command(RedisClient& client, const Arguments& arguments) {
  const std::string sub = upper(arguments[1]);
  if (sub == "SETNAME" && arguments.size() == 3) {
    client.name() = arguments[2];
    client.writer().simple("OK");
  } else if (sub == "GETNAME") {
    if (client.name().empty()) {
      client.writer().null();
    } else {
      client.writer().bulk(client.name());
    }
  } else if (sub == "ID") {
    client.writer().integer(client.id());
  } else if (sub == "INFO" || sub == "LIST") {
    client.writer().bulk(fmt::format("id={} name={} db=0 resp={}\n", client.id(), client.name(),
                                     client.writer().version()));
  } else if (sub == "SETINFO" || sub == "NO-EVICT" || sub == "NO-TOUCH") {
    client.writer().simple("OK");
  } else {
    client.writer().error(
        fmt::format("ERR unknown subcommand '{}'. Try CLIENT HELP.", arguments[1].substr(0, 128)));
  }
}

void select_database(RedisClient& client, const Arguments& arguments) {
  if (arguments[1] == "0") return client.writer().simple("OK");
  client.writer().error("ERR DB index is out of range");
}

void auth(RedisClient& client, const Arguments&) {
  client.writer().error(
      "ERR AUTH <password> called without any password configured for the default user. Are you "
      "sure your configuration is correct?");
}

void command_info(RedisClient& client, const Arguments&) { client.writer().array(0); }

void config(RedisClient& client, const Arguments& arguments) {
  if (upper(arguments[1]) == "GET") return client.writer().map(0);
  client.writer().error("ERR settings stand in waybill.yaml");
}

void info(RedisClient& client, const Arguments&) {
  std::string text =
      "# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\n# Replication\r\n"
      "role:master\r\n# Keyspace\r\n";
  std::size_t rows = 0;
  for (const std::string& name : client.world().served.names())
    rows += client.world().served.table(name)->size();
  text += fmt::format("db0:keys={},expires=0,avg_ttl=0\r\n", rows);
  client.writer().bulk(text);
}

void ok(RedisClient& client, const Arguments&) { client.writer().simple("OK"); }

void sorted_set_size(RedisClient& client, const Arguments& arguments) {
  const bool geo = is_fleet(client.world(), arguments[1]);
  client.writer().integer(geo ? static_cast<std::int64_t>(client.world().fleet->size()) : 0);
}

struct Command {
  std::string_view name;
  int arity;  // of all words; negative: at least
  void (*run)(RedisClient&, const Arguments&);
};
constexpr Command kCommands[] = {
    {"GET", 2, get},
    {"MGET", -2, mget},
    {"EXISTS", -2, exists_command},
    {"HGETALL", 2, hash_get_all},
    {"HGET", 3, hash_get},
    {"HMGET", -3, hash_get},
    {"HKEYS", 2, hash_keys},
    {"HLEN", 2, hash_length},
    {"HEXISTS", 3, hash_exists},
    {"TYPE", 2, type_of_key},
    {"TTL", 2, time_to_live},
    {"PTTL", 2, time_to_live},
    {"SCAN", -2, scan},
    {"KEYS", 2, keys},
    {"DBSIZE", 1, db_size},
    {"GEOSEARCH", -7, geo_search},
    {"GEOPOS", -2, geo_position},
    {"GEODIST", -4, geo_distance},
    {"ZCARD", 2, sorted_set_size},
    {"PING", -1, ping},
    {"ECHO", 2, echo},
    {"HELLO", -1, hello},
    {"AUTH", -2, auth},
    {"SELECT", 2, select_database},
    {"CLIENT", -2, client_command},
    {"COMMAND", -1, command_info},
    {"CONFIG", -2, config},
    {"INFO", -1, info},
    {"READONLY", 1, ok},
    {"RESET", 1, ok},
    {"QUIT", -1, ok},
};

// What a client may try that writes; so that it hears why.
constexpr std::string_view kWrites[] = {
    "SET",  "SETEX",  "SETNX",    "MSET",   "DEL",    "UNLINK",  "EXPIRE", "PERSIST", "INCR",
    "DECR", "INCRBY", "APPEND",   "HSET",   "HDEL",   "HMSET",   "LPUSH",  "RPUSH",   "SADD",
    "ZADD", "GEOADD", "FLUSHALL", "RENAME", "GETSET", "FLUSHDB", "HINCRBY"};

}  // namespace

bool RedisClient::answer(const Arguments& arguments) {
  const std::string name = upper(arguments.front().substr(0, 32));
  const auto* const command = std::ranges::find(kCommands, name, &Command::name);
  if (command == std::end(kCommands)) {
    const bool writes = std::ranges::find(kWrites, name) != std::end(kWrites);
    writer_.error(writes
                      ? fmt::format("READONLY {} is not possible: rows come from the models; "
                                    "send events to the log instead",
                                    name)
                      : fmt::format("ERR unknown command '{}'", arguments.front().substr(0, 128)));
    return true;
  }
  const auto words = static_cast<int>(arguments.size());
  if (command->arity >= 0 ? words != command->arity : words < -command->arity) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    writer_.error(fmt::format("ERR wrong number of arguments for '{}' command", lower));
    return true;
  }
  command->run(*this, arguments);
  return name != "QUIT";
}

}  // namespace server
