// A small HTTP server on a loopback port, one request a connection, for tests of clients.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <thread>

namespace storage {

class LocalHttp {
 public:
  // `answer` gets the whole request (head and body) and gives the whole answer; "" cuts the
  // connection.
  explicit LocalHttp(std::function<std::string(const std::string&)> answer)
      : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
  }
  ~LocalHttp() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  LocalHttp(const LocalHttp&) = delete;
  LocalHttp& operator=(const LocalHttp&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  static std::string ok(const std::string& body, const std::string& headers = "") {
    return "HTTP/1.1 200 OK\r\nconnection: close\r\n" + headers +
           "content-length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string status(int code) {
    return "HTTP/1.1 " + std::to_string(code) +
           " No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
  }

 private:
  void serve() {
    for (;;) {
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      const std::string answered = answer_(read(connection));
      static_cast<void>(::send(connection, answered.data(), answered.size(), MSG_NOSIGNAL));
      ::close(connection);
    }
  }

  static std::string read(int connection) {
    std::string request;
    char piece[4096];
    for (;;) {
      const std::size_t head = request.find("\r\n\r\n");
      if (head != std::string::npos) {
        const std::size_t at = request.find("ontent-Length: ");
        const std::size_t body =
            at < head ? static_cast<std::size_t>(std::atoll(request.c_str() + at + 15)) : 0;
        if (request.size() >= head + 4 + body) return request;
      }
      const ssize_t got = ::recv(connection, piece, sizeof piece, 0);
      if (got <= 0) return request;
      request.append(piece, static_cast<std::size_t>(got));
    }
  }

  const std::function<std::string(const std::string&)> answer_;
  const int listener_;
  int port_ = 0;
  std::jthread thread_;
};

}  // namespace storage
