// The commands of the Redis door: look-ups on the current state, reading only.
// Source: Redis documentation, the page of each command; error texts as Redis sends them.
//
// Keys are "<look-up>:<id>" ("truck:TR-0001"): GET gives the row as JSON, HGETALL its fields. The
// key "fleet" is a geo set of all trucks. A RedisClient is used by one thread; the state and the
// fleet from any.
#pragma once

#include <string>

#include "ops/fleet.h"
#include "protocol/resp/resp.h"
#include "server/served_state.h"

namespace server {

struct RedisWorld {
  const ServedState& served;
  const ops::Fleet* fleet = nullptr;  // may be null
};

// One connection's commands.
class RedisClient {
 public:
  RedisClient(const RedisWorld& world, std::int64_t id, std::string& out)
      : world_(world), id_(id), writer_(out) {}

  // Answers one command; false when the connection ends behind the answer.
  bool answer(const protocol::resp::Arguments& arguments);

  const RedisWorld& world() const { return world_; }
  protocol::resp::Writer& writer() { return writer_; }
  std::int64_t id() const { return id_; }
  std::string& name() { return name_; }

 private:
  const RedisWorld& world_;
  const std::int64_t id_;
  protocol::resp::Writer writer_;
  std::string name_;
};

}  // namespace server
