#include "server/redis_session.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace server {
namespace {

using protocol::resp::Arguments;
using protocol::resp::Writer;

constexpr std::string_view kVersion = "7.0.15";  // whose answers these are

}  // namespace

void ping(RedisClient& client, const Arguments& arguments) {
  if (arguments.size() > 2)
    return client.writer().error("ERR wrong number of arguments for 'ping' command");
  if (arguments.size() == 2) return client.writer().bulk(arguments[1]);
  client.writer().simple("PONG");
}

void echo(RedisClient& client, const Arguments& arguments) { client.writer().bulk(arguments[1]); }

namespace {

// HELLO's options: AUTH user password, SETNAME name; false, and answered, when they are others.
bool hello_options(RedisClient& client, const Arguments& arguments) {
  for (std::size_t i = 2; i < arguments.size(); ++i) {
    const std::string option = upper(arguments[i].substr(0, 16));
    if (option == "SETNAME" && i + 1 < arguments.size()) {
      client.name() = arguments[++i];
    } else if (option == "AUTH" && i + 2 < arguments.size()) {
      i += 2;  // nobody has a password here
    } else {
      client.writer().error(
          fmt::format("ERR Syntax error in HELLO option '{}'", arguments[i].substr(0, 128)));
      return false;
    }
  }
  return true;
}

}  // namespace

