// The commands of the Redis door: look-ups on the current state, reading only.
// Source: Redis documentation, the page of each command; error texts as Redis sends them.
//
// Keys are "<look-up>:<id>" ("truck:TR-0001"): GET gives the row as JSON, HGETALL its fields. The
// key "fleet" is a geo set of all trucks. A RedisClient is used by one thread; the state and the
// fleet from any.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ops/fleet.h"
#include "protocol/resp/resp.h"
#include "server/served_state.h"

namespace server {

struct RedisWorld {
  const ServedState& served;
  const ops::Fleet* fleet;  // may be null
  const base::Clock& clock;
};

inline constexpr std::size_t kQueuedCommandsMax = 1UL << 20;  // between MULTI and EXEC
inline constexpr std::size_t kQueuedBytesMax = 64UL << 20;
inline constexpr std::size_t kAnswerBytesMax = 64UL << 20;  // of what one command may answer

// What stands between MULTI and EXEC.
struct RedisQueue {
  std::vector<std::vector<std::string>> commands;
  std::size_t bytes = 0;
  bool spoiled = false;  // something could not be queued
};

// One connection's commands.
class RedisClient {
 public:
  RedisClient(const RedisWorld& world, std::int64_t id, std::string& out)
      : world_(world), id_(id), out_(out), writer_(out) {}

  // Answers one command; false when the connection ends behind the answer.
  bool answer(const protocol::resp::Arguments& arguments);

  const RedisWorld& world() const { return world_; }
  protocol::resp::Writer& writer() { return writer_; }
  std::int64_t id() const { return id_; }
  std::string& name() { return name_; }
  // An answer that has grown beyond kAnswerBytesMax is cut off by its connection.
  bool answered_too_much() const { return out_.size() > kAnswerBytesMax; }

  void begin_queue();    // MULTI
  void run_queue();      // EXEC
  void discard_queue();  // DISCARD
  void reset();

 private:
  bool refuse(std::string_view text);
  bool enqueue(const protocol::resp::Arguments& arguments);

  const RedisWorld& world_;
  const std::int64_t id_;
  std::string& out_;
  protocol::resp::Writer writer_;
  std::string name_;
  std::optional<RedisQueue> queue_;
};

struct RedisCommand {
  std::string_view name;
  int arity;  // of all words; negative: at least
  void (*run)(RedisClient&, const protocol::resp::Arguments&);
  int first_key = 0;  // which words are keys, as COMMAND tells clients
  int last_key = 0;
};
// All that there are.
std::span<const RedisCommand> redis_commands();
// Null when there is none. The case of letters does not matter.
const RedisCommand* find_redis_command(std::string_view name);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::optional<std::uint64_t> whole_number(std::string_view text);

}  // namespace server
