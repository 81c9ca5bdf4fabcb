#include "server/http_server.h"

#include "base/logging.h"
#include "base/metrics.h"

namespace server {

bool BodyBudget::Lease::grow_to(std::size_t bytes) {
  if (bytes <= bytes_) return true;
  const std::size_t more = bytes - bytes_;
  if (budget_.used_.fetch_add(more) + more > budget_.bytes_max_) {
    budget_.used_ -= more;
    return false;
  }
  bytes_ = bytes;
  return true;
}

RequestMetrics::RequestMetrics() {
  for (const Route& route : routes()) of(route.pattern);
}

RequestMetrics::OfRoute& RequestMetrics::of(std::string_view pattern) {
  const auto at = routes_.find(pattern);
  if (at != routes_.end()) return at->second;
  OfRoute& made = routes_[std::string(pattern)];
  made.name = pattern;
  made.seconds =
      &base::histogram("waybill_http_request_seconds",
                       "From the last header to the answer's last byte.", {{"route", made.name}});
  return made;
}

void RequestMetrics::count(const Route* route, int status, double seconds) {
  const std::scoped_lock lock(mutex_);
  OfRoute& metrics = of(route == nullptr ? "unknown" : route->pattern);
  metrics.seconds->Observe(seconds);
  prometheus::Counter*& counter = metrics.by_status[status];
  if (counter == nullptr) {
    counter = &base::counter("waybill_http_requests_total", "Requests answered.",
                             {{"route", metrics.name}, {"status", std::to_string(status)}});
  }
  counter->Increment();
}

HttpServer::HttpServer(Platform& platform_in, const base::Clock& clock_in, HttpOptions options_in,
                       std::set<std::string> hosts)
    : platform(platform_in),
      clock(clock_in),
      options(std::move(options_in)),
      origins(std::move(hosts)),
      workers("http-work", options.workers, options.queue_max),
      slow_workers("http-slow", options.workers, options.queue_max),
      api(platform, clock, workers, slow_workers, options),
      bodies(options.bodies_bytes_max),
      feeds(base::gauge("waybill_feed_connections", "Open WebSocket feeds.")) {}

void HttpServer::handle(const Request& request, Done done) {
  const auto work = [this, &request, done] {
    Response response;
    try {
      response = options.handler(request);
    } catch (const std::exception& error) {
      spdlog::error("http: {} failed: {}", request.path, error.what());
      response =
          problem(500, fmt::format("the call failed: {}", error.what()), "report this as a bug");
    }
    done(std::move(response));
  };
  if (!workers.submit(work)) done(too_many_requests("too many requests are waiting"));
}

}  // namespace server
