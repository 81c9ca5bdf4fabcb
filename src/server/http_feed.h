// GET /v1/fleet/feed: the live fleet over a WebSocket.
//
// Subscriptions come in as text, frames go out as binary (docs/http-api.md). The next frames are
// made only when the last ones are written, so a slow client holds nothing in memory and gets the
// newest state when it is ready. Threads: the connection's.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "server/http_server.h"

namespace server {

struct Subscription {
  ops::Box box;
  std::size_t budget = 20'000;
};
inline constexpr std::size_t kFeedBudgetMax = 250'000;

// {"bbox":[west,south,east,north],"budget":n}; kInvalid with the mend.
base::Result<Subscription> parse_subscription(std::string_view text);

// Until the client goes or the server stops. The platform has a fleet.
boost::asio::awaitable<void> serve_feed(
    boost::beast::tcp_stream& stream,
    const boost::beast::http::request<boost::beast::http::string_body>& upgrade,
    HttpServer& server);

}  // namespace server
