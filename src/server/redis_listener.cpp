#include "server/redis_listener.h"

#include <array>
#include <boost/asio.hpp>
#include <set>

#include "base/logging.h"
#include "base/metrics.h"
#include "base/task_group.h"
#include "server/tcp_listen.h"

namespace server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kReadBytes = 64UL << 10;
constexpr std::size_t kWriteFromBytes = 256UL << 10;  // answers are sent in pieces of about this

struct Connection {
  Connection(tcp::socket s, const RedisWorld& world, std::int64_t id)
      : socket(std::move(s)), client(world, id, out) {}
  tcp::socket socket;
  std::string out;
  protocol::resp::Parser parser;
  RedisClient client;
};
using ConnectionPtr = std::shared_ptr<Connection>;

class Listener final : public RedisListener {
 public:
  Listener(const RedisWorld& world, const RedisOptions& options)
      : world_(world),
        options_(options),
        acceptor_(network_),
        connected_(base::gauge("waybill_redis_connections", "Open Redis connections")),
        commands_(base::counter("waybill_redis_commands_total", "Commands that were answered")) {}
  ~Listener() override { stop(); }

  base::Result<> listen() {
    TRY(listen_on(acceptor_, TRY(loopback_endpoint(options_.address, "redis")), "redis"));
    port_ = acceptor_.local_endpoint().port();
    asio::co_spawn(network_, accept(), asio::detached);
    threads_.run("redis-network", [this](std::stop_token) { network_.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void stop() override {
    asio::post(network_, [this] {
      acceptor_.close();
      for (const ConnectionPtr& connection : connections_) connection->socket.close();
    });
    threads_.stop();
  }

 private:
  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      boost::system::error_code error;
      auto socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
      if (!acceptor_.is_open()) co_return;
      if (error) {  // out of descriptors, or a client that left at once
        asio::steady_timer pause(network_, std::chrono::milliseconds(20));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      socket.set_option(tcp::no_delay(true), error);
      const auto connection = std::make_shared<Connection>(std::move(socket), world_, ++last_id_);
      if (connections_.size() >= options_.connections_max) {
        connection->client.writer().error("ERR max number of clients reached");
        co_await send(connection);
        continue;
      }
      connections_.insert(connection);
      connected_.Set(static_cast<double>(connections_.size()));
      asio::co_spawn(network_, serve(connection), asio::detached);
    }
  }

  asio::awaitable<void> serve(ConnectionPtr connection) {
    std::array<char, kReadBytes> buffer;
    bool open = true;
    while (open) {
      boost::system::error_code error;
      const std::size_t bytes = co_await connection->socket.async_read_some(
          asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
      connection->parser.feed({buffer.data(), bytes});
      while (open) {
        const bool more = answer_some(*connection, open);
        const bool sent = co_await send(connection);
        open = open && sent;
        if (!more) break;
      }
    }
    boost::system::error_code ignored;
    connection->socket.close(ignored);
    connections_.erase(connection);
    connected_.Set(static_cast<double>(connections_.size()));
  }

  // Answers what is there, up to a piece's size; whether more is there.
  bool answer_some(Connection& connection, bool& open) {
    int answered = 0;
    bool more = true;
    while (open && connection.out.size() < kWriteFromBytes) {
      const auto next = connection.parser.next();
      if (!next) {
        connection.client.writer().error("ERR " + next.error().message);
        spdlog::info("redis: a connection ends: {}", next.error().message);
        open = false;
        break;
      }
      if (*next == nullptr) {
        more = false;
        break;
      }
      ++answered;
      open = connection.client.answer(**next);
    }
    commands_.Increment(answered);
    return more && open;
  }

  asio::awaitable<bool> send(ConnectionPtr connection) {
    if (connection->out.empty()) co_return true;
    if (connection->out.size() > options_.out_bytes_max) {
      spdlog::warn("redis: an answer of {} bytes is too large; narrow the question",
                   connection->out.size());
      co_return false;
    }
    boost::system::error_code error;
    co_await asio::async_write(connection->socket, asio::buffer(connection->out),
                               asio::redirect_error(asio::use_awaitable, error));
    connection->out.clear();
    co_return !error;
  }

  const RedisWorld& world_;
  const RedisOptions options_;
  asio::io_context network_{1};
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::int64_t last_id_ = 0;
  std::set<ConnectionPtr> connections_;
  prometheus::Gauge& connected_;
  prometheus::Counter& commands_;
  base::TaskGroup threads_;
};

}  // namespace

base::Result<std::unique_ptr<RedisListener>> RedisListener::start(const RedisWorld& world,
                                                                  const RedisOptions& options) {
  auto listener = std::make_unique<Listener>(world, options);
  TRY(listener->listen());
  return listener;
}

}  // namespace server
