// Reads the deletion vectors of a table's files, and keeps those that are used.
//
// Threads: any.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "lake/deletion_vector.h"
#include "lake/table.h"
#include "storage/object_store.h"

namespace lake {

class DeletionVectors {
 public:
  DeletionVectors(storage::ObjectStore& store, std::string table_path)
      : store_(store), table_path_(std::move(table_path)) {}

  // Rows of a file that are gone. kCorrupt names the vector's file; kUnsupported for one that lies
  // outside of the lake.
  base::Result<std::shared_ptr<const DeletedRows>> read(const AddFile& file);
  // Stores a vector as a new file, durable when it returns; its descriptor.
  base::Result<std::string> write(const DeletedRows& rows);
  // The key of a vector's file in the store; "" for an inline one or none.
  base::Result<std::string> key_of(const std::string& descriptor) const;

 private:
  base::Result<DeletedRows> load(const AddFile& file) const;

  storage::ObjectStore& store_;
  const std::string table_path_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const DeletedRows>> kept_;  // by id
  std::deque<std::string> order_;                                   // oldest first
  std::size_t kept_rows_ = 0;
};

}  // namespace lake
