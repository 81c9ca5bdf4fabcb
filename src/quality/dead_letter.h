// Dead letters: rows that could not go on, with their bytes, place and reason. The table
// `dead_letters` of the lake.
#pragma once

#include <string>

#include "base/clock.h"
#include "columns/batch.h"

namespace quality {

// id string ("model/topic/partition/offset"), model, run, topic string, partition integer, offset
// bigint, file string, line bigint (where a partner file says so), field string (the first that is
// wrong), reason string (all of them), raw string, time timestamp (when the log took the record, or
// of the run).
columns::Schema dead_letter_schema();

// A SELECT of dead letters (of that schema) for the rows of the bronze table `input` of the
// connection whose `_error` is set.
std::string schema_letters_sql(const std::string& model, const std::string& run,
                               const std::string& input);
// The same for the rows of `output` whose `_wb_failed` is set; the bytes come from `input` (bronze
// rows) by _partition and _offset, or are null when `input` is empty; the time is `now_us` then.
std::string rule_letters_sql(const std::string& model, const std::string& run,
                             const std::string& topic, const std::string& output,
                             const std::string& input, base::TimestampUs now_us);

}  // namespace quality
