// A transactional id in the coordinator: its durable state and what is under way with it.
//
// Threads: under the coordinator's lock. Invariant: an entry that is busy or carrying stays.
#pragma once

#include <vector>

#include "log/transaction_state.h"
#include "log/transactions.h"

namespace eventlog {

struct TransactionCoordinator::Entry {
  Transaction now = {};
  bool busy = false;      // a next state is being written
  bool ending = false;    // and that one ends the transaction
  bool carrying = false;  // the log and the store are being told of its end
  int left = 0;           // of them, until carrying is over
  bool failed = false;    // one of them could not
  std::int64_t retry_ms = 0;
  std::int64_t opened_ms = 0;                 // in the coordinator's time
  std::vector<TransactionDone> waiting = {};  // for the end to be carried out
};

}  // namespace eventlog
