// The lake of a project, opened by a command that runs beside the platform or without it.
//
// Threads: one.
#pragma once

#include <memory>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "lake/catalog.h"
#include "sql/database.h"
#include "storage/object_store.h"

namespace cli {

// A folder that goes with the command.
struct ScratchFolder {
  base::Path path;
  ScratchFolder() = default;
  ScratchFolder(ScratchFolder&& other) noexcept : path(std::exchange(other.path, {})) {}
  ScratchFolder& operator=(ScratchFolder&& other) noexcept {
    std::swap(path, other.path);
    return *this;
  }
  ~ScratchFolder();
};

struct OpenedLake {
  ScratchFolder copies;  // of what lies on S3
  std::unique_ptr<storage::ObjectStore> store;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<sql::Connection> connection;
  std::unique_ptr<lake::Catalog> catalog;
};

// `lake` is a folder or an s3:// URL; empty: the project's.
base::Result<OpenedLake> open_lake(const std::string& project, const std::string& lake);

}  // namespace cli
