// The page: files of one folder, with the headers that a browser needs to keep and to trust them.
//
// Threads: any. No path leaves the folder, neither by ".." nor by a symbolic link.
#pragma once

#include "base/file_system.h"
#include "server/http_message.h"

namespace server {

class StaticFiles {
 public:
  explicit StaticFiles(base::Path root) : root_(std::move(root)) {}

  // The file of the path; index.html for a path that looks like one of the page's own addresses
  // (no extension); a page that tells how to build when the folder has no index.html.
  Response get(const Request& request) const;

 private:
  std::optional<base::Path> resolve(const Request& request) const;

  base::Path root_;
};

}  // namespace server
