// How records of one registered schema become rows: made once per schema id, run once per record.
//
// Threads: one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "columns/decoder.h"
#include "schema/avro_schema.h"
#include "schema/json_schema.h"
#include "schema/protobuf_schema.h"

namespace schema {

inline constexpr std::size_t kRecordDepthMax = 64;
inline constexpr std::size_t kRecordItemsMax = 1'000'000;      // of arrays and maps in one record
inline constexpr std::size_t kRecordJsonBytesMax = 8UL << 20;  // of one record's nested values

class RecordPlan {
 public:
  virtual ~RecordPlan() = default;
  // Appends one value to every column that it fills, in any order, and says which fields are bad.
  // The reason when the bytes are no record; the caller then takes the row back.
  virtual std::string decode(std::string_view bytes, std::size_t row, columns::Batch& out,
                             std::vector<columns::RowError>& errors) = 0;
  // Columns that no record of this schema fills.
  virtual const std::vector<std::size_t>& missing() const = 0;
};

// kInvalid when records of the schema have no fields by name.
base::Result<std::unique_ptr<RecordPlan>> avro_plan(std::shared_ptr<const AvroSchema> schema,
                                                    const columns::Schema& fields);
base::Result<std::unique_ptr<RecordPlan>> protobuf_plan(
    std::shared_ptr<const ProtobufSchema> schema, const columns::Schema& fields);

// The columns that hold what records of a schema have: whole numbers as bigint and the others as
// double, so that a schema may widen them; nested values as JSON text. All are nullable. Fields
// that no table can have (a leading _, a name that differs in case only) are left out.
base::Result<columns::Schema> columns_of(const ResolvedSchema& schema);

}  // namespace schema
