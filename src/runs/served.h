// Who is told of the rows that look-ups give, each time a change of them is committed.
#pragma once

#include <string>

#include "columns/batch.h"

namespace runs {

// Threads: called by a pipeline's own thread, for each table by one at a time.
class ServedFollower {
 public:
  virtual ~ServedFollower() = default;
  // Whether it wants to hear of this table at all.
  virtual bool follows(const std::string& table) const = 0;
  // `key` names the column that tells the rows apart; there is one row of each key.
  virtual void replaced(const std::string& table, const std::string& key,
                        const columns::Batch& rows) = 0;
  virtual void changed(const std::string& table, const std::string& key,
                       const columns::Batch& rows) = 0;
};

}  // namespace runs
