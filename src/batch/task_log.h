// The log of one attempt of a task: text for people, appended to a file, bounded.
//
// Threads: one.
#pragma once

#include <fstream>
#include <string_view>

#include "base/file_system.h"

namespace batch {

class TaskLog {
 public:
  static constexpr std::size_t kBytesMax = 16UL << 20;  // later output is dropped, and said so

  explicit TaskLog(const base::Path& path);
  void write(std::string_view text);
  void line(std::string_view text);
  // The newest line that is not empty, for the task's message.
  const std::string& last_line() const { return last_; }

 private:
  std::ofstream file_;
  std::size_t bytes_ = 0;
  std::string current_;
  std::string last_;
};

}  // namespace batch
