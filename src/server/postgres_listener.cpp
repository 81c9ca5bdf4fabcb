#include "server/postgres_listener.h"

#include <atomic>
#include <boost/asio.hpp>
#include <chrono>
#include <map>
#include <random>

#include "base/logging.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "protocol/postgres/session.h"
#include "server/postgres_engine.h"
#include "server/postgres_error.h"
#include "server/postgres_stream.h"
#include "server/tcp_listen.h"

namespace server {

namespace {

namespace asio = boost::asio;
namespace pg = protocol::postgres;
using asio::ip::tcp;
using std::chrono::steady_clock;

constexpr std::size_t kReadBytes = 64UL << 10;
constexpr std::size_t kInboxBytesMax = 1UL << 20;      // read ahead of a running query
constexpr std::size_t kSocketsBeyondMax = 50;          // to be told 53300, or to cancel
constexpr auto kTick = std::chrono::milliseconds(20);  // timeouts and repeated interrupts
constexpr auto kStartupTime = std::chrono::seconds(10);
constexpr auto kStopTime = std::chrono::seconds(5);
// Requests before the start-up message: a length and a code.
constexpr std::size_t kRequestBytes = 8;
constexpr std::string_view kSslRequest("\0\0\0\x08\x04\xd2\x16\x2f", kRequestBytes);
constexpr std::string_view kGssRequest("\0\0\0\x08\x04\xd2\x16\x30", kRequestBytes);
constexpr auto kRefusalTime = std::chrono::milliseconds(300);

struct Connection {
  Connection(tcp::socket s, pg::OpenEngine open_engine, pg::Session::Key k, pg::Access access)
      : changed(s.get_executor()),
        stream(std::move(s)),
        session(std::move(open_engine), k, std::move(access)),
        key(k) {
    changed.expires_at(asio::steady_timer::time_point::max());
  }

  asio::steady_timer changed;  // wakes serve() and read(); never expires
  PostgresStream stream;
  Running running;  // before the session: its engine refers to it
  pg::Session session;
  pg::Session::Key key;
  std::string inbox;
  std::string out;
  bool ended = false;    // the client sends no more
  bool started = false;  // the start-up is over
  steady_clock::time_point opened = steady_clock::now();
};
using ConnectionPtr = std::shared_ptr<Connection>;

// Runs on a query thread.
asio::awaitable<pg::Session::Next> step(ConnectionPtr connection) {
  co_return connection->session.step(connection->out);
}

class Listener final : public PostgresListener {
 public:
  Listener(const Options& options, OpenEngine open_engine)
      : options_(options),
        open_engine_(std::move(open_engine)),
        queries_(options.connections_max),  // those that wait for a slot hold nobody up
        acceptor_(network_),
        tick_(network_),
        next_process_id_(static_cast<std::int32_t>(std::random_device{}() & 0xFFFFFF)),
        connected_(base::gauge("waybill_postgres_connections", "Open PostgreSQL connections")) {}

  ~Listener() override { stop(); }

