// The Redis door: RESP on a TCP port, served by one thread from memory.
//
// Threads: start and stop from one thread. Invariant: after stop() (or the destructor) nothing of
// the world is touched.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/redis_commands.h"

namespace server {

struct RedisOptions {
  std::string address = "127.0.0.1:6380";  // port 0: any that is free
  std::size_t connections_max = 10'000;
  std::size_t out_bytes_max = kAnswerBytesMax;  // a longer answer ends its connection
};

class RedisListener {
 public:
  // kUnavailable when the address is taken, kInvalid when it is none. The world outlives it.
  static base::Result<std::unique_ptr<RedisListener>> start(const RedisWorld& world,
                                                            const RedisOptions& options);
  virtual ~RedisListener() = default;
  virtual std::uint16_t port() const = 0;
  virtual void stop() = 0;
};

}  // namespace server