void hello(RedisClient& client, const Arguments& arguments) {
  Writer& writer = client.writer();
  if (arguments.size() > 1) {
    const auto version = whole_number(arguments[1]);
    if (!version) return writer.error("ERR Protocol version is not an integer or out of range");
    if (*version != 2 && *version != 3) return writer.error("NOPROTO unsupported protocol version");
    if (!hello_options(client, arguments)) return;
    writer.set_version(static_cast<int>(*version));
  }
  writer.map(7);
  writer.bulk("server");
  writer.bulk("redis");
  writer.bulk("version");
  writer.bulk(kVersion);
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
  const std::string sub = upper(arguments[1].substr(0, 32));
  if (sub == "SETNAME" && arguments.size() == 3) {
    const auto bad = [](char c) { return c < '!' || c > '~'; };
    if (std::ranges::any_of(arguments[2], bad)) {
      return client.writer().error(
          "ERR Client names cannot contain spaces, newlines or special characters.");
    }
    client.name() = arguments[2];
    client.writer().simple("OK");
  } else if (sub == "GETNAME") {
    if (client.name().empty()) return client.writer().null();
    client.writer().bulk(client.name());
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
  const auto number = whole_number(arguments[1]);
  if (!number) return client.writer().error("ERR value is not an integer or out of range");
  if (*number == 0) return client.writer().simple("OK");
  client.writer().error("ERR DB index is out of range");
}

void auth(RedisClient& client, const Arguments&) {
  client.writer().error(
      "ERR AUTH <password> called without any password configured for the default user. Are you "
      "sure your configuration is correct?");
}

namespace {

// As Redis tells of a command: name, arity, flags, where its keys are, and four lists of what is
// not there.
void write_command(Writer& writer, const RedisCommand& command) {
  writer.array(10);
  writer.bulk(lower(command.name));
  writer.integer(command.arity);
  writer.array(2);
  writer.simple("readonly");
  writer.simple("fast");
  writer.integer(command.first_key);
  writer.integer(command.last_key);
  writer.integer(command.first_key == 0 ? 0 : 1);
  for (int i = 0; i < 4; ++i) writer.array(0);
}

}  // namespace

void command_info(RedisClient& client, const Arguments& arguments) {
  Writer& writer = client.writer();
  const std::string sub = arguments.size() > 1 ? upper(arguments[1].substr(0, 32)) : "";
  if (sub.empty() || (sub == "INFO" && arguments.size() == 2)) {
    writer.array(redis_commands().size());
    for (const RedisCommand& command : redis_commands()) write_command(writer, command);
  } else if (sub == "COUNT") {
    writer.integer(static_cast<std::int64_t>(redis_commands().size()));
  } else if (sub == "LIST") {
    writer.array(redis_commands().size());
    for (const RedisCommand& command : redis_commands()) writer.bulk(lower(command.name));
  } else if (sub == "INFO") {
    writer.array(arguments.size() - 2);
    for (std::size_t i = 2; i < arguments.size() && !client.answered_too_much(); ++i) {
      const RedisCommand* const command = find_redis_command(arguments[i]);
      command == nullptr ? writer.null_array() : write_command(writer, *command);
    }
  } else if (sub == "DOCS") {
    writer.map(0);  // docs/http-api.md has them
  } else {
    writer.error(
        fmt::format("ERR unknown subcommand '{}'. Try COMMAND HELP.", arguments[1].substr(0, 128)));
  }
}

void config(RedisClient& client, const Arguments& arguments) {
  constexpr std::pair<std::string_view, std::string_view> kSettings[] = {
      {"appendonly", "no"}, {"databases", "1"}, {"save", ""}};
  if (upper(arguments[1].substr(0, 16)) != "GET")
    return client.writer().error("ERR settings stand in waybill.yaml; change them there");
  if (arguments.size() < 3)
    return client.writer().error("ERR wrong number of arguments for 'config|get' command");
  std::vector<std::pair<std::string_view, std::string_view>> found;
  for (const auto& setting : kSettings) {
    const bool asked = std::any_of(arguments.begin() + 2, arguments.end(), [&](auto pattern) {
      return protocol::resp::glob_matches(lower(pattern.substr(0, 64)), setting.first);
    });
    if (asked) found.push_back(setting);
  }
  client.writer().map(found.size());
  for (const auto& [name, value] : found) {
    client.writer().bulk(name);
    client.writer().bulk(value);
  }
}

void info(RedisClient& client, const Arguments& arguments) {
  std::size_t rows = 0;
  std::size_t bytes = 0;
  for (const std::string& name : client.world().served.names()) {
    rows += client.world().served.table(name)->size();
    bytes += client.world().served.table(name)->bytes();
  }
  const std::pair<std::string_view, std::string> sections[] = {
      {"Server", fmt::format("redis_version:{}\r\nredis_mode:standalone\r\nos:Linux\r\n"
                             "process_id:{}\r\n",
                             kVersion, ::getpid())},
      {"Memory", fmt::format("used_memory:{}\r\n", bytes)},
      {"Replication", "role:master\r\nconnected_slaves:0\r\n"},
      {"Keyspace", fmt::format("db0:keys={},expires=0,avg_ttl=0\r\n", rows)}};
  std::string text;
  for (const auto& [name, lines] : sections) {
    const bool asked =
        arguments.size() == 1 ||
        std::any_of(arguments.begin() + 1, arguments.end(), [&](std::string_view word) {
          const std::string wanted = upper(word.substr(0, 32));
          return wanted == upper(name) || wanted == "ALL" || wanted == "EVERYTHING" ||
                 wanted == "DEFAULT";
        });
    if (asked) text += fmt::format("{}# {}\r\n{}", text.empty() ? "" : "\r\n", name, lines);
  }
  client.writer().bulk(text);
}

void server_time(RedisClient& client, const Arguments&) {
  const base::TimestampUs now_us = client.world().clock.now_us();
  client.writer().array(2);
  client.writer().bulk(fmt::to_string(now_us / base::kUsPerSecond));
  client.writer().bulk(fmt::to_string(now_us % base::kUsPerSecond));
}

void answer_ok(RedisClient& client, const Arguments&) { client.writer().simple("OK"); }

void reset(RedisClient& client, const Arguments&) {
  client.reset();
  client.writer().simple("RESET");
}

void multi(RedisClient& client, const Arguments&) { client.begin_queue(); }
void exec(RedisClient& client, const Arguments&) { client.run_queue(); }
void discard(RedisClient& client, const Arguments&) { client.discard_queue(); }

}  // namespace server
