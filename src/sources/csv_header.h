// A CSV file's header line against a topic's schema.
//
// Pure. Threads: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "schema/topic_schema.h"

namespace sources {

struct CsvHeader {
  std::vector<std::string> fields;  // by the file's column; "" where the topic has no such field
  bool schema_order = false;        // the columns are exactly the schema's fields in their order
};

// Columns are found by the topic's `columns:`, else by equal name (spaces around it and case
// aside). kInvalid when a field that is not nullable has no column; it names the field and the
// nearest column.
base::Result<CsvHeader> read_csv_header(std::string_view line, const schema::TopicSchema& topic);

// One CSV line of the fields' names, for the header `columns` of records.
std::string csv_line(const std::vector<std::string>& fields, char separator);

}  // namespace sources
