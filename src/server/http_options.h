// How the HTTP listener is set up.
#pragma once

#include <chrono>
#include <functional>
#include <set>
#include <string>

#include "base/file_system.h"
#include "server/http_message.h"

namespace server {

struct HttpOptions {
  std::string address = "127.0.0.1:8080";  // "host:port"; port 0 takes a free one
  base::Path web_root = {};                // the built page; may be missing
  std::set<std::string> hosts = {};        // further names by which browsers call this server
  int io_threads = 1;
  int workers = 2;  // for look-ups and reads; as many again for SQL and runs
  std::size_t queue_max = 256;
  std::size_t connections_max = 4096;
  std::size_t bodies_bytes_max = 512UL << 20;  // of all requests together
  // A connection that exceeds one of these is closed.
  std::chrono::milliseconds idle_timeout{120'000};  // of a kept connection between requests
  std::chrono::milliseconds header_timeout{
      30'000};                                     // from a request's first byte to its last header
  std::chrono::milliseconds body_timeout{30'000};  // and a second more for each 64 KiB announced
  std::chrono::milliseconds write_timeout{30'000};  // the same for answers
  std::chrono::milliseconds stop_timeout{10'000};   // then unfinished connections are cut
  std::chrono::milliseconds sql_timeout{60'000};    // then a query is interrupted
  std::chrono::milliseconds feed_interval{100};
  // Answers every request in place of the platform's calls, on the worker threads: a listener for
  // another API.
  std::function<Response(const Request&)> handler = nullptr;
};

}  // namespace server
