#include "server/postgres_stream.h"

namespace server {

namespace asio = boost::asio;

base::Result<asio::ssl::context> encryption_of(const std::string& certificate,
                                               const std::string& key) {
  asio::ssl::context context(asio::ssl::context::tls_server);
  const auto fail = [](const std::string& file, const PostgresStream::Error& error) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("{} cannot be used for TLS: {}", file, error.message()),
                           "give PEM files that belong together: 'tls: {certificate: server.crt, "
                           "key: server.key}'");
  };
  PostgresStream::Error error;
  context.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                          asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                          asio::ssl::context::no_tlsv1_1,
                      error);
  if (!error) context.use_certificate_chain_file(certificate, error);
  if (error) return fail(certificate, error);
  context.use_private_key_file(key, asio::ssl::context::pem, error);
  if (error) return fail(key, error);
  return context;
}

asio::awaitable<std::size_t> PostgresStream::read_some(char* into, std::size_t bytes,
                                                       Error& error) {
  const auto buffer = asio::buffer(into, bytes);
  std::size_t size = 0;
  if (encrypted_) {
    size = co_await encrypted_->async_read_some(buffer,
                                                asio::redirect_error(asio::use_awaitable, error));
  } else {
    size =
        co_await socket_.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
  }
  co_return size;
}

asio::awaitable<void> PostgresStream::read_exactly(std::string& into, Error& error) {
  co_await asio::async_read(socket_, asio::buffer(into),
                            asio::redirect_error(asio::use_awaitable, error));
}

asio::awaitable<void> PostgresStream::write(std::string_view bytes, Error& error) {
  const auto buffer = asio::buffer(bytes);
  if (encrypted_) {
    co_await asio::async_write(*encrypted_, buffer,
                               asio::redirect_error(asio::use_awaitable, error));
  } else {
    co_await asio::async_write(socket_, buffer, asio::redirect_error(asio::use_awaitable, error));
  }
}

asio::awaitable<void> PostgresStream::encrypt(asio::ssl::context& context, Error& error) {
  encrypted_.emplace(socket_, context);
  co_await encrypted_->async_handshake(asio::ssl::stream_base::server,
                                       asio::redirect_error(asio::use_awaitable, error));
}

void PostgresStream::close() {
  Error error;
  socket_.shutdown(Socket::shutdown_both, error);
  socket_.close(error);
}

}  // namespace server
