#include "server/redis_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/redis_geo.h"

namespace server {
namespace {

using json = nlohmann::ordered_json;  // fields in the row's order
using protocol::resp::Arguments;

constexpr std::size_t kScanSlots = 10;  // Redis's default COUNT
constexpr std::size_t kScanSlotsMax = 100'000;
constexpr int kTableShift = 40;  // a cursor is the table's number above the place in it
constexpr const char* kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

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

template <class See>
bool look(const RedisWorld& world, std::string_view key, See&& see) {
  const Key parsed = parse_key(world, key);
  return parsed.table != nullptr && parsed.table->look(parsed.id, see);
}

bool has(const RedisWorld& world, std::string_view key) {
  return is_fleet(world, key) || look(world, key, [](std::string_view, std::int64_t) {});
}

void write_row(RedisClient& client, std::string_view key) {
  const bool found = look(client.world(), key,
                          [&](std::string_view row, std::int64_t) { client.writer().bulk(row); });
  if (!found) client.writer().null();
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// nullopt, and answered, when the key is no hash.
std::optional<Fields> fields(RedisClient& client, std::string_view key) {
  if (is_fleet(client.world(), key)) {
    client.writer().error(kWrongType);
    return std::nullopt;
  }
  std::string text;
  look(client.world(), key, [&](std::string_view row, std::int64_t) { text = row; });
  return row_fields(text);
}

void write_field(RedisClient& client, const Fields& all, std::string_view name) {
  const auto it = std::ranges::find(all, name, &Fields::value_type::first);
  if (it == all.end()) {
    client.writer().null();
  } else {
    client.writer().bulk(it->second);
  }
}

std::optional<std::int64_t> expires_ms(const RedisWorld& world, std::string_view key) {
  std::optional<std::int64_t> found;
  look(world, key, [&](std::string_view, std::int64_t at_ms) { found = at_ms; });
  if (!found && is_fleet(world, key)) found = 0;
  return found;
}

}  // namespace

Fields row_fields(std::string_view row) {
  Fields fields;
  if (row.empty()) return fields;
  const json object = json::parse(row, nullptr, false);
  if (!object.is_object()) return fields;
  for (const auto& [name, value] : object.items()) {
    if (value.is_null()) continue;
    fields.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return fields;
}

void get(RedisClient& client, const Arguments& arguments) {
  if (is_fleet(client.world(), arguments[1])) return client.writer().error(kWrongType);
  write_row(client, arguments[1]);
}

void mget(RedisClient& client, const Arguments& arguments) {
  client.writer().array(arguments.size() - 1);
  for (std::size_t i = 1; i < arguments.size() && !client.answered_too_much(); ++i)
    write_row(client, arguments[i]);
}

void string_length(RedisClient& client, const Arguments& arguments) {
  if (is_fleet(client.world(), arguments[1])) return client.writer().error(kWrongType);
  std::size_t bytes = 0;
  look(client.world(), arguments[1],
       [&](std::string_view row, std::int64_t) { bytes = row.size(); });
  client.writer().integer(static_cast<std::int64_t>(bytes));
}

void exists(RedisClient& client, const Arguments& arguments) {
  client.writer().integer(std::count_if(arguments.begin() + 1, arguments.end(),
                                        [&](auto key) { return has(client.world(), key); }));
}

void type_of_key(RedisClient& client, const Arguments& arguments) {
  const bool geo = is_fleet(client.world(), arguments[1]);
  client.writer().simple(geo ? "zset" : has(client.world(), arguments[1]) ? "hash" : "none");
}

// -1 for a row that lives for ever, -2 for a key that is not there.
void time_to_live(RedisClient& client, const Arguments& arguments) {
  const auto at_ms = expires_ms(client.world(), arguments[1]);
  if (!at_ms || *at_ms == 0) return client.writer().integer(at_ms ? -1 : -2);
  const std::int64_t now_ms = client.world().clock.now_us() / base::kUsPerMs;
  const std::int64_t left_ms = std::max<std::int64_t>(0, *at_ms - now_ms);
  client.writer().integer(upper(arguments[0]) == "TTL" ? (left_ms + 500) / 1000 : left_ms);
}

void expire_time(RedisClient& client, const Arguments& arguments) {
  const auto at_ms = expires_ms(client.world(), arguments[1]);
  if (!at_ms || *at_ms == 0) return client.writer().integer(at_ms ? -1 : -2);
  const bool seconds = upper(arguments[0]) == "EXPIRETIME";
  client.writer().integer(seconds ? (*at_ms + 500) / 1000 : *at_ms);
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

namespace {

struct ScanOptions {
  std::string_view match = "*";
  std::size_t slots = kScanSlots;
  std::string type = {};  // what TYPE asks for
};

// The options behind `at`; nullopt, and answered, when they are none.
std::optional<ScanOptions> scan_options(RedisClient& client, const Arguments& arguments,
                                        std::size_t at, bool with_type) {
  ScanOptions options;
  for (; at < arguments.size(); at += 2) {
    const std::string option = upper(arguments[at].substr(0, 16));
    const bool has_value = at + 1 < arguments.size();
    if (option == "MATCH" && has_value) {
      options.match = arguments[at + 1];
    } else if (option == "TYPE" && has_value && with_type) {
      options.type = upper(arguments[at + 1].substr(0, 16));
    } else if (option == "COUNT" && has_value) {
      const auto count = whole_number(arguments[at + 1]);
      if (!count || *count == 0) {
        client.writer().error(count ? "ERR syntax error"
                                    : "ERR value is not an integer or out of range");
        return std::nullopt;
      }
      options.slots = std::min<std::size_t>(*count, kScanSlotsMax);
    } else {
      client.writer().error("ERR syntax error");
      return std::nullopt;
    }
  }
  return options;
}

void write_page(RedisClient& client, std::uint64_t cursor, const std::vector<std::string>& found) {
  client.writer().array(2);
  client.writer().bulk(fmt::to_string(cursor));
  client.writer().array(found.size());
  for (const std::string& word : found) client.writer().bulk(word);
}

}  // namespace

void scan(RedisClient& client, const Arguments& arguments) {
  const auto cursor = whole_number(arguments[1]);
  if (!cursor) return client.writer().error("ERR invalid cursor");
  const auto options = scan_options(client, arguments, 2, true);
  if (!options) return;
  const auto wanted = [&](std::string_view type, std::string_view key) {
    return (options->type.empty() || options->type == type) &&
           protocol::resp::glob_matches(options->match, key);
  };
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
                  if (wanted("HASH", key)) found.push_back(std::move(key));
                });
    if (place == 0) ++table;
    if (table < names.size()) next = (static_cast<std::uint64_t>(table) << kTableShift) | place;
  }
  if (next == 0 && client.world().fleet != nullptr && wanted("ZSET", kGeoKey))
    found.emplace_back(kGeoKey);
  write_page(client, next, found);
}

void hash_get(RedisClient& client, const Arguments& arguments) {
  if (const auto all = fields(client, arguments[1])) write_field(client, *all, arguments[2]);
}

void hash_get_many(RedisClient& client, const Arguments& arguments) {
  const auto all = fields(client, arguments[1]);
  if (!all) return;
  client.writer().array(arguments.size() - 2);
  for (std::size_t i = 2; i < arguments.size() && !client.answered_too_much(); ++i)
    write_field(client, *all, arguments[i]);
}

void hash_get_all(RedisClient& client, const Arguments& arguments) {
  const auto all = fields(client, arguments[1]);
  if (!all) return;
  client.writer().map(all->size());
  for (const auto& [name, value] : *all) {
    client.writer().bulk(name);
    client.writer().bulk(value);
  }
}

void hash_keys(RedisClient& client, const Arguments& arguments) {
  const auto all = fields(client, arguments[1]);
  if (!all) return;
  client.writer().array(all->size());
  for (const auto& [name, value] : *all) client.writer().bulk(name);
}

void hash_values(RedisClient& client, const Arguments& arguments) {
  const auto all = fields(client, arguments[1]);
  if (!all) return;
  client.writer().array(all->size());
  for (const auto& [name, value] : *all) client.writer().bulk(value);
}

void hash_length(RedisClient& client, const Arguments& arguments) {
  if (const auto all = fields(client, arguments[1]))
    client.writer().integer(static_cast<std::int64_t>(all->size()));
}

void hash_exists(RedisClient& client, const Arguments& arguments) {
  if (const auto all = fields(client, arguments[1]))
    client.writer().integer(std::ranges::count(*all, arguments[2], &Fields::value_type::first));
}

// A row is one page.
void hash_scan(RedisClient& client, const Arguments& arguments) {
  if (!whole_number(arguments[2])) return client.writer().error("ERR invalid cursor");
  const auto options = scan_options(client, arguments, 3, false);
  if (!options) return;
  const auto all = fields(client, arguments[1]);
  if (!all) return;
  std::vector<std::string> found;
  for (const auto& [name, value] : *all) {
    if (!protocol::resp::glob_matches(options->match, name)) continue;
    found.push_back(name);
    found.push_back(value);
  }
  write_page(client, 0, found);
}

void sorted_set_size(RedisClient& client, const Arguments& arguments) {
  const bool geo = is_fleet(client.world(), arguments[1]);
  if (!geo && has(client.world(), arguments[1])) return client.writer().error(kWrongType);
  client.writer().integer(geo ? static_cast<std::int64_t>(client.world().fleet->size()) : 0);
}

}  // namespace server
