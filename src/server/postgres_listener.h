// The PostgreSQL listener: sessions of the wire protocol over SqlSessions.
//
// Clients are trusted, so it listens on loopback addresses only.
//
// Threads: one of its own for the network, a few for queries; stop() from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/platform.h"

namespace server {

class PostgresListener {
 public:
  struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 5433;  // 0: any that is free
    std::size_t connections_max = 100;
    int query_threads = 8;
  };
  // Called on a query thread for each connection.
  using OpenSql = std::function<base::Result<std::unique_ptr<SqlSession>>()>;

  virtual ~PostgresListener() = default;
  // Listens when it returns. kInvalid for an address that is not loopback, kUnavailable when the
  // port is taken.
  static base::Result<std::unique_ptr<PostgresListener>> start(const Options& options,
                                                               OpenSql open_sql);

  virtual std::uint16_t port() const = 0;
  // Ends the sessions: idle ones are told 57P01, running queries are interrupted. Waits for them,
  // at most a few seconds.
  virtual void stop() = 0;
};

}  // namespace server
