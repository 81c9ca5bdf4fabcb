#include "batch/task_log.h"

#include <filesystem>

namespace batch {
namespace {

constexpr std::size_t kLineMax = 1000;

}  // namespace

TaskLog::TaskLog(const base::Path& path) {
  if (path.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  file_.open(path, std::ios::app | std::ios::binary);
}

void TaskLog::write(std::string_view text) {
  for (const char c : text) {
    if (c != '\n') {
      if (current_.size() < kLineMax) current_ += c;
      continue;
    }
    if (!current_.empty()) last_ = std::exchange(current_, {});
  }
  if (!current_.empty()) last_ = current_;
  if (bytes_ > kBytesMax) return;
  bytes_ += text.size();
  file_ << text;
  if (bytes_ > kBytesMax) file_ << "\n… the rest is left out: a log has at most 16 MiB\n";
  file_.flush();
}

void TaskLog::line(std::string_view text) {
  write(text);
  write("\n");
}

}  // namespace batch
