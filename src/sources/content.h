// The bytes of a partner's file in order, unpacked when it is gzip or zstd, in bounded memory.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <span>

#include "base/file_system.h"
#include "base/result.h"

namespace sources {

class Content {
 public:
  virtual ~Content() = default;
  // Fills `into` as far as there is data; 0 at the end. kCorrupt for broken packing.
  virtual base::Result<std::size_t> read(std::span<char> into) = 0;
};

// By the name's ending: .gz, .zst, or as it is.
base::Result<std::unique_ptr<Content>> open_content(base::FileSystem& disk, const base::Path& path);

}  // namespace sources
