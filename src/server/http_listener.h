// The HTTP listener: the page, the API of docs/http-api.md and /metrics on one port.
//
// Threads: start and stop from one thread. The network runs on `io_threads` threads of its own,
// each with its connections; calls that block run on worker threads. Invariant: after stop() (or
// the destructor) no call into the platform is under way.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/result.h"
#include "server/http_options.h"
#include "server/platform.h"

namespace server {

class HttpListener {
 public:
  // kUnavailable when the address is taken, kInvalid when it is none. The platform and the clock
  // outlive the listener.
  static base::Result<std::unique_ptr<HttpListener>> start(Platform& platform,
                                                           const base::Clock& clock,
                                                           HttpOptions options);
  ~HttpListener();

  std::uint16_t port() const;
  // Takes no more connections, lets running requests finish, ends the rest.
  void stop();

 private:
  class Impl;
  explicit HttpListener(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace server