  base::Result<> listen() {
    if (!options_.certificate.empty())
      encryption_ = TRY(encryption_of(options_.certificate, options_.key));
    // Strangers come in with a password only, and nobody else reads it or the rows.
    const bool closed = options_.users && encryption_;
    const auto endpoint = closed ? TRY(any_endpoint(options_.address, "postgres"))
                                 : TRY(loopback_endpoint(options_.address, "postgres"));
    remote_ = !endpoint.address().is_loopback();
    TRY(listen_on(acceptor_, endpoint, "postgres"));
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(network_, accept(), asio::detached);
    asio::co_spawn(network_, tick(), asio::detached);
    threads_.run("pg-network", [this](std::stop_token) { network_.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void stop() override {
    asio::post(network_, [this] { begin_stop(); });
    threads_.stop();
    queries_.join();
  }

 private:
  void begin_stop() {
    if (stopping_) return;
    stopping_ = true;
    stop_deadline_ = steady_clock::now() + kStopTime;
    acceptor_.close();
    for (const auto& [id, connection] : connections_) {
      connection->running.interrupt(Running::Reason::kStopping);
      connection->changed.cancel();
      if (!connection->started) connection->stream.close();
    }
  }

  asio::awaitable<void> accept() {
    while (!stopping_) {
      boost::system::error_code error;
      auto socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (stopping_) co_return;
      if (error) {  // out of descriptors, or a client that left at once
        asio::steady_timer pause(network_, kTick);
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      if (connections_.size() >= options_.connections_max + kSocketsBeyondMax) continue;
      socket.set_option(tcp::no_delay(true), error);
      socket.set_option(asio::socket_base::keep_alive(true),
                        error);  // notices clients that vanished
      open(std::move(socket));
    }
  }

  void open(tcp::socket socket) {
    pg::Session::Key key{next_process_id_, static_cast<std::int32_t>(random_())};
    while (connections_.contains(key.process_id)) key.process_id = (key.process_id + 1) & INT32_MAX;
    next_process_id_ = (key.process_id + 1) & INT32_MAX;
    // The engine is opened in the session's first step, when `connection` is set.
    auto running = std::make_shared<Running*>(nullptr);
    auto open_engine = [this, key,
                        running](const pg::Startup&) -> pg::Answer<std::unique_ptr<pg::Engine>> {
      return open_engine_for(key, **running);
    };
    auto connection = std::make_shared<Connection>(
        std::move(socket), std::move(open_engine), key,
        pg::Access{options_.users, options_.encryption_required || remote_});
    *running = &connection->running;
    connections_.emplace(key.process_id, connection);
    connected_.Set(static_cast<double>(connections_.size()));
    asio::co_spawn(network_, serve(connection), asio::detached);
  }

  pg::Answer<std::unique_ptr<pg::Engine>> open_engine_for(pg::Session::Key key, Running& running) {
    // Held by the engine; its end counts the session out.
    const auto before = sessions_.fetch_add(1);
    std::shared_ptr<void> slot(nullptr, [this](void*) { sessions_.fetch_sub(1); });
    if (before >= options_.connections_max) {
      return std::unexpected(
          pg::make_error("53300", fmt::format("more than {} connections", options_.connections_max),
                         "close connections that are idle, or use a connection pool"));
    }
    auto engine = open_engine_(running, key.process_id, std::move(slot));
    if (!engine) return std::unexpected(postgres_error(engine.error(), ""));
    return *std::move(engine);
  }

  // Reads on while a query runs, so that a client that leaves ends its query.
  asio::awaitable<void> read(ConnectionPtr connection) {
    std::string buffer(kReadBytes, '\0');
    boost::system::error_code error;
    while (!connection->ended) {
      if (connection->inbox.size() >= kInboxBytesMax) {
        co_await connection->changed.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      const auto size = co_await connection->stream.read_some(buffer.data(), buffer.size(), error);
      if (error) break;
      connection->inbox.append(buffer, 0, size);
      connection->changed.cancel();
    }
    connection->ended = true;
    connection->running.interrupt(Running::Reason::kClientGone);
    connection->changed.cancel();
  }

  asio::awaitable<void> serve(ConnectionPtr connection) {
    try {
      const bool begun = co_await begin(connection);
      if (begun) {
        asio::co_spawn(network_, read(connection), asio::detached);
        co_await serve_until_end(connection);
      }
    } catch (const std::exception& failure) {
      spdlog::error("postgres: a session ended by {}", failure.what());
    }
    connection->ended = true;
    connection->stream.close();
    connection->changed.cancel();
    connections_.erase(connection->key.process_id);
    connected_.Set(static_cast<double>(connections_.size()));
    // Closing the engine's database connection may take a moment.
    asio::post(queries_, [connection = std::move(connection)]() mutable { connection.reset(); });
  }

  // Until the client has chosen between encryption and none. What it sends first is left in the
  // inbox; false when it has gone.
  asio::awaitable<bool> begin(ConnectionPtr connection) {
    boost::system::error_code error;
    std::string first(kRequestBytes, '\0');
    while (!stopping_) {
      co_await connection->stream.read_exactly(first, error);
      if (error) co_return false;
      const bool ssl = first == kSslRequest && encryption_;
      if (!ssl && first != kSslRequest && first != kGssRequest) break;
      co_await connection->stream.write(ssl ? "S" : "N", error);
      if (error) co_return false;
      if (!ssl) continue;
      co_await connection->stream.encrypt(*encryption_, error);
      if (error) co_return false;
      connection->session.set_encrypted();
      co_return true;
    }
    connection->inbox = std::move(first);
    co_return true;
  }

  asio::awaitable<void> serve_until_end(ConnectionPtr connection) {
    auto next = pg::Session::Next::kNeedInput;
    boost::system::error_code error;
    while (true) {
      while (next == pg::Session::Next::kNeedInput && connection->inbox.empty()) {
        if (connection->ended) co_return;
        if (stopping_) break;
        co_await connection->changed.async_wait(asio::redirect_error(asio::use_awaitable, error));
      }
      if (stopping_ && next == pg::Session::Next::kNeedInput) {
        connection->session.shut_down(connection->out);
        next = pg::Session::Next::kClose;
      } else {
        connection->session.feed(connection->inbox);
        connection->inbox.clear();
        connection->changed.cancel();
        connection->running.set_underway(true);
        next = co_await asio::co_spawn(queries_, step(connection), asio::use_awaitable);
        connection->started = connection->session.started();
        connection->running.set_underway(next == pg::Session::Next::kMore);
      }
      if (!connection->out.empty()) {
        if (connection->session.refused()) {  // guessing takes its time
          asio::steady_timer pause(network_, kRefusalTime);
          co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        }
        co_await connection->stream.write(connection->out, error);
        connection->out.clear();
        if (error) co_return;
      }
      if (next == pg::Session::Next::kClose) {
        if (const auto& cancel = connection->session.cancel_request()) cancel_query(*cancel);
        co_return;
      }
    }
  }

  void cancel_query(const pg::CancelRequest& request) {
    const auto found = connections_.find(request.process_id);
    if (found == connections_.end() || found->second->key.secret_key != request.secret_key) return;
    found->second->running.interrupt(Running::Reason::kCancelled);
  }

  asio::awaitable<void> tick() {
    boost::system::error_code error;
    while (!stopping_ || !connections_.empty()) {
      tick_.expires_after(kTick);
      co_await tick_.async_wait(asio::redirect_error(asio::use_awaitable, error));
      const auto now = steady_clock::now();
      for (const auto& [id, connection] : connections_) {
        connection->running.tick(now);
        const bool late = !connection->started && now - connection->opened > kStartupTime;
        const bool overdue = stopping_ && now > stop_deadline_;
        if (late || overdue) connection->stream.close();
      }
    }
  }

  const Options options_;
  const OpenEngine open_engine_;
  std::optional<asio::ssl::context> encryption_;
  bool remote_ = false;  // not on loopback
  asio::io_context network_;
  asio::thread_pool queries_;
  tcp::acceptor acceptor_;
  asio::steady_timer tick_;
  std::uint16_t port_ = 0;
  std::int32_t next_process_id_;
  std::random_device random_;
  std::map<std::int32_t, ConnectionPtr> connections_;  // network thread only
  std::atomic<std::size_t> sessions_ = 0;
  bool stopping_ = false;
  steady_clock::time_point stop_deadline_;
  prometheus::Gauge& connected_;
  base::TaskGroup threads_;  // last: its thread uses the rest
};

}  // namespace

base::Result<std::unique_ptr<PostgresListener>> PostgresListener::start(const Options& options,
                                                                        OpenEngine open_engine) {
  auto listener = std::make_unique<Listener>(options, std::move(open_engine));
  TRY(listener->listen());
  return listener;
}

}  // namespace server
