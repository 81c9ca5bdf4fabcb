// The PostgreSQL listener: sessions of the wire protocol over SqlSessions.
//
// Without users every client is trusted, so it listens on loopback addresses only. With users and a
// certificate it may listen on any.
//
// Threads: one of its own for the network, a few for queries; stop() from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "protocol/postgres/scram.h"
#include "server/platform.h"
#include "server/postgres_engine.h"

namespace server {

class PostgresListener {
 public:
  struct Options {
    std::string address = "127.0.0.1:5433";  // port 0: any that is free
    std::size_t connections_max = 100;
    protocol::postgres::FindUser users = {};  // none: everybody, by any name
    std::string certificate = {};             // PEM file with the chain; none: no encryption
    std::string key = {};                     // PEM file
    bool encryption_required = false;
  };
  // Makes the engine of one connection, on a query thread. `running` outlives the engine; `slot` is
  // to be let go of when the engine ends.
  using OpenEngine = std::function<base::Result<std::unique_ptr<protocol::postgres::Engine>>(
      Running& running, std::int32_t process_id, std::shared_ptr<void> slot)>;

  virtual ~PostgresListener() = default;
  // Listens when it returns. kInvalid for an address that clients may not be trusted on or a
  // certificate that cannot be used, kUnavailable when the port is taken.
  static base::Result<std::unique_ptr<PostgresListener>> start(const Options& options,
                                                               OpenEngine open_engine);

  virtual std::uint16_t port() const = 0;
  // Ends the sessions: idle ones are told 57P01, running queries are interrupted. Waits for them,
  // at most a few seconds.
  virtual void stop() = 0;
};

}  // namespace server
