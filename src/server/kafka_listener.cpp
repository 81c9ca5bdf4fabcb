#include "server/kafka_listener.h"

#include <boost/asio/as_tuple.hpp>
#include <unordered_set>

#include "base/logging.h"
#include "base/task_group.h"
#include "server/kafka_connection.h"
#include "server/tcp_listen.h"

namespace server {
namespace {

using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kTick = std::chrono::milliseconds(250);
constexpr auto kTickWhileStopping = std::chrono::milliseconds(5);
constexpr auto kPauseAfterError = std::chrono::milliseconds(50);

}  // namespace

class KafkaListener::Impl {
 public:
  Impl(KafkaBroker& broker, std::function<void()> end_waits)
      : server_(broker), end_waits_(std::move(end_waits)) {
    for (int i = 1; i < server_.options.io_threads; ++i)
      threads_.push_back(std::make_unique<IoThread>());
  }

  base::Result<> listen() {
    const tcp::endpoint endpoint = TRY(loopback_endpoint(server_.options.address, "kafka"));
    TRY(listen_on(acceptor_, endpoint, "kafka"));
    port_ = acceptor_.local_endpoint().port();
    server_.broker.advertise(server_.options.advertised_host.empty()
                                 ? endpoint.address().to_string()
                                 : server_.options.advertised_host,
                             port_);
    allow_descriptors(server_.options.connections_max + 1024);
    asio::co_spawn(threads_.front()->context, accept(), asio::detached);
    for (auto& thread : threads_) {
      asio::co_spawn(thread->context, tick(*thread), asio::detached);
      tasks_.run("kafka-io", [&io = thread->context](std::stop_token) { io.run(); });
    }
    return {};
  }

  std::uint16_t port() const { return port_; }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    stopping_ = true;
    asio::post(threads_.front()->context, [this] { acceptor_.close(); });
    each_connection([](KafkaConnection& connection) { connection.drain(); });
    for (auto& thread : threads_) asio::post(thread->context, [&t = *thread] { t.tick.cancel(); });
    if (end_waits_) end_waits_();
    if (!wait_for_end(server_.options.stop_timeout)) {
      each_connection([](KafkaConnection& connection) { connection.close(""); });
      wait_for_end(std::chrono::hours(24));  // running calls end in their own time
    }
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
    asio::steady_timer tick{context};
    // Touched only by its thread. A connection leaves when nothing of it is under way.
    std::unordered_set<std::shared_ptr<KafkaConnection>> connections;
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
      if (stopping_) break;
      if (error) {  // out of descriptors, or the client went: neither ends the server
        timer.expires_after(kPauseAfterError);
        co_await timer.async_wait(kAwait);
        continue;
      }
      if (open_ >= server_.options.connections_max) {
        spdlog::warn("kafka: a connection was refused: {} are open",
                     server_.options.connections_max);
        continue;
      }
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      socket.set_option(asio::socket_base::keep_alive(true), ignored);
      server_.metrics.connections.Set(static_cast<double>(++open_));
      auto connection = std::make_shared<KafkaConnection>(std::move(socket), server_);
      asio::post(thread.context, [this, &thread, connection] { begin(thread, connection); });
    }
  }

  void begin(IoThread& thread, const std::shared_ptr<KafkaConnection>& connection) {
    thread.connections.insert(connection);
    asio::co_spawn(thread.context, connection->run(),
                   [connection](const std::exception_ptr& failure) {
                     if (failure) connection->close(text_of(failure));
                   });
    if (stopping_) connection->drain();
  }

  static std::string text_of(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  asio::awaitable<void> tick(IoThread& thread) {
    while (true) {
      thread.tick.expires_after(stopping_ ? kTickWhileStopping : kTick);
      co_await thread.tick.async_wait(kAwait);
      const auto now = std::chrono::steady_clock::now();
      std::size_t ended = 0;
      for (auto it = thread.connections.begin(); it != thread.connections.end();) {
        (*it)->tick(now);
        if ((*it)->ended()) {
          it = thread.connections.erase(it);
          ++ended;
        } else {
          ++it;
        }
      }
      if (ended > 0) server_.metrics.connections.Set(static_cast<double>(open_ -= ended));
    }
  }

  void each_connection(void (*act)(KafkaConnection&)) {
    for (auto& thread : threads_) {
      asio::post(thread->context, [&io = *thread, act] {
        for (const auto& connection : io.connections) act(*connection);
      });
    }
  }

  bool wait_for_end(std::chrono::milliseconds time) const {
    const auto end = std::chrono::steady_clock::now() + time;
    while (open_ > 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return open_ == 0;
  }

  KafkaServer server_;
  const std::function<void()> end_waits_;
  std::vector<std::unique_ptr<IoThread>> threads_ = one_thread();
  tcp::acceptor acceptor_{threads_.front()->context};
  std::uint16_t port_ = 0;
  std::atomic<std::size_t> open_{0};
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;
  base::TaskGroup tasks_;
};

KafkaListener::KafkaListener(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaListener::~KafkaListener() { stop(); }
std::uint16_t KafkaListener::port() const { return impl_->port(); }
void KafkaListener::stop() { impl_->stop(); }

base::Result<std::unique_ptr<KafkaListener>> KafkaListener::start(KafkaBroker& broker,
                                                                  std::function<void()> end_waits) {
  auto impl = std::make_unique<Impl>(broker, std::move(end_waits));
  TRY(impl->listen());
  return std::unique_ptr<KafkaListener>(new KafkaListener(std::move(impl)));
}

}  // namespace server
