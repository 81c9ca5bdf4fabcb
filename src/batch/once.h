// Commits that happen once for each task instance, however often the task runs: a plan in `state`
// before the table's commit, a number in the table's `txn`, a mark behind it.
//
// A run that was cut off between commit and mark is settled by whoever comes next: the table's
// number tells whether the plan was committed. Threads: any; commits queue one behind another.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "lake/table.h"
#include "state/store.h"

namespace batch {

class Once {
 public:
  explicit Once(state::Store& store) : store_(store) {}

  // Whether this instance has committed. False also means that it may be about to.
  base::Result<bool> done(const std::string& instance) const;
  // Calls `fill` with a transaction and commits it; the version, or nullopt when this instance had
  // committed before.
  base::Result<std::optional<lake::Version>> commit(
      lake::Table& table, const std::string& instance, const lake::CommitInfo& info,
      const std::function<base::Result<>(lake::Transaction&)>& fill);

  // Where the mark is; whoever has written the task's end removes it.
  static std::string mark_key(const std::string& instance) { return "dag/done/" + instance; }

 private:
  base::Result<> settle(const lake::Table& table, const lake::Snapshot& snapshot);

  state::Store& store_;
  std::mutex mutex_;
};

}  // namespace batch
