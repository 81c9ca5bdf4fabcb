// One HTTP/1.1 connection: requests one after the other, kept alive, until it ends or becomes a
// feed.
//
// Threads: all on the io_context of the socket, which one thread runs.
#pragma once

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <optional>

#include "server/http_server.h"

namespace server {

namespace asio = boost::asio;
namespace beast = boost::beast;

class Connection {
 public:
  Connection(asio::ip::tcp::socket socket, HttpServer& server);

  asio::awaitable<void> run();
  // Ends it when no request is under way.
  void close_if_idle();
  void close();

 private:
  using Parser = beast::http::request_parser<beast::http::string_body>;
  enum class Next : std::uint8_t { kRequest, kEnd };

  asio::awaitable<bool> wait_for_request();
  asio::awaitable<Next> take_request();
  asio::awaitable<Next> answer_request(Parser& parser, Request& request, const Match& found);
  asio::awaitable<std::optional<Response>> read_body(Parser& parser, std::size_t bytes_max,
                                                     BodyBudget::Lease& lease);
  asio::awaitable<Next> refuse_header(const beast::error_code& error);
  asio::awaitable<bool> send(const Response& response, bool keep, bool head_only);
  asio::awaitable<void> linger();
  std::optional<Response> check(const Request& request, const Match& found) const;

  HttpServer& server_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  bool idle_ = true;
};

}  // namespace server
