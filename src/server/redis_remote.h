// A connection to a real Redis: commands go out together, their answers come back in order.
//
// Threads: one. Every call ends within kRedisPatienceMs of silence. After an error the connection
// is of no more use.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/redis_url.h"

struct redisContext;

namespace server {

inline constexpr int kRedisPatienceMs = 3000;

struct RedisReply {
  enum class Kind : std::uint8_t { kText, kInteger, kNull, kArray, kError };
  Kind kind = Kind::kNull;
  std::string text = {};  // of kText and kError
  std::int64_t integer = 0;
  std::vector<RedisReply> elements = {};
};

class RedisRemote {
 public:
  // Connects, says who it is, chooses the database. kUnavailable when nobody answers in time,
  // kInvalid when Redis refuses user, password or database.
  static base::Result<std::unique_ptr<RedisRemote>> connect(const RedisUrl& url);
  ~RedisRemote();
  RedisRemote(const RedisRemote&) = delete;
  RedisRemote& operator=(const RedisRemote&) = delete;

  // Puts a command behind those that wait to be sent.
  void add(std::span<const std::string_view> words);
  void add(std::initializer_list<std::string_view> words) { add(std::span(words)); }
  std::size_t waiting() const { return waiting_; }
  // Sends what waits; the next answer. An answer that is an error of Redis's is an answer.
  base::Result<RedisReply> next();
  // All answers that are outstanding.
  base::Result<std::vector<RedisReply>> all();
  // One command and its answer; an error of Redis's is kInvalid.
  base::Result<RedisReply> ask(std::initializer_list<std::string_view> words);

 private:
  explicit RedisRemote(redisContext* context) : context_(context) {}
  base::Result<> log_in(const RedisUrl& url);
  std::unexpected<base::Error> failed() const;

  redisContext* context_;
  std::size_t waiting_ = 0;  // answers that are outstanding
};

}  // namespace server
