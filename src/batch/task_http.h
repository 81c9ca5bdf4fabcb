// An HTTP call of a task. Redirects are not followed; the answer's beginning goes to the log.
//
// Threads: any.
#pragma once

#include "batch/task_log.h"
#include "batch/task_runner.h"

namespace batch {

// `call` has no templates left. Only addresses of the public internet are called, unless
// allow_private: the address that the name gave is looked at, right before the connection.
TaskOutcome run_http(const HttpTask& call, TaskLog& log, std::stop_token stop);

// Loopback, link-local, private, shared, multicast and reserved ranges of IPv4 and IPv6.
bool is_private_address(const std::string& address);

}  // namespace batch
