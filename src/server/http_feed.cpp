#include "server/http_feed.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/beast/websocket.hpp>

namespace server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::size_t kSubscriptionBytesMax = 4096;
// What the kernel may hold for a slow reader: it would be the only old data on the way.
constexpr int kSendBufferBytes = 256 << 10;

struct Feed {
  Feed(beast::tcp_stream& stream, HttpServer& server_in)
      : server(server_in),
        socket(stream),
        view(server_in.platform.fleet()->view()),
        timer(stream.get_executor()) {}

  void end() {
    ended = true;
    timer.cancel();
    beast::get_lowest_layer(socket).cancel();
  }

  HttpServer& server;
  websocket::stream<beast::tcp_stream&> socket;
  std::unique_ptr<ops::Fleet::View> view;
  asio::steady_timer timer;
  std::string refusal;  // waits to be sent as text
  bool ended = false;
};

asio::awaitable<void> read_subscriptions(Feed& feed) {
  beast::flat_buffer buffer;
  while (!feed.ended) {
    const auto [error, bytes] = co_await feed.socket.async_read(buffer, kAwait);
    if (error) break;
    const auto text = static_cast<const char*>(buffer.data().data());
    const auto subscription = parse_subscription({text, buffer.size()});
    if (subscription) {
      feed.view->look_at(subscription->box, subscription->budget);
    } else {
      feed.refusal = problem(subscription.error()).body;
    }
    buffer.consume(buffer.size());
  }
  feed.end();
}

asio::awaitable<bool> write_frames(Feed& feed) {
  if (!feed.refusal.empty()) {
    const std::string text = std::exchange(feed.refusal, {});
    feed.socket.text(true);
    const auto [error, bytes] = co_await feed.socket.async_write(asio::buffer(text), kAwait);
    feed.socket.binary(true);
    if (error) co_return false;
  }
  const std::vector<std::string> frames = feed.view->frames(feed.server.clock.now_us());
  for (const std::string& frame : frames) {
    const auto [error, bytes] = co_await feed.socket.async_write(asio::buffer(frame), kAwait);
    if (error) co_return false;
  }
  co_return true;
}

asio::awaitable<void> write_changes(Feed& feed) {
  feed.timer.expires_after(std::chrono::milliseconds(0));
  while (!feed.ended) {
    if (feed.server.stopping) {
      const websocket::close_reason reason(websocket::close_code::going_away);
      co_await feed.socket.async_close(reason, kAwait);
      break;
    }
    const auto start = std::chrono::steady_clock::now();
    const bool written = co_await write_frames(feed);
    if (!written) break;
    feed.timer.expires_at(start + feed.server.options.feed_interval);
    co_await feed.timer.async_wait(kAwait);
  }
  feed.end();
}

}  // namespace

base::Result<Subscription> parse_subscription(std::string_view text) {
  const auto wrong = [](std::string what) {
    return base::fail_with(base::Code::kInvalid, std::move(what),
                           R"(send {"bbox":[west,south,east,north],"budget":20000} in degrees)");
  };
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("bbox"))
    return wrong("the subscription is not a JSON object with a 'bbox'");
  const auto& bbox = json["bbox"];
  const bool numbers =
      bbox.is_array() && bbox.size() == 4 &&
      std::all_of(bbox.begin(), bbox.end(), [](const auto& part) { return part.is_number(); });
  if (!numbers) return wrong("'bbox' is not four numbers");
  Subscription out{.box = {.west = bbox[0], .south = bbox[1], .east = bbox[2], .north = bbox[3]}};
  const ops::Box& box = out.box;
  if (!(std::abs(box.west) <= 1e6 && std::abs(box.east) <= 1e6))
    return wrong("'bbox' is not of this world");
  if (!(box.south <= box.north && box.south >= -90 && box.north <= 90)) {
    return wrong("'bbox' has its south above its north, or beyond a pole");
  }
  if (json.contains("budget")) {
    if (!json["budget"].is_number_unsigned()) return wrong("'budget' is not a whole number");
    out.budget = json["budget"].get<std::size_t>();
  }
  out.budget = std::min(out.budget, kFeedBudgetMax);
  return out;
}

asio::awaitable<void> serve_feed(beast::tcp_stream& stream,
                                 const beast::http::request<beast::http::string_body>& upgrade,
                                 HttpServer& server) {
  using asio::experimental::awaitable_operators::operator&&;
  beast::error_code ignored;
  stream.socket().set_option(asio::socket_base::send_buffer_size(kSendBufferBytes), ignored);
  Feed feed(stream, server);
  feed.socket.set_option(
      websocket::stream_base::timeout{.handshake_timeout = std::chrono::seconds(30),
                                      .idle_timeout = std::chrono::seconds(60),
                                      .keep_alive_pings = true});
  feed.socket.read_message_max(kSubscriptionBytesMax);
  feed.socket.auto_fragment(false);
  feed.socket.binary(true);
  const auto [error] = co_await feed.socket.async_accept(upgrade, kAwait);
  if (error) co_return;
  server.feeds.Increment();
  co_await (read_subscriptions(feed) && write_changes(feed));
  server.feeds.Decrement();
}

}  // namespace server
