#include "server/http_listener.h"

#include <boost/asio/as_tuple.hpp>
#include <condition_variable>
#include <unordered_set>

#include "base/logging.h"
#include "protocol/http/target.h"
#include "server/http_connection.h"
#include "server/tcp_listen.h"

namespace server {
namespace {

using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

base::Result<tcp::endpoint> endpoint_of(asio::io_context& context, const std::string& address) {
  const protocol::http::HostPort parts = protocol::http::parse_host(address);
  tcp::resolver resolver(context);
  boost::system::error_code error;
  const auto found = resolver.resolve(parts.host, parts.port, tcp::resolver::passive, error);
  if (error || found.empty() || parts.host.empty() || parts.port.empty()) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("'{}' is not an address to listen on", address),
                           "write host:port, as in 127.0.0.1:8080");
  }
  return found.begin()->endpoint();
}

}  // namespace

class HttpListener::Impl {
 public:
  Impl(Platform& platform, const base::Clock& clock, HttpOptions options,
       std::set<std::string> hosts)
      : server_(platform, clock, std::move(options), std::move(hosts)) {
    for (int i = 1; i < server_.options.io_threads; ++i)
      threads_.push_back(std::make_unique<IoThread>());
  }

  base::Result<> listen() {
    asio::io_context& context = threads_.front()->context;
    const tcp::endpoint endpoint = TRY(endpoint_of(context, server_.options.address));
    TRY(listen_on(acceptor_, endpoint, "http"));
    port_ = acceptor_.local_endpoint().port();
    allow_descriptors(server_.options.connections_max + 1024);
    asio::co_spawn(context, accept(), asio::detached);
    for (auto& thread : threads_) {
      tasks_.run("http-io", [&io = thread->context](std::stop_token) { io.run(); });
    }
    return {};
  }

  std::uint16_t port() const { return port_; }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    server_.stopping = true;
    asio::post(threads_.front()->context, [this] { acceptor_.close(); });
    each_connection([](Connection& connection) { connection.close_if_idle(); });
    const bool all_ended = wait_for_end(server_.options.stop_timeout);
    if (!all_ended) {
      each_connection([](Connection& connection) { connection.close(); });
      wait_for_end(std::chrono::hours(24));  // running calls end in their own time
    }
    server_.workers.stop();
    server_.slow_workers.stop();
    for (auto& thread : threads_) {
      thread->guard.reset();
      thread->context.stop();
    }
    tasks_.stop();
  }

 private:
  struct IoThread {
    asio::io_context context{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
    std::unordered_set<Connection*> connections;  // touched only by its thread
  };

  static std::vector<std::unique_ptr<IoThread>> one_thread() {
    std::vector<std::unique_ptr<IoThread>> threads;
    threads.push_back(std::make_unique<IoThread>());
    return threads;
  }

  asio::awaitable<void> accept() {
    std::size_t next = 0;
    asio::steady_timer timer(acceptor_.get_executor());
    while (acceptor_.is_open()) {
      IoThread& thread = *threads_[next++ % threads_.size()];
      tcp::socket socket(thread.context);
      const auto [error] = co_await acceptor_.async_accept(socket, kAwait);
      if (server_.stopping) break;
      if (error) {  // out of descriptors, or the client went: neither ends the server
        timer.expires_after(std::chrono::milliseconds(50));
        co_await timer.async_wait(kAwait);
        continue;
      }
      if (open_ >= server_.options.connections_max) {
        refuse(socket);
        continue;
      }
      ++open_;
      auto connection = std::make_shared<Connection>(std::move(socket), server_);
      asio::post(thread.context, [this, &thread, connection] { begin(thread, connection); });
    }
  }

  static void refuse(tcp::socket& socket) {
    constexpr std::string_view kFull =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: "
        "close\r\n\r\n";
    boost::system::error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kFull.data(), kFull.size()), ignored);
  }

  void begin(IoThread& thread, const std::shared_ptr<Connection>& connection) {
    thread.connections.insert(connection.get());
    asio::co_spawn(thread.context, connection->run(),
                   [this, &thread, connection](const std::exception_ptr& failure) {
                     thread.connections.erase(connection.get());
                     if (failure) report(failure);
                     const std::scoped_lock lock(mutex_);
                     --open_;
                     ended_.notify_all();
                   });
    if (server_.stopping) connection->close_if_idle();
  }

  static void report(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      spdlog::error("http: a connection ended: {}", error.what());
    }
  }

  void each_connection(void (*act)(Connection&)) {
    for (auto& thread : threads_) {
      asio::post(thread->context, [&io = *thread, act] {
        for (Connection* connection : io.connections) act(*connection);
      });
    }
  }

  bool wait_for_end(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, time, [this] { return open_ == 0; });
  }

  HttpServer server_;
  std::vector<std::unique_ptr<IoThread>> threads_ = one_thread();
  tcp::acceptor acceptor_{threads_.front()->context};
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> open_{0};
  std::mutex mutex_;
  std::condition_variable ended_;
  bool stopped_ = false;
  base::TaskGroup tasks_;
};

HttpListener::HttpListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpListener::~HttpListener() { stop(); }
std::uint16_t HttpListener::port() const { return impl_->port(); }
void HttpListener::stop() { impl_->stop(); }

base::Result<std::unique_ptr<HttpListener>> HttpListener::start(Platform& platform,
                                                                const base::Clock& clock,
                                                                HttpOptions options) {
  std::set<std::string> hosts = options.hosts;
  hosts.insert(protocol::http::parse_host(options.address).host);
  auto impl = std::make_unique<Impl>(platform, clock, std::move(options), std::move(hosts));
  TRY(impl->listen());
  return std::unique_ptr<HttpListener>(new HttpListener(std::move(impl)));
}

}  // namespace server
