// The bytes of one PostgreSQL connection, in the clear or through TLS.
//
// Threads: the network thread; one read and one write at a time.
#pragma once

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace server {

// TLS 1.2 or later with this certificate. kInvalid with the file and the mend.
base::Result<boost::asio::ssl::context> encryption_of(const std::string& certificate,
                                                      const std::string& key);

class PostgresStream {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using Error = boost::system::error_code;

  explicit PostgresStream(Socket socket) : socket_(std::move(socket)) {}

  boost::asio::awaitable<std::size_t> read_some(char* into, std::size_t bytes, Error& error);
  boost::asio::awaitable<void> read_exactly(std::string& into, Error& error);
  boost::asio::awaitable<void> write(std::string_view bytes, Error& error);
  // The handshake; everything from here on is encrypted.
  boost::asio::awaitable<void> encrypt(boost::asio::ssl::context& context, Error& error);
  // Ends reads and writes that are under way.
  void close();

 private:
  Socket socket_;
  std::optional<boost::asio::ssl::stream<Socket&>> encrypted_;
};

}  // namespace server
