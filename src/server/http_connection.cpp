#include "server/http_connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>

#include "base/logging.h"
#include "protocol/http/target.h"
#include "server/asio_await.h"
#include "server/http_feed.h"

namespace server {
namespace {

namespace http = beast::http;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr std::uint32_t kHeaderBytesMax = 16U << 10;
constexpr std::size_t kCallBodyBytesMax = 1UL << 20;  // of calls that are no records
constexpr std::size_t kHandlerBodyBytesMax = 4UL << 20;
constexpr Route kHandlerRoute{Method::kOther, "other", Call::kUnknown};
constexpr std::size_t kReadBytes = 16UL << 10;
constexpr std::size_t kBodyReadBytes = 128UL << 10;
constexpr std::size_t kLingerBytesMax = 4UL << 20;

std::chrono::milliseconds time_for(std::chrono::milliseconds base, std::size_t bytes) {
  return base + std::chrono::milliseconds(bytes * 1000 / (64UL << 10));
}

Method method_of(http::verb verb) {
  if (verb == http::verb::get || verb == http::verb::head) return Method::kGet;
  if (verb == http::verb::post) return Method::kPost;
  if (verb == http::verb::put) return Method::kPut;
  return verb == http::verb::delete_ ? Method::kDelete : Method::kOther;
}

std::string_view view_of(beast::string_view text) { return {text.data(), text.size()}; }

std::string head_of(const Response& response, bool keep) {
  std::string head = fmt::format(
      "HTTP/1.1 {} {}\r\nServer: waybill\r\nContent-Length: {}\r\nX-Content-Type-Options: "
      "nosniff\r\n"
      "Cross-Origin-Resource-Policy: same-origin\r\n",
      response.status, reason_phrase(response.status), response.body.size());
  if (response.status != 304)
    fmt::format_to(std::back_inserter(head), "Content-Type: {}\r\n", response.content_type);
  for (const auto& [name, value] : response.headers) {
    fmt::format_to(std::back_inserter(head), "{}: {}\r\n", name, value);
  }
  head += keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return head;
}

bool is_api(const Request& request) {
  return !request.segments.empty() && request.segments.front() == "v1";
}

Response wrong_method(const Request& request) {
  Response response = problem(405, fmt::format("'{}' does not take this method", request.path),
                              "look into docs/http-api.md for the method of each call");
  response.headers.emplace_back("Allow",
                                request.method == Method::kPost ? "GET, HEAD" : "GET, HEAD, POST");
  return response;
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, HttpServer& server)
    : server_(server), stream_(std::move(socket)) {
  beast::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Connection::close() {
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

void Connection::close_if_idle() {
  if (idle_) close();
}

asio::awaitable<void> Connection::run() {
  for (;;) {
    const bool came = co_await wait_for_request();
    if (!came) break;
    idle_ = false;
    const Next next = co_await take_request();
    if (next == Next::kEnd) break;
    idle_ = true;
    if (server_.stopping) break;
  }
  close();
}

asio::awaitable<bool> Connection::wait_for_request() {
  if (buffer_.size() > 0) co_return true;
  buffer_.shrink_to_fit();
  stream_.expires_after(server_.options.idle_timeout);
  const auto [error, bytes] = co_await stream_.async_read_some(buffer_.prepare(kReadBytes), kAwait);
  if (error) co_return false;
  buffer_.commit(bytes);
  co_return true;
}

asio::awaitable<Connection::Next> Connection::take_request() {
  Parser parser;
  parser.header_limit(kHeaderBytesMax);
  parser.body_limit(kBodyBytesMax);
  stream_.expires_after(server_.options.header_timeout);
  const auto [error, bytes] = co_await http::async_read_header(stream_, buffer_, parser, kAwait);
  if (error) {
    const Next next = co_await refuse_header(error);
    co_return next;
  }
  Request request;
  request.method = method_of(parser.get().method());
  auto target = protocol::http::parse_target(view_of(parser.get().target()));
  if (!target) {
    const Response response = problem(target.error());
    co_await send(response, false, false);
    co_await linger();
    co_return Next::kEnd;
  }
  request.path = std::move(target->path);
  request.segments = std::move(target->segments);
  request.query = std::move(target->query);
  for (const auto& field : parser.get()) {
    request.headers.emplace_back(view_of(field.name_string()), view_of(field.value()));
  }
  Match found = server_.options.handler ? Match{.route = &kHandlerRoute, .captured = {}}
                                        : match(request.method, request.segments);
  request.captured = std::move(found.captured);
  const Next next = co_await answer_request(parser, request, found);
  co_return next;
}

std::optional<Response> Connection::check(const Request& request, const Match& found) const {
  if (is_api(request) || server_.options.handler) {
    if (auto refusal = server_.origins.check_host(request)) return refusal;
  }
  const bool feed = found.route != nullptr && found.route->call == Call::kFleetFeed;
  if (request.method != Method::kGet || feed) {
    if (auto refusal = server_.origins.check_origin(request)) return refusal;
  }
  if (found.route == nullptr) return wrong_method(request);
  return std::nullopt;
}

asio::awaitable<Connection::Next> Connection::answer_request(Parser& parser, Request& request,
                                                             const Match& found) {
  const auto start = std::chrono::steady_clock::now();
  const bool ingest = found.route != nullptr && found.route->call == Call::kIngest;
  const bool head_only = parser.get().method() == http::verb::head;
  BodyBudget::Lease lease(server_.bodies);
  Response response;
  bool keep = parser.keep_alive();
  if (auto refusal = check(request, found)) {
    response = std::move(*refusal);
    response.close = !parser.is_done();
  } else {
    const std::size_t bytes_max = ingest                    ? kBodyBytesMax
                                  : server_.options.handler ? kHandlerBodyBytesMax
                                                            : kCallBodyBytesMax;
    std::optional<Response> unread = co_await read_body(parser, bytes_max, lease);
    if (unread) {
      response = std::move(*unread);
      response.close = true;
    } else if (found.route->call == Call::kFleetFeed && server_.platform.fleet() != nullptr &&
               beast::websocket::is_upgrade(parser.get())) {
      stream_.expires_never();
      co_await serve_feed(stream_, parser.get(), server_);
      co_return Next::kEnd;
    } else {
      request.body = std::move(parser.get().body());
      stream_.expires_never();
      const Call call = found.route->call;
      const auto ask = [this, call, &request](Done done) {
        if (server_.options.handler) return server_.handle(request, std::move(done));
        server_.api.answer(call, request, std::move(done));
      };
      response = co_await await_callback<Response>(ask);
    }
  }
  keep = keep && !response.close && !server_.stopping;
  const bool sent = co_await send(response, keep, head_only);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  server_.metrics.count(found.route, response.status, elapsed.count());
  if (sent && response.close) co_await linger();
  co_return sent&& keep ? Next::kRequest : Next::kEnd;
}

asio::awaitable<std::optional<Response>> Connection::read_body(Parser& parser,
                                                               std::size_t bytes_max,
                                                               BodyBudget::Lease& lease) {
  if (parser.is_done()) co_return std::nullopt;
  const auto too_large = [bytes_max] {
    return problem(413, fmt::format("the body is larger than {} bytes", bytes_max),
                   "send it in several requests");
  };
  const std::size_t announced = parser.content_length().value_or(0);
  if (announced > bytes_max) co_return too_large();
  if (!lease.grow_to(announced)) co_return too_many_requests("too many bodies are being read");
  parser.body_limit(bytes_max);
  stream_.expires_after(time_for(server_.options.body_timeout, announced));
  if (view_of(parser.get()[http::field::expect]) == "100-continue") {
    constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    const auto [error, bytes] = co_await asio::async_write(
        stream_, asio::buffer(kContinue.data(), kContinue.size()), kAwait);
    if (error) co_return problem(400, "the connection broke", "");
  }
  if (announced > kReadBytes || parser.chunked()) buffer_.reserve(kBodyReadBytes);
  while (!parser.is_done()) {
    const auto [error, bytes] = co_await http::async_read_some(stream_, buffer_, parser, kAwait);
    if (error == http::error::body_limit) co_return too_large();
    if (error)
      co_return problem(400, fmt::format("the body cannot be read: {}", error.message()),
                        "send it again");
    if (!lease.grow_to(parser.get().body().size()))
      co_return too_many_requests("too many bodies are being read");
  }
  co_return std::nullopt;
}

asio::awaitable<Connection::Next> Connection::refuse_header(const beast::error_code& error) {
  Response response;
  if (error == http::error::header_limit) {
    response = problem(431, fmt::format("the headers are larger than {} bytes", kHeaderBytesMax),
                       "send fewer headers");
  } else if (error == http::error::body_limit) {
    response = problem(413, fmt::format("the body is larger than {} bytes", kBodyBytesMax),
                       "send it in several requests");
  } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
             error != http::error::end_of_stream && error != http::error::partial_message) {
    response = problem(400, fmt::format("this is not HTTP/1.1: {}", error.message()),
                       "speak HTTP/1.1 to this port");
  } else {
    co_return Next::kEnd;
  }
  server_.metrics.count(nullptr, response.status, 0);
  const bool sent = co_await send(response, false, false);
  if (sent) co_await linger();
  co_return Next::kEnd;
}

asio::awaitable<bool> Connection::send(const Response& response, bool keep, bool head_only) {
  const std::string head = head_of(response, keep);
  const std::size_t body_bytes = head_only ? 0 : response.body.size();
  const std::array<asio::const_buffer, 2> parts{asio::buffer(head),
                                                asio::buffer(response.body.data(), body_bytes)};
  stream_.expires_after(time_for(server_.options.write_timeout, body_bytes));
  const auto [error, bytes] = co_await asio::async_write(stream_, parts, kAwait);
  co_return !error;
}

// Reads what the client is still sending, for a moment, so that it sees the answer and not a reset.
asio::awaitable<void> Connection::linger() {
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  buffer_.clear();
  stream_.expires_after(std::chrono::seconds(2));
  for (std::size_t total = 0; total < kLingerBytesMax;) {
    const auto [error, bytes] =
        co_await stream_.async_read_some(buffer_.prepare(kBodyReadBytes), kAwait);
    if (error) co_return;
    total += bytes;
  }
}

}  // namespace server
