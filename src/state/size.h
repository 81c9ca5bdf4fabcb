// How much a store's keys take, of stores that can tell.
#pragma once

#include <cstdint>
#include <string>

namespace state {

class Sized {
 public:
  virtual ~Sized() = default;
  // About how much the keys with the prefix take, in memory and on disk.
  virtual std::int64_t bytes_about(const std::string& prefix) const = 0;
};

}  // namespace state
