// Tasks side by side on a few threads, each after those that it needs.
//
// Threads: run_tasks() works on the caller's and on threads of its own, all of which have ended
// when it returns.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "base/result.h"

namespace stream {

inline constexpr int kParallelismMax = 8;

struct Task {
  std::function<base::Result<>()> work;
  std::vector<std::size_t> after;  // tasks before it in the list, by place
};

// Runs them all, at most `threads` at once; with one thread in their order, on the caller's. After
// an error none is begun any more; of several errors the first in the list's order is given.
base::Result<> run_tasks(const std::vector<Task>& tasks, int threads);

}  // namespace stream
