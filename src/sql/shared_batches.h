// Batches that SQL reads where they stand, through the table function `waybill_batch(id)`.
//
// Threads: any.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "base/result.h"
#include "columns/batch.h"
#include "sql/handles.h"

namespace sql {

class SharedBatches {
 public:
  std::int64_t add(std::shared_ptr<const columns::Batch> batch);
  void remove(std::int64_t id);
  std::shared_ptr<const columns::Batch> find(std::int64_t id) const;  // null when there is none

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::shared_ptr<const columns::Batch>> batches_;
  std::int64_t next_id_ = 1;
};

// Makes `waybill_batch` known to the database of this connection.
base::Result<> register_batch_function(duckdb_connection connection,
                                       std::shared_ptr<SharedBatches> batches);

}  // namespace sql
