// What all connections of one HTTP listener share.
//
// Threads: any.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <array>
#include <atomic>
#include <map>
#include <mutex>

#include "server/http_api.h"
#include "server/http_options.h"
#include "server/http_origin.h"

namespace server {

// The memory that request bodies may take together; a lease gives its part back at its end.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  class Lease {
   public:
    explicit Lease(BodyBudget& budget) : budget_(budget) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { budget_.used_ -= bytes_; }
    // False when there is no room for `bytes` in all; the lease then stays as it was.
    bool grow_to(std::size_t bytes);

   private:
    BodyBudget& budget_;
    std::size_t bytes_ = 0;
  };

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> used_{0};
};

// waybill_http_requests_total{route,status} and waybill_http_request_seconds{route}.
class RequestMetrics {
 public:
  RequestMetrics();
  void count(const Route* route, int status, double seconds);

 private:
  struct OfRoute {
    std::string name;
    prometheus::Histogram* seconds = nullptr;
    std::map<int, prometheus::Counter*> by_status;
  };
  OfRoute& of(std::string_view pattern);

  std::mutex mutex_;
  std::map<std::string, OfRoute, std::less<>> routes_;
};

struct HttpServer {
  HttpServer(Platform& platform_in, const base::Clock& clock_in, HttpOptions options_in,
             std::set<std::string> hosts);

  // A request to `options.handler`; it lives until `done` is called.
  void handle(const Request& request, Done done);

  Platform& platform;
  const base::Clock& clock;
  const HttpOptions options;
  const OriginPolicy origins;
  WorkerPool workers;
  WorkerPool slow_workers;
  Api api;
  BodyBudget bodies;
  RequestMetrics metrics;
  prometheus::Gauge& feeds;
  std::atomic<bool> stopping{false};
};

}  // namespace server
