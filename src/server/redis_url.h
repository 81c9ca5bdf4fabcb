// Where a real Redis is: redis://[user[:password]@]host[:port][/database].
//
// A password `env:NAME` is read from the environment, so that no secret stands in a project.
// Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace server {

struct RedisUrl {
  std::string host;
  std::uint16_t port = 6379;
  std::string user = {};      // empty: Redis's default user
  std::string password = {};  // empty: no AUTH
  int database = 0;

  std::string address() const { return fmt::format("{}:{}", host, port); }
};

// kInvalid with the mend; never with the password.
base::Result<RedisUrl> parse_redis_url(std::string_view text);

}  // namespace server
