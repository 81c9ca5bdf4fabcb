#include "storage/key.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace storage {

base::Result<> check_key(const std::string& key) {
  const auto refuse = [&](std::string_view why) {
    return base::fail_with(base::Code::kInvalid, fmt::format("the object key \"{}\" {}", key, why),
                           "use a relative path such as silver/scans/part-1.parquet");
  };
  if (key.empty()) return refuse("is empty");
  if (key.size() > kKeyBytesMax) return refuse("is too long");
  if (key.front() == '/') return refuse("is absolute");
  if (key.find('\0') != std::string::npos) return refuse("has a zero byte");
  std::size_t start = 0;
  while (start <= key.size()) {
    const std::size_t end = std::min(key.find('/', start), key.size());
    const std::string_view part = std::string_view(key).substr(start, end - start);
    if (part.empty()) return refuse("has an empty part");
    if (part == "." || part == "..") return refuse("has a \".\" or \"..\" part");
    start = end + 1;
  }
  return {};
}

}  // namespace storage
